"""Django's admin, under the product's name and behind its own log-in."""

from functools import wraps
from typing import Any

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

THIRD_PARTIES = ("auditlog", "token_blacklist")
"""Libraries whose tables are nobody's to look at, or for which the product has pages of its own."""
NOT_HERE = ("view_on_site", "password_change_done")


def _with_search_limit(view: Any) -> Any:
    """The view, unless it is asked to search by somebody who has searched too often."""

    @wraps(view)
    def handle(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if request.GET.get(SEARCH_VAR, "").strip() and (wait := count_search(request.user)):
            return too_many_requests(request, wait)
        return view(request, *args, **kwargs)

    return handle


def _forms_after_sign_in(view: Any) -> Any:
    """The view, unless somebody sends a form who was signed out meanwhile."""

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

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """Leave out what libraries bring: their tables, and their pages for ours."""
        models: list[Any] = [model_or_iterable] if isinstance(model_or_iterable, ModelBase) else list(model_or_iterable)
        bring = getattr(admin_class, "__module__", "").partition(".")[0]
        if bring not in THIRD_PARTIES:
            super().register(
                [model for model in models if model._meta.app_label not in THIRD_PARTIES], admin_class, **options
            )

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """With scripts from this site's files, for Django's templates of these pages know no nonces; inline ones as nowhere."""
        inner = super().admin_view(submit_once(_with_search_limit(view)), cacheable)
        return csp_update({"script-src": [SELF]})(_forms_after_sign_in(inner))

    def get_urls(self) -> list[Any]:
        """Without “view on site”: nothing here has such a page, and that one would look up any row of any table."""
        return [one for one in super().get_urls() if getattr(one, "name", "") not in NOT_HERE]

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """The product's one place for it."""
        return redirect("account")

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The product's one log-in, so that failures are counted in one place; somebody signed in is told what they lack."""
        if request.user.is_authenticated:
            return redirect("admin:index") if self.has_permission(request) else answer(request, 403)
        target = request.GET.get("next", request.get_full_path())
        return redirect(f"/accounts/login/?{urlencode({'next': target})}")
