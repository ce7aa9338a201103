"""The pages of a booking: showing, creating and editing it, and changing its status."""

from datetime import date
from typing import Any, Final
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from accounts import customers, roles
from accounts.models import Customer
from accounts.views.post_only import Text, does, post_only
from bookings import audit, services
from bookings.audit import Event
from bookings.calendar import read_model
from bookings.forms import EditBookingForm, IsoDateField, NewBookingForm, SlotField, StatusForm
from bookings.mails import display
from bookings.models import Booking
from bookings.models import status as workflow
from bookings.models.status import STATUSES, Status
from bookings.services import Draft, contacts
from bookings.services.move_preview import next_free
from bookings.services.slot_offers import SlotOffer, next_offer, offer_of_day
from bookings.services.status_steps import next_steps
from bookings.views import notices
from bookings.views.base import PageRequest, page, render_page
from bookings.views.refusals import BadForm, as_form_errors, on_refusal, sentence
from core.errors import DomainError, NotFound
from core.log_context import note_station
from core.web.redisplay import redisplays
from stations.models import Station
from stations.timetable import local_now


def visible_booking(request: PageRequest, booking_id: UUID) -> Booking:
    """The booking with its station and customer. Raises NotFound for one that the person may not see."""
    found = Booking.objects.visible_to(request.user).select_related("station", "customer")
    booking = found.filter(pk=booking_id).first()
    if booking is None:
        raise NotFound
    note_station(booking.station_id)
    return booking


STEP_LABELS: Final[dict[str, Text]] = {status: facts.button for status, facts in STATUSES.items() if facts.button}


@require_safe
@page()
def detail(request: PageRequest, booking_id: UUID) -> HttpResponse:
    return booking_page(request, visible_booking(request, booking_id))


def refused_booking_page(request: PageRequest, error: DomainError, booking_id: UUID) -> HttpResponse:
    """The booking as it is now, with the error above it."""
    status = 400 if isinstance(error, BadForm) else 409
    return booking_page(request, visible_booking(request, booking_id), error=sentence(error), status=status)


@post_only
@page(roles.CHANGE)
@on_refusal(refused_booking_page)
@does(gettext_lazy("Status"), by="status", labels=STEP_LABELS)
def step(request: PageRequest, booking_id: UUID) -> HttpResponse:
    """Change the status, by one of the booking's buttons."""
    form = StatusForm(request.POST)
    if not form.is_valid():
        raise BadForm
    to, version = Status(form.cleaned_data["status"]), form.cleaned_data["version"]
    booking = services.change_status(booking_id, to, by=request.user, seen_version=version, idempotent=True)
    notices.keep_change(request, booking, Event.STATUS)
    return redirect("booking", booking_id)


@require_http_methods(["GET", "HEAD", "POST"])
@page(roles.CHANGE)
@redisplays
def edit(request: PageRequest, booking_id: UUID) -> HttpResponse:
    booking = visible_booking(request, booking_id)
    form = _edit_form(request, booking)
    if form.is_valid():
        with as_form_errors(form):
            version = form.cleaned_data["version"]
            booking = services.edit(booking_id, form.edits(), by=request.user, seen_version=version, idempotent=True)
            notices.keep_change(request, booking, Event.EDITED)
            return redirect("booking", booking_id)
    context = {"form": form, "booking": booking}
    return render_page(request, "bookings/edit.html", context, status=400 if form.is_bound else 200)


def _edit_form(request: PageRequest, booking: Booking) -> EditBookingForm:
    form = EditBookingForm(request.POST or None, booking=booking)
    if not request.user.has_perm(roles.PII):
        del form.fields["special_requests"]
    return form


