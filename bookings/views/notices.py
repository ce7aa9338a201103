"""What a page tells after something was done or refused, with the way back: in the page itself, or as JSON for its script.

A notice is kept in the session until it is shown, and never holds PII.
"""

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _

from bookings.models import Booking
from bookings.views.access import wants_json
from stations import wording

KEY = "notice"
REFUSED_KEY = "refused"


def keep(request: HttpRequest, text: str, undo: Mapping[str, Any] | None = None) -> None:
    request.session[KEY] = {"text": text, "undo": undo}


def taken_notice(request: HttpRequest) -> dict[str, Any] | None:
    """The notice to show on this page, once."""
    notice: dict[str, Any] | None = request.session.pop(KEY, None)
    return notice


def taken_refusal(request: HttpRequest) -> str:
    """The refusal to show on this page, once; "" for none."""
    refusal: str = request.session.pop(REFUSED_KEY, "")
    return refusal


def done(request: HttpRequest, text: str, *, undo: Mapping[str, Any] | None, here: str) -> HttpResponse:
    """Told to the page's script, or on the page where the person goes next. `undo` is the move that can be taken back."""
    if wants_json(request):
        told = {"notice": {"text": text, "undo": undo}, "here": here}
        return JsonResponse(
            {"moved": True, "text": text, "notice": render_to_string("bookings/_notice.html", told, request=request)}
        )
    keep(request, text, undo)
    return redirect(here or "week")


def refused(
    request: HttpRequest, sentence: str, *, code: str = "invalid", ways: str = "", here: str = ""
) -> HttpResponse:
    """A refusal that has no form of its own to stand on; `ways` is HTML with what the person may do now."""
    if wants_json(request):
        return JsonResponse({"moved": False, "code": code, "error": sentence, "ways": ways}, status=status_of(code))
    request.session[REFUSED_KEY] = sentence
    return redirect(here or "week")


def status_of(code: str) -> int:
    return {"stale": 409, "not_found": 404}.get(code, 400)


def moved(booking: Booking) -> str:
    return _("Moved to %(place)s.") % {"place": place_of(booking)}


def place_of(booking: Booking) -> str:
    """“Saturday 8 March 19:00”."""
    country = booking.station.country
    return wording.moment(wording.long_day(booking.date, country), booking.slot, country)


def safe(request: HttpRequest, address: str) -> str:
    """An address to go back to, if it is one of ours; else nothing."""
    ours = url_has_allowed_host_and_scheme(address, allowed_hosts=None, require_https=request.is_secure())
    return address if ours and address.startswith("/") else ""
