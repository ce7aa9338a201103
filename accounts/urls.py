"""Coming and going, and what is one's own."""

from django.urls import path

from accounts.views import coming, me

urlpatterns = [
    path("login/", coming.login, name="login"),
    path("logout/", coming.logout, name="logout"),
    path("me/", me.account, name="me"),
    path("me/password/", me.password, name="my-password"),
    path("me/end/", me.end_everything, name="end-everything"),
]
