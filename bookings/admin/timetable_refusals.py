"""Refused changes of a timetable as sentences, with the bookings that they are about."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext, ngettext

from bookings.admin import labels
from bookings.errors import WouldDisplace, WouldRetime
from bookings.models import Booking
from core.errors import DomainError

MAX_LISTED: Final = 50
"""Bookings listed in a refusal; the rest are counted."""


def sentences_of(refusal: DomainError, person: Any) -> Iterable[str]:
    """A refusal for a form: its message, and the bookings concerned, each with a link to the page on which it is moved."""
    yield str(refusal)
    bookings: Sequence[Booking] = refusal.data if isinstance(refusal, WouldDisplace | WouldRetime) else ()
    if bookings:
        yield _headline(refusal, len(bookings))
    for booking in bookings[:MAX_LISTED]:
        guests = ngettext("%(count)d guest", "%(count)d guests", booking.total_guests) % {"count": booking.total_guests}
        title = labels.booking_title(booking, person)
        yield format_html('<a href="{}">{}</a>, {}', reverse("move-booking", args=[booking.pk]), title, guests)
    if len(bookings) > MAX_LISTED:
        yield gettext("… and %(count)d more.") % {"count": len(bookings) - MAX_LISTED}


def _headline(refusal: DomainError, count: int) -> str:
    if isinstance(refusal, WouldRetime):
        text = ngettext(
            "%(count)d booking would start at another moment:",
            "%(count)d bookings would start at another moment:",
            count,
        )
    else:
        text = ngettext("%(count)d booking would lose its time:", "%(count)d bookings would lose their time:", count)
    return text % {"count": count}
