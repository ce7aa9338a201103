"""URLs that accept only forms: what their forms do, in words, and the page that they belong to."""

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
    """What a form does, in the words of its button."""

    label: Text
    by: str = ""
    """The field that selects what exactly the form does; "" for none."""
    labels: Mapping[str, Text] = field(default_factory=dict)
    """The label for each value of that field."""

    def name(self, sent: Mapping[str, Any]) -> str:
        return str(self.labels.get(sent.get(self.by, ""), self.label))

    def query(self, sent: Mapping[str, Any]) -> dict[str, str]:
        """The query parameters from which `name` can be derived again: known values only, nothing that was typed."""
        value = sent.get(self.by, "")
        return {self.by: value} if value in self.labels else {}


def does(label: Text, *, by: str = "", labels: Mapping[str, Text] | None = None) -> Callable[[View], View]:
    """Declare what a view's form does."""

    def decorate(view: View) -> View:
        view.act = Act(label, by, labels or {})  # type: ignore[attr-defined]
        return view

    return decorate


def post_only(view: View) -> View:
    """Allow POST only. Opening the URL, for instance by reloading, gives an error page with a link to the page above it."""

    @wraps(view)
    def handle(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.method == "POST":
            return cast("HttpResponse", view(request, *args, **kwargs))
        sentence = _("This page can't be opened directly. Go back to the page before it.")
        response = answer(
            request, 405, code="method_not_allowed", sentence=sentence, back=page_above(request.path_info)
        )
        response["Allow"] = "POST"
        return response

    handle.is_post_only = True  # type: ignore[attr-defined]
    return cast("View", handle)


def act_at(path: str) -> Act | None:
    """What a form sent to this path does; None if that is not declared."""
    found: Act | None = getattr(_view_at(path), "act", None)
    return found


def page_above(path: str) -> str:
    """The path of the nearest page that can be opened: this one, or the first above it."""
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
