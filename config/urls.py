"""The URLs of the product."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from django.views.i18n import set_language

from core.web.routes import OptionalSlashRoute

urlpatterns: list[URLPattern | URLResolver] = [
    path("admin/", admin.site.urls),
    URLResolver(OptionalSlashRoute("api/"), "config.api_urls"),
    path("language/", set_language, name="language"),
    path("accounts/", include("accounts.urls")),
    path("", include("bookings.urls")),
]

handler400 = "config.errors.bad_request"
handler403 = "config.errors.forbidden"
handler404 = "config.errors.not_found"
handler500 = "config.errors.server_error"
