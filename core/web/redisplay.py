"""Forms that are shown again with what was typed, and not saved: because their sender had been signed out, for example."""

from collections.abc import Callable
from enum import StrEnum, auto
from typing import TYPE_CHECKING, Any, Final, TypeVar

from django import forms
from django.http import HttpRequest, QueryDict
from django.utils.translation import gettext_lazy as _

from core.web import form_keys

if TYPE_CHECKING:
    _Form = forms.BaseForm
else:
    _Form = object

FIELD: Final = "redisplay"
"""In the data of a form that is only shown again: the `Reason`."""
TOKENS: Final = frozenset({"csrfmiddlewaretoken", form_keys.FIELD, FIELD})
"""Fields that each rendered form has anew."""

View = TypeVar("View", bound=Callable[..., Any])


class Reason(StrEnum):
    SIGNED_OUT = auto()
    SIGNED_IN_AGAIN = auto()
    SENT_BEFORE = auto()


SENTENCES: Final = {
    Reason.SIGNED_OUT: _("Not saved yet: you had been signed out. Check the form and save it."),
    Reason.SIGNED_IN_AGAIN: _("Not saved yet: you have signed in again since. Check the form and save it."),
    Reason.SENT_BEFORE: _("Not saved yet: you sent this form before, with other details. Check it and save it again."),
}


class RedisplayMixin(_Form):
    """A form that is not valid while it is only shown again, and says why."""

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        if reason := reason_in(self.data):
            raise forms.ValidationError(SENTENCES[reason], code=reason)
        return cleaned


def reason_in(data: Any) -> Reason | None:
    """Why this data is only shown again; None for data that is to be saved."""
    if FIELD not in data:
        return None
    return Reason(data[FIELD]) if data[FIELD] in list(Reason) else Reason.SENT_BEFORE


def redisplays(view: View) -> View:
    """Mark a view whose forms are all `RedisplayMixin`s."""
    view.redisplays = True  # type: ignore[attr-defined]
    return view


def prepare(request: HttpRequest, data: QueryDict, reason: Reason) -> None:
    """Let the request's view show a form again with this data, for this reason."""
    shown = data.copy()
    for name in TOKENS:
        shown.pop(name, None)
    shown[FIELD] = reason
    request.POST = shown  # type: ignore[assignment]  # which the view does not change


def is_possible(request: HttpRequest) -> bool:
    """Whether the view that the request leads to redisplays its forms."""
    return request.resolver_match is not None and getattr(request.resolver_match.func, "redisplays", False)


def is_asked(request: HttpRequest) -> bool:
    return is_possible(request) and reason_in(request.POST) is not None
