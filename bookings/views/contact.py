"""The contact of a booking's customer: shown to whoever asks for it, and what came with the booking decided about."""

from typing import Final
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import roles
from accounts.views.post_only import Text, does, post_only
from bookings.forms import GivenContactForm
from bookings.services import contact_decisions, contacts
from bookings.views.base import PageRequest, page
from bookings.views.booking import booking_page, refusal, visible_booking
from core.errors import DomainError
from core.web import notices

DECISIONS = {
    "use": (contact_decisions.use, gettext_lazy("Saved for the customer.")),
    "dismiss": (contact_decisions.dismiss, gettext_lazy("Dismissed.")),
}
"""What is done, and the notice of it."""


LABELS: Final[dict[str, Text]] = {
    "use": gettext_lazy("Save for the customer"),
    "dismiss": gettext_lazy("Dismiss"),
}


@post_only
@page(roles.PII)
@does(gettext_lazy("Show contact"))
def contact(request: PageRequest, booking_id: UUID) -> HttpResponse:
    """The booking's page with email and phone. No page has them unasked, and that somebody asked is recorded."""
    booking = visible_booking(request, booking_id)
    if booking.customer:
        contacts.reveal(booking.customer, [contacts.pending(booking)], by=request.user)
    return booking_page(request, booking, revealed=True)


@post_only
@page(roles.CHANGE)
@does(gettext_lazy("Review contact details"), by="do", labels=LABELS)
def decide(request: PageRequest, booking_id: UUID) -> HttpResponse:
    """Save the email or phone that came with the booking for its customer, or dismiss it."""
    booking = visible_booking(request, booking_id)
    form = GivenContactForm(request.POST)
    if not form.is_valid():
        return booking_page(request, booking, error=_("Something went wrong. Please try again."), status=400)
    wanted = form.cleaned_data
    decide_on, notice = DECISIONS[wanted["do"]]
    try:
        decide_on(booking_id, wanted["field"], by=request.user, **form.seen())
    except DomainError as error:
        return booking_page(request, visible_booking(request, booking_id), error=refusal(error), status=409)
    notices.keep(request, str(notice))
    return redirect("booking", booking_id)
