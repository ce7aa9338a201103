"""Coming and going, and what is one's own."""

from django.urls import path

from accounts.views import coming, email, factor, forgotten, keys, me, reauthentication, sessions

urlpatterns = [
    path("login/", coming.login, name="login"),
    path("logout/", coming.logout, name="logout"),
    path("confirm/", reauthentication.confirm, name="confirm"),
    path("forgotten/", forgotten.ask, name="forgotten-password"),
    path("new-password/<str:ticket>/", forgotten.choose, name="new-password"),
    path("me/", me.account, name="me"),
    path("me/password/", me.password, name="my-password"),
    path("me/name/", me.name, name="my-name"),
    path("me/email/", email.change, name="my-email"),
    path("me/email/<str:token>/", email.confirm, name="confirm-email"),
    path("me/factor/", factor.show, name="second-factor"),
    path("me/factor/app/", factor.begin, name="new-second-factor"),
    path("me/factor/confirm/", factor.confirm, name="confirm-second-factor"),
    path("me/factor/codes/", factor.codes, name="recovery-codes"),
    path("me/factor/none/", factor.take_away, name="no-second-factor"),
    path("me/keys/", keys.listing, name="api-keys"),
    path("me/keys/<int:key_id>/revoke/", keys.revoke, name="revoke-api-key"),
    path("me/sessions/", sessions.listing, name="sessions"),
    path("me/sessions/<int:session_id>/end/", sessions.end, name="end-session"),
    path("me/sessions/others/end/", sessions.end_others, name="end-other-sessions"),
    path("me/end/", me.end_everything, name="end-everything"),
]
