"""A booking's mails: what one says, and the choice to send it now, again, or not at all."""

from typing import Final
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from accounts import roles
from accounts.views.post_only import does
from bookings.mails import display, rendering
from bookings.models import Mail
from bookings.services import mail_choices
from bookings.views import notices
from bookings.views.base import PageRequest, draw, page
from bookings.views.booking import visible_booking
from core.errors import DomainError, NotFound, NotPermitted
from core.web.notices import keep as keep_notice

CHOICES: Final = {
    display.NOW: (mail_choices.send_now, gettext_lazy("The email is being sent now.")),
    display.AGAIN: (mail_choices.send_again, gettext_lazy("The email will be sent again.")),
    display.WITHHOLD: (mail_choices.withhold, gettext_lazy("No email is sent: you have told the customer.")),
}

LABELS: Final = {
    display.NOW: gettext_lazy("Send now"),
    display.AGAIN: gettext_lazy("Send again"),
    display.WITHHOLD: gettext_lazy("Don't send: already told"),
}


@require_http_methods(["GET", "HEAD", "POST"])
@page()
@does(gettext_lazy("Emails"), by="do", labels=LABELS)
def mail(request: PageRequest, booking_id: UUID, mail_id: UUID) -> HttpResponse:
    return _choose(request, booking_id, mail_id) if request.method == "POST" else _read(request, booking_id, mail_id)


def _read(request: PageRequest, booking_id: UUID, mail_id: UUID) -> HttpResponse:
    """What it says, for those who may see customers' data."""
    roles.require(request.user, roles.PII)
    booking = visible_booking(request, booking_id)
    found = Mail.objects.of(booking).filter(pk=mail_id, station=booking.station).first()
    if found is None:
        raise NotFound
    shown = {
        "booking": booking,
        "shown": display.shown(found, booking, request.user, timezone.now()),
        "words": display.words_of(found, booking, request.user),
        "names_another": display.names_another_station(found, request.user),
        "language": rendering.language_of(booking),
    }
    return draw(request, "bookings/mail.html", shown)


def _choose(request: PageRequest, booking_id: UUID, mail_id: UUID) -> HttpResponse:
    visible_booking(request, booking_id)
    choice = CHOICES.get(request.POST.get("do", ""))
    try:
        if choice is None:
            return notices.refused(
                request, _("Something went wrong. Please try again."), here=f"/bookings/{booking_id}/"
            )
        choice[0](mail_id, by=request.user)
    except (NotFound, NotPermitted):
        raise
    except DomainError as error:
        return notices.refused(request, str(error), here=f"/bookings/{booking_id}/")
    keep_notice(request, str(choice[1]))
    return redirect("booking", booking_id)
