"""The pages of a booking: showing and editing it, and changing its status."""

from typing import Any, Final
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from accounts import roles
from accounts.views.post_only import Text, does, post_only
from bookings import audit, services
from bookings.audit import Event
from bookings.button_forms import GuestsForm, StatusForm
from bookings.calendar import read_model
from bookings.customer_history import history_of
from bookings.forms import EditBookingForm
from bookings.mails import display
from bookings.models import Booking
from bookings.models import status as workflow
from bookings.models.status import HIDDEN, STATUSES, Status
from bookings.services import contacts
from bookings.services.move_preview import next_free
from bookings.services.status_steps import next_steps
from bookings.views import notices
from bookings.views.base import PageRequest, page, render_page
from bookings.views.refusals import BadForm, as_form_errors, on_refusal, sentence
from core.errors import DomainError, NotFound
from core.limits import PARTY_SIZES
from core.log_context import note_station
from core.web.redisplay import redisplays


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


@post_only
@page(roles.CHANGE)
@on_refusal(refused_booking_page)
@does(gettext_lazy("Party"))
def party(request: PageRequest, booking_id: UUID) -> HttpResponse:
    """Change how many guests come, by one of the booking's numbers. Children stay as they are."""
    form, children = GuestsForm(request.POST), visible_booking(request, booking_id).party_kids
    if not form.is_valid() or form.cleaned_data["guests"] <= children:
        raise BadForm
    guests, version = form.cleaned_data["guests"], form.cleaned_data["version"]
    edits = {"party_adults": guests - children}
    booking = services.edit(booking_id, edits, by=request.user, seen_version=version, idempotent=True)
    notices.keep_change(request, booking, Event.EDITED)
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


def details(request: PageRequest, booking: Booking, *, revealed: bool = False) -> dict[str, Any]:
    """The context of `_details.html`: a booking on its own page or in the panel; the customer's contact only if `revealed`."""
    may_change = request.user.has_perm(roles.CHANGE)
    movable = may_change and booking.status in workflow.RESCHEDULABLE
    may_read = request.user.has_perm(roles.PII)
    recipient, proposal = contacts.recipient_and_pending(booking) if may_read else (None, None)
    mails = display.describe_all(booking, request.user, timezone.now())
    offered = next_steps(booking, now=timezone.now()) if may_change else []
    usual = Status(booking.status).facts.usual_step
    return {
        "booking": booking,
        "row": read_model.row_of(request.user, booking, contact=revealed),
        "revealed": revealed,
        "steps": [to for to in offered if to not in HIDDEN],
        "primary": usual if usual in offered else None,
        "withdrawals": [to for to in offered if to in HIDDEN],
        "party_sizes": PARTY_SIZES[booking.party_kids :],
        "movable": movable,
        "free": next_free(booking, now=timezone.now()) if movable else [],
        "customer_history": history_of(booking.customer, timezone.now()) if booking.customer else None,
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