@require_http_methods(["GET", "HEAD", "POST"])
@page(roles.CHANGE)
@redisplays
def new(request: PageRequest) -> HttpResponse:
    """The form for a new booking, opened from a free slot of the calendar or from the button “New booking”."""
    station = _station(request)
    if station is None:
        return render_page(request, "bookings/no_station.html", {})
    note_station(station.pk)
    requested_day, offer = _offer(request, station)
    known = _known_customer(request, station)
    form = NewBookingForm(request.POST or None, offer=offer, station=station)
    if form.is_valid():
        with as_form_errors(form, NewBookingForm.service_names if known else {}):
            booking = services.create(_draft(station, form, known), by=request.user)
            notices.keep_change(request, booking, Event.CREATED)
            return redirect("booking", booking.pk)
    context = {
        "form": form,
        "station": station,
        "day": offer.day,
        "slot": offer.preselected,
        "is_another_day": not form.is_bound and requested_day not in (None, offer.day),
        "known": customers.shown(known, request.user) if known else None,
        "may_search": request.user.has_perm(roles.PII),
    }
    return render_page(request, "bookings/new.html", context, status=400 if form.is_bound else 200)


def _draft(station: Station, form: NewBookingForm, known: Customer | None) -> Draft:
    data = form.cleaned_data
    return Draft(
        station=station.code,
        date=data["date"],
        slot=data["slot"],
        status=data["status"],
        customer=form.new_contact(known) if known else form.contact(),
        customer_id=known.pk if known else None,
        save_contact=bool(known) and data["save_contact"],
        **form.party(),
    )


def _station(request: PageRequest) -> Station | None:
    stations = list(Station.objects.visible_to(request.user))
    code = request.POST.get("station") or request.GET.get("station")
    if code:
        found = next((station for station in stations if station.code == code), None)
        if found is None:
            raise NotFound
        return found
    return stations[0] if stations else None


def _offer(request: PageRequest, station: Station) -> tuple[date | None, SlotOffer]:
    """The requested date, and the slots to choose from: of that date if it is ahead or a slot was requested too, otherwise those
    of the day with the next free slot."""
    now = timezone.now()
    today, query = local_now(station, now).date(), request.POST or request.GET
    day, start = (_parse(field, query.get(name)) for name, field in (("date", IsoDateField), ("slot", SlotField)))
    if request.method == "POST" or "slot" in query or (day and day > today):
        return day, offer_of_day(station, day or today, wanted=start, now=now)
    return day, next_offer(station, now=now)


def _parse(field: type[forms.Field], text: str | None) -> Any:
    """The value of a query parameter; None if it is invalid."""
    try:
        return field(required=False).clean(text)
    except ValidationError:
        return None


def _known_customer(request: PageRequest, station: Station) -> Customer | None:
    text = request.POST.get("customer") or request.GET.get("customer")
    if not text:
        return None
    try:
        customer = Customer.objects.kept().filter(station=station, pk=UUID(text)).first()
    except ValueError:
        customer = None
    if customer is None:
        raise NotFound
    return customer


def details(request: PageRequest, booking: Booking, *, revealed: bool = False) -> dict[str, Any]:
    """The context of `_details.html`: a booking on its own page or in the panel; the customer's contact only if `revealed`."""
    may_change = request.user.has_perm(roles.CHANGE)
    movable = may_change and booking.status in workflow.RESCHEDULABLE
    may_read = request.user.has_perm(roles.PII)
    recipient, proposal = contacts.recipient_and_pending(booking) if may_read else (None, None)
    mails = display.describe_all(booking, request.user, timezone.now())
    return {
        "booking": booking,
        "row": read_model.row_of(request.user, booking, contact=revealed),
        "revealed": revealed,
        "steps": next_steps(booking, now=timezone.now()) if may_change else [],
        "movable": movable,
        "free": next_free(booking, now=timezone.now()) if movable else [],
        "may_change": may_change,
        "may_read": may_read,
        "proposal": proposal,
        "recipient": recipient.email if recipient else "",
        "mails": mails,
        "unnotified": next((shown for shown in mails if shown.call), None),
        "history": audit.story(booking, request.user),
    }


def booking_page(
    request: PageRequest, booking: Booking, *, revealed: bool = False, error: str = "", status: int = 200
) -> HttpResponse:
    context = {
        "panel": details(request, booking, revealed=revealed),
        "here": reverse("booking", args=[booking.pk]),
        "notice": notices.taken_notice(request),
        "error": error,
    }
    return render_page(request, "bookings/booking.html", context, status=status)
