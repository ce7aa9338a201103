"""The calendar file of a mail: what puts a booking into its customer's own calendar, moves it there, and takes it out again."""

from datetime import datetime

from bookings.icalendar import events
from bookings.icalendar.events import Event, Method, Party
from bookings.icalendar.timezones import Clock
from bookings.models.status import EventStatus

__all__ = ["Event", "Method", "Party", "invitation"]


def invitation(event: Event, *, method: Method, stamp: datetime) -> bytes:
    """The file that tells the event's attendee of it at `stamp` (RFC 5546, 3.2.2 and 3.2.5).

    REQUEST for an event that was made or changed, CANCEL for one that is cancelled; ValueError for anything else. A reader
    knows the entry by its `uid`, and takes the file with the highest `sequence` for the last word.
    """
    cancels = event.status is EventStatus.CANCELLED
    if event.attendee is None or method is not (Method.CANCEL if cancels else Method.REQUEST):
        raise ValueError(f"{method} does not tell an attendee of an event that is {event.status}")
    clock = Clock.of(event.zone, event.starts_at)
    return events.begin(method, [clock]) + events.vevent(event, clock, stamp=stamp) + events.END
