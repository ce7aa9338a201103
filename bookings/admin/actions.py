"""Runs an action of the admin for each selected row, and reports those that were refused."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final, TypeVar

from django.contrib import messages
from django.db.models import Model
from django.http import HttpRequest
from django.utils.translation import ngettext

from bookings.views.refusals import counted_sentence
from core.errors import DomainError

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin

REFUSALS_SHOWN: Final = 20
"""Refusals that an action lists; the rest are counted."""

Row = TypeVar("Row", bound=Model)


def each(
    page: "ModelAdmin[Any]",
    request: HttpRequest,
    chosen: Iterable[Row],
    act: Callable[[Row], object],
    label: Callable[[Row], str] = str,
) -> int:
    """Call `act` for each row and show the refusals. Returns how many succeeded.

    `label` names a row in a message. Messages wait in the session until they are shown, so it must not contain personal data.
    """
    done, refused = 0, []
    for row in chosen:
        try:
            act(row)
            done += 1
        except DomainError as error:
            refused.append(f"{label(row)}: {counted_sentence(error)}")
    for text in refused[:REFUSALS_SHOWN]:
        page.message_user(request, text, messages.ERROR)
    if more := len(refused[REFUSALS_SHOWN:]):
        message = ngettext("%(count)d more was refused.", "%(count)d more were refused.", more)
        page.message_user(request, message % {"count": more}, messages.ERROR)
    return done
