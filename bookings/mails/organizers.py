"""The organizer of a booking's calendar event, which stays the same for as long as a customer's calendar knows the event.

Calendar programs match an update or a cancellation by UID and ORGANIZER, and ignore one of another organizer (RFC 5546, 2.1.4 and
3.2.2). A station may change its sender, and a booking its station: so the first one that invited a customer is kept.
"""

from email import message_from_string
from email.policy import SMTP

from django.db.models import Q

from bookings.icalendar.events import Party
from bookings.models import Booking, Mail


def organizer_of(booking: Booking, sender: str) -> Party:
    """Under whom the customer's calendar has the booking; for the first invitation its station, which writes from `sender`."""
    if booking.organizer_email:
        return Party(booking.organizer_name, booking.organizer_email)
    return Party(booking.station.name, sender)


def remember_organizer(mail: Mail) -> None:
    """Note who invited the customer, once a mail has reached them or may have.

    The first invitation's organizer is its sender. A customer who was replaced at the same station meanwhile was not told; at
    another station it is the same person. Called without any lock, since services lock booking and mails in either order.
    """
    said = mail.stated
    if said is None or not mail.message:
        return
    [sender] = message_from_string(mail.message, policy=SMTP)["From"].addresses
    theirs = Q(customer=said.customer) | ~Q(station=said.station)
    Booking.objects.filter(theirs, pk=mail.booking_id, organizer_email="").update(
        organizer_name=sender.display_name, organizer_email=sender.addr_spec
    )
