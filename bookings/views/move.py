"""“Move to…”: the plain form, and the same for the hand that drags. One view, so that both follow one path."""

from dataclasses import replace
from datetime import date
from typing import Any
from uuid import UUID

from django.http import HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from accounts import roles
from accounts.views.post_only import does
from bookings import services
from bookings.audit import Event
from bookings.calendar import read_model
from bookings.errors import Stale
from bookings.forms import CalendarForm, MoveForm, OutlookForm
from bookings.models import Booking
from bookings.models import status as workflow
from bookings.services import Place
from bookings.services import move_preview as prospects
from bookings.views import notices
from bookings.views.base import PageRequest, draw, page
from bookings.views.booking import refusal, visible_booking
from core.errors import DomainError, NotFound
from core.web.requests import wants_json
from stations.models import Station
from stations.timetable import local_now


@require_http_methods(["GET", "HEAD", "POST"])
@page(roles.CHANGE)
@does(gettext_lazy("Move to…"))
def move(request: PageRequest, booking_id: UUID) -> HttpResponse:
    """Show the free slots of a day to choose from, or move the booking and go back to where the person was."""
    booking = visible_booking(request, booking_id)
    if request.method != "POST":
        return _choose(request, booking)
    form = MoveForm(request.POST)
    if not form.is_valid():
        return _refused(request, booking, _("Choose a date and a slot."))
    wanted = form.cleaned_data
    to = Place(wanted["date"], wanted["slot"], wanted["station"] or None)
    try:
        booking = services.reschedule(
            booking_id, to=to, by=request.user, seen_version=wanted["version"], allow_running=True
        )
    except DomainError as error:
        booking = visible_booking(request, booking_id)
        if not (isinstance(error, Stale) and _is_at(booking, to)):  # else it was sent twice, or a colleague was quicker
            return _refused(request, booking, refusal(error), code=error.code, wanted=wanted)
    here = (
        notices.safe(request, wanted["next"]) or f"/calendar/week/?station={booking.station.code}&date={booking.date}"
    )
    return notices.changed(request, booking, Event.RESCHEDULED, here=here)


def _is_at(booking: Booking, place: Place) -> bool:
    current = Place(booking.date, booking.slot, booking.station.code)
    wanted = replace(place, station=place.station or booking.station.code)
    return current == wanted and booking.status in workflow.RESCHEDULABLE and not booking.needs_place


@require_safe
@page(roles.CHANGE)
def outlook(request: PageRequest, booking_id: UUID) -> HttpResponse:
    """What each place of the calendar shown would be for this booking, or the rule that forbids it."""
    booking = visible_booking(request, booking_id)
    form = OutlookForm(request.GET)
    if not form.is_valid():
        return JsonResponse({"error": _("These dates are not valid.")}, status=400)
    asked = form.cleaned_data
    station = _station(request, asked["station"] or booking.station.code)
    try:
        found = prospects.outlook(booking, station, asked["first"], asked["last"], now=timezone.now())
    except DomainError as error:
        return JsonResponse({"error": refusal(error)}, status=400)
    return JsonResponse(
        {
            "places": [
                {
                    "date": f"{one.date}",
                    "slot": f"{one.slot:%H:%M}",
                    "code": one.code,
                    "after": one.after,
                    "says": one.says,
                }
                for one in found
            ]
        }
    )


def _station(request: PageRequest, code: str) -> Station:
    found = Station.objects.visible_to(request.user).coded(code).first()
    if found is None:
        raise NotFound
    return found


def _stations(request: PageRequest, booking: Booking) -> list[Station]:
    """Where the booking may go: the person's stations of its currency that take bookings, and its own."""
    same_currency = Station.objects.visible_to(request.user).filter(currency=booking.station.currency)
    return [station for station in same_currency if station.is_active or station.pk == booking.station_id]


def _refused(
    request: PageRequest,
    booking: Booking,
    sentence: str,
    *,
    code: str = "invalid",
    wanted: dict[str, Any] | None = None,
) -> HttpResponse:
    if not wants_json(request):
        return _choose(request, booking, error=sentence, status=notices.status_of(code))
    ways = ""
    if wanted and code == "stale" and booking.status in workflow.RESCHEDULABLE:
        shown = {"booking": booking, "wanted": wanted, "now": notices.place_of(booking)}
        ways = render_to_string("bookings/_stale.html", shown, request=request)
    return notices.refused(request, sentence, code=code, ways=ways)


def _choose(request: PageRequest, booking: Booking, *, error: str = "", status: int = 200) -> HttpResponse:
    words = request.POST if request.method == "POST" else request.GET
    form = CalendarForm(words)
    form.is_valid()
    stations = _stations(request, booking)
    code = form.cleaned_data.get("station") or booking.station.code
    station = next((station for station in stations if station.code == code), None)
    if station is None:
        raise NotFound
    now = timezone.now()
    day: date = form.cleaned_data.get("date") or max(booking.date, local_now(station, now).date())
    movable = booking.status in workflow.RESCHEDULABLE
    shown = {
        "booking": booking,
        "row": read_model.row_of(request.user, booking, contact=False),
        "station": station,
        "stations": stations,
        "day": day,
        "form": CalendarForm(initial={"date": day}),
        "choices": prospects.choices_of(booking, station, day, now=now) if movable else [],
        "movable": movable,
        "next": notices.safe(request, words.get("next", "")),
        "error": error,
    }
    return draw(request, "bookings/move.html", shown, status=status)
