"""A booking's own page: all of it, its steps, its history; making and editing one."""

from collections.abc import Mapping
from datetime import date
from typing import Any, Final
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from accounts import customers, roles
from accounts.models import Customer
from accounts.views.post_only import Text, does, post_only
from bookings import audit, services
from bookings.audit import Event
from bookings.calendar import read_model
from bookings.errors import Stale
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
from bookings.views.base import PageRequest, draw, page
from core import metrics
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


@post_only
@page(roles.CHANGE)
@does(gettext_lazy("Status"), by="status", labels=STEP_LABELS)
def step(request: PageRequest, booking_id: UUID) -> HttpResponse:
    """One of the buttons of a booking: the next status."""
    booking = visible_booking(request, booking_id)
    form = StatusForm(request.POST)
    if not form.is_valid():
        return booking_page(request, booking, error=_("Something went wrong. Please try again."), status=400)
    to, version = Status(form.cleaned_data["status"]), form.cleaned_data["version"]
    try:
        booking = services.change_status(booking_id, to, by=request.user, seen_version=version)
    except DomainError as error:
        booking = visible_booking(request, booking_id)
        if booking.status != to:  # else it was pressed twice, or a colleague was quicker
            return booking_page(request, booking, error=refusal(error), status=409)
    notices.keep_change(request, booking, Event.STATUS)
    return redirect("booking", booking_id)


@require_http_methods(["GET", "HEAD", "POST"])
@page(roles.CHANGE)
@redisplays
def edit(request: PageRequest, booking_id: UUID) -> HttpResponse:
    booking = visible_booking(request, booking_id)
    form = _edit_form(request, booking)
    if form.is_valid():
        try:
            seen = form.cleaned_data["version"]
            booking = services.edit(booking_id, form.edits(), by=request.user, seen_version=seen)
        except Stale as error:
            booking = visible_booking(request, booking_id)
            if not _is_saved(request, booking):
                show_on(form, error)
        except DomainError as error:
            show_on(form, error)
        if not form.errors:
            notices.keep_change(request, booking, Event.EDITED)
            return redirect("booking", booking_id)
    shown = {"form": form, "booking": booking}
    return draw(request, "bookings/edit.html", shown, status=400 if form.is_bound else 200)


def _edit_form(request: PageRequest, booking: Booking) -> EditBookingForm:
    form = EditBookingForm(request.POST or None, booking=booking)
    if not request.user.has_perm(roles.PII):
        del form.fields["special_requests"]
    return form


def _is_saved(request: PageRequest, booking: Booking) -> bool:
    """Whether a booking that has changed since is as the form wants it: it was sent twice."""
    form = _edit_form(request, booking)
    return form.is_valid() and not form.edits() and form.cleaned_data["version"] < booking.version


@require_http_methods(["GET", "HEAD", "POST"])
@page(roles.CHANGE)
@redisplays
def new(request: PageRequest) -> HttpResponse:
    """A new booking, from a free cell (whose place stands in the address) or from a button."""
    station = _station(request)
    if station is None:
        return draw(request, "bookings/no_station.html", {})
    note_station(station.pk)
    asked_day, offer = _offer(request, station)
    known = _known_customer(request, station)
    form = NewBookingForm(request.POST or None, offer=offer, station=station)
    if form.is_valid():
        try:
            booking = services.create(_draft(station, form, known), by=request.user)
        except DomainError as error:
            show_on(form, error, NewBookingForm.service_names if known else {})
        else:
            notices.keep_change(request, booking, Event.CREATED)
            return redirect("booking", booking.pk)
    shown = {
        "form": form,
        "station": station,
        "day": offer.day,
        "slot": offer.preselected,
        "is_another_day": not form.is_bound and asked_day not in (None, offer.day),
        "known": customers.shown(known, request.user) if known else None,
        "may_search": request.user.has_perm(roles.PII),
    }
    return draw(request, "bookings/new.html", shown, status=400 if form.is_bound else 200)


