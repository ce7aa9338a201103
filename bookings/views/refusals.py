"""How a service's domain error becomes a page, a form's errors, or JSON for the page's script."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from typing import Any, cast

from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core import metrics
from core.errors import DomainError

View = Callable[..., HttpResponse]


class BadForm(DomainError):
    """A form without fields to type into, such as a button, holds what the page never sends."""

    sentence = gettext_lazy("Something went wrong. Please try again.")


def on_refusal(respond: View) -> Callable[[View], View]:
    """Answer a domain error that a view raises with `respond(request, error, *args, **kwargs)`.

    `respond` may raise again what `page` answers: NotFound and NotPermitted.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def handle(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            try:
                return view(request, *args, **kwargs)
            except DomainError as error:
                response = respond(request, error, *args, **kwargs)
                metrics.count_refusal(error.code)
                return response

        return cast("View", handle)

    return decorate


@contextmanager
def as_form_errors(form: BaseForm, names: Mapping[str, str] | None = None) -> Iterator[None]:
    """Turn a domain error into errors of the form: at the fields that it names, or above them all.

    `names` maps a service's names of fields to the form's, where they differ.
    """
    try:
        yield
    except DomainError as error:
        metrics.count_refusal(error.code)
        _add_errors(form, error, names or {})


def _add_errors(form: BaseForm, error: DomainError, names: Mapping[str, str]) -> None:
    by_field = {names.get(name, name): texts for name, texts in error.fields.items()}
    known = {name: texts for name, texts in by_field.items() if name in form.fields}
    for name, texts in known.items():
        form.add_error(name, [str(text) for text in texts])
    if not known:
        form.add_error(None, sentence(error))


def sentence(error: DomainError) -> str:
    """The error's sentence; for a booking that somebody else has changed also who changed it, and how."""
    last = getattr(error.data, "last", None)
    if last is None:
        fields = [str(text) for texts in error.fields.values() for text in texts]
        return " ".join([str(error), *fields])
    return _("%(who)s has changed this booking: %(what)s. Check it before you change it.") % {
        "who": last.who or _("a command"),
        "what": last.what,
    }


def counted_sentence(error: DomainError) -> str:
    """The error's sentence, for callers that answer it themselves; counts the refusal."""
    metrics.count_refusal(error.code)
    return sentence(error)
