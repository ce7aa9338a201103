"""The admin site, with the product's own sign-in, search limit and form keys."""

from functools import wraps
from typing import Any, Final

from csp.constants import SELF
from csp.decorators import csp_update
from django.contrib.admin import AdminSite
from django.contrib.admin.views.main import SEARCH_VAR
from django.db.models.base import ModelBase
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _

from accounts.auth.rate_limits import count_search
from accounts.views.interrupted import ask_to_sign_in
from accounts.views.submit_once import submit_once
from core.web.error_pages import answer, too_many_requests

HIDDEN_APPS = ("auditlog", "token_blacklist")
"""Libraries whose own admin pages are not shown."""
REMOVED_URLS = ("view_on_site", "password_change_done")
SECTIONS: Final = (
    ("bookings", ("Booking", "Customer", "Mail")),
    ("stations", ("Station",)),
    ("accounts", ("User", "Group", "AuditEntry")),
)
"""The models on the index and in the header, in order of use, under the app that gives their section its name."""


def _with_search_limit(view: Any) -> Any:
    """Refuse searches over the user's rate limit."""

    @wraps(view)
    def handle(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if request.GET.get(SEARCH_VAR, "").strip() and (wait := count_search(request.user)):
            return too_many_requests(request, wait)
        return view(request, *args, **kwargs)

    return handle


def _resume_forms_after_sign_in(view: Any) -> Any:
    """Ask someone who was signed out while filling in a form to sign in, and keep the form."""

    @wraps(view)
    def handle(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if request.method == "POST" and not request.user.is_authenticated and request.path != reverse("admin:logout"):
            return ask_to_sign_in(request)
        return view(request, *args, **kwargs)

    return handle


class StationbookAdmin(AdminSite):
    site_header = _("Stationbook: administration")
    site_title = _("Stationbook")
    index_title = _("Administration")
    enable_nav_sidebar = False

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """Register models, except those of hidden apps and except by a hidden app's own admin class."""
        models: list[Any] = [model_or_iterable] if isinstance(model_or_iterable, ModelBase) else list(model_or_iterable)
        package = getattr(admin_class, "__module__", "").partition(".")[0]
        if package not in HIDDEN_APPS:
            super().register(
                [model for model in models if model._meta.app_label not in HIDDEN_APPS], admin_class, **options
            )

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """Allow scripts from this site's files, because Django's templates have no nonces. Inline scripts stay forbidden."""
        inner = super().admin_view(submit_once(_with_search_limit(view)), cacheable)
        return csp_update({"script-src": [SELF]})(_resume_forms_after_sign_in(inner))

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """The sections of `SECTIONS`; for the page of one app, its own models."""
        apps = super().get_app_list(request, app_label)
        if app_label is not None:
            return apps
        models = {model["object_name"]: model for app in apps for model in app["models"]}
        sections = {app["app_label"]: app for app in apps}
        grouped = (
            {**sections[label], "models": [models[name] for name in names if name in models]}
            for label, names in SECTIONS
            if label in sections
        )
        return [section for section in grouped if section["models"]]

    def get_urls(self) -> list[Any]:
        """Without “view on site”, which would look up any row of any table and is not used."""
        return [one for one in super().get_urls() if getattr(one, "name", "") not in REMOVED_URLS]

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Redirect to the account page, where passwords are changed."""
        return redirect("account")

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Redirect to the product's sign-in page, which limits attempts; refuse users without access to the admin."""
        if request.user.is_authenticated:
            return redirect("admin:index") if self.has_permission(request) else answer(request, 403)
        target = request.GET.get("next", request.get_full_path())
        return redirect(f"/accounts/login/?{urlencode({'next': target})}")
