"""URLs for signing in and out, and for one's own account."""

from django.urls import path

from accounts.views import account, api_keys, email, login, password_reset, reauthentication, sessions, two_factor

urlpatterns = [
    path("login/", login.login, name="login"),
    path("logout/", login.logout, name="logout"),
    path("confirm/", reauthentication.confirm_password, name="confirm-password"),
    path("forgotten/", password_reset.request_reset, name="forgotten-password"),
    path("new-password/<str:reset_token>/", password_reset.set_password, name="new-password"),
    path("me/", account.show, name="account"),
    path("me/password/", account.change_password, name="change-password"),
    path("me/name/", account.change_name, name="change-name"),
    path("me/email/", email.change, name="change-email"),
    path("me/email/<str:token>/", email.confirm, name="confirm-email"),
    path("me/factor/", two_factor.show, name="two-factor"),
    path("me/factor/app/", two_factor.start_enrolment, name="start-two-factor"),
    path("me/factor/confirm/", two_factor.confirm, name="confirm-two-factor"),
    path("me/factor/codes/", two_factor.renew_recovery_codes, name="recovery-codes"),
    path("me/factor/none/", two_factor.disable, name="disable-two-factor"),
    path("me/keys/", api_keys.index, name="api-keys"),
    path("me/keys/<int:key_id>/revoke/", api_keys.revoke, name="revoke-api-key"),
    path("me/sessions/", sessions.index, name="sessions"),
    path("me/sessions/<int:session_id>/end/", sessions.end, name="end-session"),
    path("me/sessions/others/end/", sessions.end_others, name="end-other-sessions"),
    path("me/end/", account.revoke_access, name="revoke-access"),
]
