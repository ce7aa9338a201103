"""What a page tells after something was done, with the way back: kept in the session until shown, never holding PII."""

from typing import Any

from django.http import HttpRequest
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from bookings.models import Booking
from bookings.services import Place

KEY = "notice"


def keep(request: HttpRequest, text: str, undo: dict[str, Any] | None = None) -> None:
    request.session[KEY] = {"text": text, "undo": undo}


def taken_notice(request: HttpRequest) -> dict[str, Any] | None:
    """The notice to show on this page, once."""
    notice: dict[str, Any] | None = request.session.pop(KEY, None)
    return notice


def moved(booking: Booking, back: Place | None, *, here: str) -> dict[str, Any]:
    """“Moved to Saturday 8 March 19:00”, with the form that moves it back."""
    place = f"{date_format(booking.date, 'l j F')} {booking.slot:%H:%M}"
    undo = back and {
        "address": f"/bookings/{booking.pk}/move/",
        "station": back.station,
        "date": back.date.isoformat(),
        "slot": f"{back.slot:%H:%M}",
        "version": booking.version,
        "next": here,
    }
    return {"text": _("Moved to %(place)s.") % {"place": place}, "undo": undo}
