"""Django's admin, under the product's name and behind its own log-in."""

from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.admin.apps import AdminConfig as DjangosAdminConfig
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _


class StationbookAdmin(AdminSite):
    site_header = _("Stationbook: management")
    site_title = _("Stationbook")
    index_title = _("What to manage")

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The product's one log-in, so that failures are counted in one place."""
        target = request.GET.get("next", request.get_full_path())
        return redirect(f"/accounts/login/?{urlencode({'next': target})}")


class AdminConfig(DjangosAdminConfig):
    default_site = "config.admin.StationbookAdmin"
