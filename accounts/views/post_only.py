"""Addresses that take forms and are no pages: what they do, in words, and the page where that belongs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, TypeVar, cast

from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, resolve
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from core.web.error_pages import answer

Text = str | Promise
View = TypeVar("View", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Act:
    """What a form does, named as its button is."""

    label: Text
    by: str = ""
    """Which of the form's fields says what exactly it does; "" for none."""
    labels: Mapping[str, Text] = field(default_factory=dict)
    """The act's name for each value of that field."""

    def name(self, sent: Mapping[str, Any]) -> str:
        return str(self.labels.get(sent.get(self.by, ""), self.label))

    def query(self, sent: Mapping[str, Any]) -> dict[str, str]:
        """What an address has to hold for the act to be named again: one of the known values, and nothing that was typed."""
        value = sent.get(self.by, "")
        return {self.by: value} if value in self.labels else {}


def does(label: Text, *, by: str = "", labels: Mapping[str, Text] | None = None) -> Callable[[View], View]:
    """Say what a view's form does."""

    def decorate(view: View) -> View:
        view.act = Act(label, by, labels or {})  # type: ignore[attr-defined]
        return view

    return decorate


def post_only(view: View) -> View:
    """A view that takes forms alone. Whoever opens its address, as on a reload, is shown the way to the page above it."""

    @wraps(view)
    def handle(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.method == "POST":
            return cast("HttpResponse", view(request, *args, **kwargs))
        sentence = _("This address can't be opened by itself. Go back to the page that it belongs to.")
        response = answer(
            request, 405, code="method_not_allowed", sentence=sentence, back=page_above(request.path_info)
        )
        response["Allow"] = "POST"
        return response

    handle.is_post_only = True  # type: ignore[attr-defined]
    return cast("View", handle)


def act_at(path: str) -> Act | None:
    """What a form sent there does; None where nobody has said."""
    found: Act | None = getattr(_view_at(path), "act", None)
    return found


def page_above(path: str) -> str:
    """The nearest address that can be opened: this one, or the first above it. Its path alone."""
    while path != "/":
        view = _view_at(path)
        if view is not None and not getattr(view, "is_post_only", False):
            return path
        path = path.rstrip("/").rpartition("/")[0] + "/"
    return path


def _view_at(path: str) -> Any:
    try:
        return resolve(path).func
    except Resolver404:
        return None
