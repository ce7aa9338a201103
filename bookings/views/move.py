"""Moving a booking: the page “Move to…”, the same form sent by a drag, and the preview of a drag."""

from datetime import date
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.urls import reverse
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
from bookings.forms import CalendarForm, MoveForm, MoveOptionsForm
from bookings.models import Booking
from bookings.models import status as workflow
from bookings.services import Place, move_preview
from bookings.services.move_preview import SlotOption
from bookings.views import notices
from bookings.views.base import PageRequest, page, render_page
from bookings.views.booking import visible_booking
from bookings.views.refusals import on_refusal, sentence
from core.errors import DomainError, Invalid, NotFound, page_status
from core.web.error_json import error_body
from core.web.requests import wants_json
from stations.models import Station
from stations.timetable import local_now


def _refused(request: PageRequest, error: DomainError, booking_id: UUID) -> HttpResponse:
    booking = visible_booking(request, booking_id)
    if not wants_json(request):
        return _move_page(request, booking, error=sentence(error), status=page_status(error.code))
    actions = ""
    form = MoveForm(request.POST)
    if isinstance(error, Stale) and form.is_valid() and booking.status in workflow.RESCHEDULABLE:
        context = {"booking": booking, "wanted": form.cleaned_data, "now": notices.format_slot(booking)}
        actions = render_to_string("bookings/_stale_actions.html", context, request=request)
    return notices.error_response(request, error, actions=actions)


@require_http_methods(["GET", "HEAD", "POST"])
@page(roles.CHANGE)
@on_refusal(_refused)
@does(gettext_lazy("Move to…"))
def move(request: PageRequest, booking_id: UUID) -> HttpResponse:
    """The slots of a day to choose from; by POST, from that page or after a drag, move the booking."""
    if request.method != "POST":
        return _move_page(request, visible_booking(request, booking_id))
    form = MoveForm(request.POST)
    if not form.is_valid():
        raise Invalid(_("Choose a date and a slot."))
    to = Place(form.cleaned_data["date"], form.cleaned_data["slot"], form.cleaned_data["station"] or None)
    version = form.cleaned_data["version"]
    moved = services.reschedule(
        booking_id, to=to, by=request.user, seen_version=version, allow_running=True, idempotent=True
    )
    here = notices.safe_path(request, form.cleaned_data["next"]) or _week_of(moved.booking)
    return notices.change_response(request, moved.booking, Event.RESCHEDULED, here=here, step=moved.step)


def _week_of(booking: Booking) -> str:
    return f"{reverse('week')}?{urlencode({'station': booking.station.code, 'date': booking.date.isoformat()})}"


def _options_refused(request: PageRequest, error: DomainError, booking_id: UUID) -> HttpResponse:
    if isinstance(error, NotFound):
        raise error
    return JsonResponse(error_body(request, error.code, sentence(error)), status=page_status(error.code))


@require_safe
@page(roles.CHANGE)
@on_refusal(_options_refused)
def move_options(request: PageRequest, booking_id: UUID) -> HttpResponse:
    """JSON for the page's script: each slot of the calendar shown, and why the booking can't be moved there if so."""
    booking = visible_booking(request, booking_id)
    form = MoveOptionsForm(request.GET)
    if not form.is_valid():
        raise Invalid(_("Request 1 to 42 days."))
    query = form.cleaned_data
    station = _station(request, query["station"] or booking.station.code)
    options = move_preview.slot_options(booking, station, query["first"], query["last"], now=timezone.now())
    return JsonResponse({"options": [_option_as_json(option) for option in options]})


def _option_as_json(option: SlotOption) -> dict[str, str]:
    return {
        "date": option.date.isoformat(),
        "slot": f"{option.slot:%H:%M}",
        "code": option.code,
        "label": option.label,
        "description": option.description,
    }


def _station(request: PageRequest, code: str) -> Station:
    found = Station.objects.visible_to(request.user).coded(code).first()
    if found is None:
        raise NotFound
    return found


def _stations(request: PageRequest, booking: Booking) -> list[Station]:
    """Stations that the booking can move to: its own, and active ones of the person's with the same currency."""
    same_currency = Station.objects.visible_to(request.user).filter(currency=booking.station.currency)
    return [station for station in same_currency if station.is_active or station.pk == booking.station_id]


def _move_page(request: PageRequest, booking: Booking, *, error: str = "", status: int = 200) -> HttpResponse:
    query = request.POST if request.method == "POST" else request.GET
    form = CalendarForm(query)
    form.is_valid()
    stations = _stations(request, booking)
    code = form.cleaned_data.get("station") or booking.station.code
    station = next((station for station in stations if station.code == code), None)
    if station is None:
        raise NotFound
    now = timezone.now()
    day: date = form.cleaned_data.get("date") or max(booking.date, local_now(station, now).date())
    movable = booking.status in workflow.RESCHEDULABLE
    context = {
        "booking": booking,
        "row": read_model.row_of(request.user, booking, contact=False),
        "station": station,
        "stations": stations,
        "day": day,
        "form": CalendarForm(initial={"date": day}),
        "options": move_preview.upcoming_options(booking, station, day, now=now) if movable else [],
        "movable": movable,
        "next": notices.safe_path(request, query.get("next", "")),
        "error": error,
    }
    return render_page(request, "bookings/move.html", context, status=status)
