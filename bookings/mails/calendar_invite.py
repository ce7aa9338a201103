"""The calendar file of an email, which adds a booking to the customer's own calendar, updates it or removes it."""

from datetime import datetime

from bookings.icalendar import events
from bookings.icalendar.events import Event, Method
from bookings.icalendar.timezones import CalendarTimezone
from bookings.models.status import EventStatus


def invitation(event: Event, *, method: Method, stamp: datetime) -> bytes:
    """A calendar file with one event, as of `stamp` (RFC 5546, 3.2.2 and 3.2.5).

    `method` is CANCEL for a cancelled event and REQUEST for any other; otherwise, or without an attendee, it raises ValueError.
    Calendar programs recognize the event by its `uid`, and believe the file with the highest `sequence`.
    """
    is_cancelled = event.status is EventStatus.CANCELLED
    if event.attendee is None or method is not (Method.CANCEL if is_cancelled else Method.REQUEST):
        raise ValueError(f"{method} cannot tell an attendee of a {event.status} event")
    timezone = CalendarTimezone.of(event.time_zone, event.starts_at)
    return events.header(method, [timezone]) + events.vevent(event, timezone, stamp=stamp) + events.END
