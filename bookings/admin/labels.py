"""Names of bookings and customers for the person who looks at a page of the admin, and times at a station.

They may contain personal data, so they are shown and never stored: the audit log and messages to show later have IDs or places.
"""

from datetime import UTC, datetime

from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from accounts import customers
from accounts.models import Customer
from bookings.models import Booking
from core import formats
from stations.access import Person
from stations.models import Station


def place_of(booking: Booking) -> str:
    """The local date and time: “Fri 7 Mar 2031 18:00”."""
    country = booking.station.country
    return formats.format_datetime(formats.format_date(booking.date, country), booking.slot, country)


def customer_name(customer: Customer | None, person: Person) -> str:
    return customers.shown(customer, person).display_name if customer else str(_("Walk-in"))


def booking_title(booking: Booking, person: Person) -> str:
    """“Nora Silva, Fri 7 Mar 2031 18:00”; initials without the permission for personal data."""
    return f"{customer_name(booking.customer, person)}, {place_of(booking)}"


def linked(page: str, pk: object, text: str, title: str = "") -> str:
    """A link to a page of the admin."""
    return format_html('<a href="{}" title="{}">{}</a>', reverse(f"admin:{page}", args=[pk]), title, text)


def local_moment(moment: datetime | None, station: Station | None) -> str:
    """The station's local date and time, to the minute; in UTC for what belongs to no station."""
    if moment is None:
        return "–"
    if station is None:
        return f"{formats.format_instant(moment, UTC, formats.NO_COUNTRY)} UTC"
    return formats.format_instant(moment, station.zone, station.country)