def _draft(station: Station, form: NewBookingForm, known: Customer | None) -> Draft:
    words = form.cleaned_data
    return Draft(
        station=station.code,
        date=words["date"],
        slot=words["slot"],
        status=words["status"],
        customer=form.new_contact(known) if known else form.contact(),
        customer_id=known.pk if known else None,
        save_contact=bool(known) and words["save_contact"],
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
    """The date that was asked for, and the slots to choose from: of that date where a slot was asked for too or it lies ahead,
    otherwise those around the next free one."""
    now = timezone.now()
    today, asked = local_now(station, now).date(), request.POST or request.GET
    day, wanted = (_read(field, asked.get(name)) for name, field in (("date", IsoDateField), ("slot", SlotField)))
    if request.method == "POST" or "slot" in asked or (day and day > today):
        return day, offer_of_day(station, day or today, wanted=wanted, now=now)
    return day, next_offer(station, now=now)


def _read(field: type[forms.Field], words: str | None) -> Any:
    """What the field makes of an address's words; None for what it cannot read."""
    try:
        return field(required=False).clean(words)
    except ValidationError:
        return None


def _known_customer(request: PageRequest, station: Station) -> Customer | None:
    said = request.POST.get("customer") or request.GET.get("customer")
    if not said:
        return None
    try:
        found = Customer.objects.kept().filter(station=station, pk=UUID(said)).first()
    except ValueError:
        found = None
    if found is None:
        raise NotFound
    return found


def details(request: PageRequest, booking: Booking, *, revealed: bool = False) -> dict[str, Any]:
    """All that is shown of a booking, on its own page and in the panel beside a calendar; the customer's contact where it was
    `revealed`."""
    may_change = request.user.has_perm(roles.CHANGE)
    movable = may_change and booking.status in workflow.RESCHEDULABLE
    may_read = request.user.has_perm(roles.PII)
    recipient, given = contacts.recipient_and_pending(booking) if may_read else (None, None)
    mails = display.of(booking, request.user, timezone.now())
    return {
        "booking": booking,
        "row": read_model.row_of(request.user, booking, contact=revealed),
        "revealed": revealed,
        "steps": next_steps(booking, now=timezone.now()) if may_change else [],
        "movable": movable,
        "free": next_free(booking, now=timezone.now()) if movable else [],
        "may_change": may_change,
        "may_read": may_read,
        "given": given,
        "recipient": recipient.email if recipient else "",
        "mails": mails,
        "untold": next((shown for shown in mails if shown.call), None),
        "story": audit.story(booking, request.user),
    }


def booking_page(
    request: PageRequest, booking: Booking, *, revealed: bool = False, error: str = "", status: int = 200
) -> HttpResponse:
    shown = {
        "panel": details(request, booking, revealed=revealed),
        "here": reverse("booking", args=[booking.pk]),
        "notice": notices.taken_notice(request),
        "error": error,
    }
    return draw(request, "bookings/booking.html", shown, status=status)


def refusal(error: DomainError) -> str:
    """The sentence for somebody who is refused, which is counted."""
    metrics.count_refusal(error.code)
    return sentence(error)


def sentence(error: DomainError) -> str:
    """The refusal's sentence; for a booking changed meanwhile also by whom and to what."""
    last = getattr(error.data, "last", None)
    if last is None:
        fields = [str(text) for texts in error.fields.values() for text in texts]
        return " ".join([str(error), *fields])
    who = last.who or _("a command")
    return _("%(who)s has changed this booking: %(what)s. Check it before you change it.") % {
        "who": who,
        "what": last.what,
    }


def show_on(form: Any, error: DomainError, names: Mapping[str, str] | None = None) -> None:
    """A rule's refusal on a form: at the fields it names, or above them all. `names` are the form's own for a service's."""
    metrics.count_refusal(error.code)
    called = {(names or {}).get(name, name): texts for name, texts in error.fields.items()}
    named = {name: texts for name, texts in called.items() if name in form.fields}
    for name, texts in named.items():
        form.add_error(name, [str(text) for text in texts])
    if not named:
        form.add_error(None, sentence(error))
