"""The organizer of a booking's calendar event, which never changes once the customer has been invited."""

# Calendar programs match an update or a cancellation by UID and ORGANIZER, and ignore one from another organizer (RFC
# 5546, 2.1.4 and 3.2.2). A station may change its sender, and a booking its station, so the organizer of the first
# invitation is stored.

from email import message_from_string
from email.policy import SMTP

from django.db.models import Q

from bookings.icalendar.events import CalendarUser
from bookings.models import Booking, Mail


def organizer_of(booking: Booking, sender: str) -> CalendarUser:
    """The organizer in the customer's calendar; for the first invitation the station, with the address `sender`."""
    if booking.organizer_email:
        return CalendarUser(booking.organizer_name, booking.organizer_email)
    return CalendarUser(booking.station.name, sender)


def remember_organizer(mail: Mail) -> None:
    """Store the sender of the first invitation as the booking's organizer, once it has reached the customer or may have.

    Call it without any lock: services lock booking and emails in either order.
    """
    announced = mail.announced_state
    if announced is None or not mail.message:
        return
    [sender] = message_from_string(mail.message, policy=SMTP)["From"].addresses
    # A customer who has been replaced at the same station was not invited; at another station it is the same person.
    same_customer = Q(customer=announced.customer) | ~Q(station=announced.station)
    Booking.objects.filter(same_customer, pk=mail.booking_id, organizer_email="").update(
        organizer_name=sender.display_name, organizer_email=sender.addr_spec
    )
