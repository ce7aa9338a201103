"""The contact of a booking's customer: revealing it, and deciding about an email or phone that came with the booking."""

from typing import Final
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy

from accounts import roles
from accounts.views.post_only import Text, does, post_only
from bookings.button_forms import GivenContactForm
from bookings.customer_search import FOUND_BY
from bookings.services import contact_decisions, contacts
from bookings.views.base import PageRequest, page
from bookings.views.booking import booking_page, refused_booking_page, visible_booking
from bookings.views.refusals import BadForm, on_refusal
from core.web import notices

DECISIONS = {
    "use": (contact_decisions.use, gettext_lazy("Saved for the customer.")),
    "dismiss": (contact_decisions.dismiss, gettext_lazy("Dismissed.")),
}
"""The service of each button, and the notice afterwards."""

LABELS: Final[dict[str, Text]] = {
    "use": gettext_lazy("Save for the customer"),
    "dismiss": gettext_lazy("Dismiss"),
}


@post_only
@page(roles.PII)
@does(gettext_lazy("Show contact"))
def contact(request: PageRequest, booking_id: UUID) -> HttpResponse:
    """The booking's page with email and phone, which other pages leave out. Records that the person has seen them, and by what
    they had found the booking."""
    booking = visible_booking(request, booking_id)
    found_by = request.POST.get("found_by", "")
    if booking.customer:
        known = found_by if found_by in FOUND_BY else ""
        contacts.reveal(booking.customer, [contacts.pending(booking)], by=request.user, found_by=known)
    return booking_page(request, booking, revealed=True)


@post_only
@page(roles.CHANGE)
@on_refusal(refused_booking_page)
@does(gettext_lazy("Review contact details"), by="do", labels=LABELS)
def decide(request: PageRequest, booking_id: UUID) -> HttpResponse:
    """Save the email or phone that came with the booking for its customer, or dismiss it."""
    form = GivenContactForm(request.POST)
    if not form.is_valid():
        raise BadForm
    decide_on, notice = DECISIONS[form.cleaned_data["do"]]
    decide_on(booking_id, form.cleaned_data["field"], by=request.user, **form.seen())
    notices.keep(request, str(notice))
    return redirect("booking", booking_id)
