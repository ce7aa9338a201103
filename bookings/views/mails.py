"""The emails of a booking: reading one, and sending it now, again, or not at all."""

from typing import Final
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from accounts import roles
from accounts.views.post_only import does
from bookings.mails import display, rendering
from bookings.models import Mail
from bookings.services import mail_choices
from bookings.views import notices
from bookings.views.base import PageRequest, page, render_page
from bookings.views.booking import visible_booking
from bookings.views.refusals import BadForm, on_refusal
from core.errors import DomainError, NotFound, NotPermitted
from core.web.notices import keep as keep_notice

CHOICES: Final = {
    display.SEND_NOW: (mail_choices.send_now, gettext_lazy("The email is being sent now.")),
    display.SEND_AGAIN: (mail_choices.send_again, gettext_lazy("The email will be sent again.")),
    display.WITHHOLD: (mail_choices.withhold, gettext_lazy("No email is sent: you have told the customer.")),
}

LABELS: Final = {
    display.SEND_NOW: gettext_lazy("Send now"),
    display.SEND_AGAIN: gettext_lazy("Send again"),
    display.WITHHOLD: gettext_lazy("Don't send: already told"),
}


def _refused(request: PageRequest, error: DomainError, booking_id: UUID, mail_id: UUID) -> HttpResponse:
    if isinstance(error, NotFound | NotPermitted):
        raise error
    return notices.error_response(request, error, here=reverse("booking", args=[booking_id]))


@require_http_methods(["GET", "HEAD", "POST"])
@page()
@on_refusal(_refused)
@does(gettext_lazy("Emails"), by="do", labels=LABELS)
def mail(request: PageRequest, booking_id: UUID, mail_id: UUID) -> HttpResponse:
    return _choose(request, booking_id, mail_id) if request.method == "POST" else _read(request, booking_id, mail_id)


def _read(request: PageRequest, booking_id: UUID, mail_id: UUID) -> HttpResponse:
    roles.require(request.user, roles.PII)
    booking = visible_booking(request, booking_id)
    found = Mail.objects.of(booking).filter(pk=mail_id, station=booking.station).first()
    if found is None:
        raise NotFound
    context = {
        "booking": booking,
        "shown": display.describe(found, booking, request.user, timezone.now()),
        "words": display.content_of(found, booking, request.user),
        "names_another": display.names_another_station(found, request.user),
        "language": rendering.language_of(booking),
    }
    return render_page(request, "bookings/mail.html", context)


def _choose(request: PageRequest, booking_id: UUID, mail_id: UUID) -> HttpResponse:
    visible_booking(request, booking_id)
    if request.POST.get("do") not in CHOICES:
        raise BadForm
    choose, notice = CHOICES[request.POST["do"]]
    choose(mail_id, by=request.user)
    keep_notice(request, str(notice))
    return redirect("booking", booking_id)
