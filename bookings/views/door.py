"""The forms of the door: one tap marks a party as arrived, left or missing, counts its guests, or seats a walk-in."""

from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext_lazy

from accounts import roles
from accounts.views.post_only import does, post_only
from bookings import services
from bookings.audit import Event
from bookings.button_forms import DoorChangeForm, WalkInForm
from bookings.models import Booking
from bookings.views import notices
from bookings.views.base import PageRequest, page
from bookings.views.booking import visible_booking
from bookings.views.refusals import BadForm, on_refusal, sentence
from core.errors import DomainError, NotFound
from core.web.notices import keep_refusal
from core.web.requests import wants_json


def _refused(request: PageRequest, error: DomainError, booking_id: UUID | None = None) -> HttpResponse:
    """The door again with the error, or the error as JSON."""
    if isinstance(error, NotFound):
        raise error
    if wants_json(request):
        return notices.error_response(request, error)
    keep_refusal(request, sentence(error), for_admin=False)
    code = visible_booking(request, booking_id).station.code if booking_id else request.POST.get("station", "")
    return redirect(_address(code))


@post_only
@page(roles.CHANGE)
@on_refusal(_refused)
@does(gettext_lazy("Door"))
def update(request: PageRequest, booking_id: UUID) -> HttpResponse:
    """Change the status of a booking, or how many guests came."""
    form = DoorChangeForm(request.POST)
    if not form.is_valid():
        raise BadForm
    status, guests, version = form.cleaned_data["change"]
    if status:
        booking = services.change_status(booking_id, status, by=request.user, seen_version=version, idempotent=True)
        return _done(request, booking, Event.STATUS)
    children = visible_booking(request, booking_id).party_kids
    if guests < max(1, children):
        raise BadForm
    edits = {"party_adults": guests - children}
    booking = services.edit(booking_id, edits, by=request.user, seen_version=version, idempotent=True)
    return _done(request, booking, Event.EDITED)


@post_only
@page(roles.CHANGE)
@on_refusal(_refused)
@does(gettext_lazy("Walk-in"))
def walk_in(request: PageRequest) -> HttpResponse:
    """Book guests without a booking as arrived."""
    form = WalkInForm(request.POST)
    if not form.is_valid():
        raise BadForm
    booking = services.seat_walk_in(form.cleaned_data["station"], form.cleaned_data["guests"], by=request.user)
    return _done(request, booking, Event.CREATED)


def _done(request: PageRequest, booking: Booking, event: Event) -> HttpResponse:
    return notices.change_response(request, booking, event, here=_address(booking.station.code))


def _address(code: str) -> str:
    return f"{reverse('door')}?{urlencode({'station': code})}"
