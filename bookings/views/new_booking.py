"""The form for a new booking, and what it shows of the customer that it is for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from accounts import customers, roles
from accounts.customers import ShownCustomer
from accounts.customers.normalization import looks_like_email, looks_like_phone
from accounts.models import Customer
from accounts.views.post_only import does, post_only
from bookings import services
from bookings.audit import Event
from bookings.forms import BookingCheckForm, IsoDateField, NewBookingForm, SlotField
from bookings.models import Booking
from bookings.services import Draft, overlaps
from bookings.services.overlaps import AlreadyBooked
from bookings.services.slot_offers import SlotOffer, next_offer, offer_of_day, repeat_offer
from bookings.views import notices
from bookings.views.base import PageRequest, page, render_page
from bookings.views.booking import visible_booking
from bookings.views.refusals import as_form_errors
from core import metrics
from core.errors import NotFound
from core.log_context import note_station
from core.web.redisplay import redisplays
from stations.models import Station
from stations.timetable import local_now


@dataclass(frozen=True, slots=True)
class Opening:
    """What the form starts from: station, slots to choose from, and the customer if they are known."""

    station: Station
    requested_day: date | None
    offer: SlotOffer
    customer: Customer | None = None
    initial: Mapping[str, Any] | None = None


@require_http_methods(["GET", "HEAD", "POST"])
@page(roles.CHANGE)
@redisplays
def new(request: PageRequest) -> HttpResponse:
    """The form for a new booking, opened from a free slot, by the button “New booking”, or to repeat a booking (`again`)."""
    opening = _opening(request)
    if opening is None:
        return render_page(request, "bookings/no_station.html", {})
    note_station(opening.station.pk)
    known = opening.customer
    form = _form(opening, request.POST or None)
    found: Sequence[Booking] = ()
    if form.is_valid():
        with as_form_errors(form, NewBookingForm.service_names if known else {}):
            try:
                booking = services.create(_draft(opening, form), by=request.user, known_overlaps=form.known_overlaps())
            except AlreadyBooked as error:
                metrics.count_refusal(error.code)
                found = error.data
            else:
                notices.keep_change(request, booking, Event.CREATED)
                return redirect("booking", booking.pk)
    return _show(request, opening, form, found)


@post_only
@page(roles.CHANGE)
@does(gettext_lazy("New booking"))
def new_for(request: PageRequest) -> HttpResponse:
    """The form with what was searched for without a hit: as the name, the phone or the email."""
    station = _station(request)
    if station is None:
        return render_page(request, "bookings/no_station.html", {})
    note_station(station.pk)
    typed = request.POST.get("q", "").strip()
    name = "email" if looks_like_email(typed) else "phone" if looks_like_phone(typed) else "name"
    opening = Opening(station, None, next_offer(station, now=timezone.now()), initial={name: typed})
    return _show(request, opening, _form(opening, None))


@require_safe
@page(roles.CHANGE)
def check(request: PageRequest) -> HttpResponse:
    """What the form shows once a customer, or another slot, was chosen: their bookings at that time, and their last request."""
    station = _station(request)
    if station is None:
        raise NotFound
    note_station(station.pk)
    customer = _known_customer(request, station)
    form = BookingCheckForm(request.GET)
    found: Sequence[Booking] = ()
    if customer and form.is_valid():
        place = form.cleaned_data
        offer = offer_of_day(station, place["date"], wanted=place["slot"], now=timezone.now())
        found = overlaps.in_slots(customer, offer.slots_from(place["slot"], place["slots"] or 1))
    return render_page(request, "bookings/_booking_check.html", _checked(request, station, customer, found))


def _form(opening: Opening, data: Any) -> NewBookingForm:
    form = NewBookingForm(data, offer=opening.offer, station=opening.station, initial=opening.initial)
    if data is None:
        form.set_focus(knows_customer=opening.customer is not None)
    return form


def _show(
    request: PageRequest, opening: Opening, form: NewBookingForm, overlapping: Sequence[Booking] = ()
) -> HttpResponse:
    """Render the form. `overlapping` are the bookings at that time because of which it was refused."""
    station, offer, known = opening.station, opening.offer, opening.customer
    if known and not form.is_bound and offer.preselected:
        overlapping = overlaps.in_slots(known, offer.slots_from(offer.preselected, form["slots"].value()))
    context = {
        "form": form,
        "station": station,
        "day": offer.day,
        "slot": offer.preselected,
        "is_another_day": not form.is_bound and opening.requested_day not in (None, offer.day),
        "known": customers.shown(known, request.user) if known else None,
        "may_search": request.user.has_perm(roles.PII),
        **_checked(request, station, known, overlapping),
        "refused": form.is_bound and bool(overlapping),
    }
    return render_page(request, "bookings/new.html", context, status=400 if form.is_bound else 200)


def _checked(
    request: PageRequest, station: Station, known: Customer | None, overlapping: Sequence[Booking]
) -> dict[str, Any]:
    """The context of `_booking_check.html`."""
    found = [(one, _shown(one, request)) for one in overlapping]
    may_read = request.user.has_perm(roles.PII)
    last_request = overlaps.last_request(known) if known and may_read else ""
    return {"station": station, "overlaps": found, "last_request": last_request}


def _shown(booking: Booking, request: PageRequest) -> ShownCustomer | None:
    return customers.shown(booking.customer, request.user) if booking.customer else None


def _draft(opening: Opening, form: NewBookingForm) -> Draft:
    data, known = form.cleaned_data, opening.customer
    return Draft(
        station=opening.station.code,
        date=data["date"],
        slot=data["slot"],
        status=data["status"],
        customer=form.new_contact(known) if known else form.contact(),
        customer_id=known.pk if known else None,
        save_contact=bool(known) and data["save_contact"],
        **form.party(),
    )


def _opening(request: PageRequest) -> Opening | None:
    """None for a person without a station. Raises NotFound."""
    if request.method != "POST" and "again" in request.GET:
        return _repeated(request)
    station = _station(request)
    if station is None:
        return None
    return Opening(station, *_offer(request, station), _known_customer(request, station))


def _repeated(request: PageRequest) -> Opening:
    """The same customer, party, weekday and time as another booking, a week later or as soon as there is room."""
    booking = visible_booking(request, _uuid(request.GET["again"]))
    offer = repeat_offer(booking, now=timezone.now())
    party = {name: getattr(booking, name) for name in ("party_adults", "party_kids", "slots")}
    kept = booking.customer if booking.customer and not booking.customer.erased_at else None
    return Opening(booking.station, None, offer, kept, party)


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
    customer = Customer.objects.kept().filter(station=station, pk=_uuid(text)).first()
    if customer is None:
        raise NotFound
    return customer


def _uuid(text: str) -> UUID:
    """Raises NotFound for text that is no UUID."""
    try:
        return UUID(text)
    except ValueError:
        raise NotFound from None
