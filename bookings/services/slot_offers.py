"""The slots that a page offers for a new booking, and the one that it preselects."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final

from bookings.calendar import read_model
from bookings.calendar.read_model import SlotAvailability
from bookings.models import Booking
from core.dates import DAYS_A_WEEK, FIRST_DATE, LAST_DATE
from stations.models import Station
from stations.timetable import Slot, local_now

SEARCHED_DAYS: Final = 14
"""How far ahead the next free slot is searched for."""
REPEATED_WEEKS: Final = 8
"""In how many weeks a free slot is searched for to repeat a booking."""
_DAY: Final = timedelta(days=1)
_WEEK: Final = timedelta(days=DAYS_A_WEEK)


@dataclass(frozen=True, slots=True)
class SlotOffer:
    """The slots of a day for a new booking."""

    day: date
    cells: Sequence[SlotAvailability]
    """Every slot of the day, including those that have ended."""
    bookable: Sequence[SlotAvailability]
    """Slots that have not ended, even if full or closed; none if the station is inactive."""
    preselected: time | None
    """Start of a free slot; None if there is none."""

    def slots_from(self, start: time, count: int) -> list[Slot]:
        """The slots that a booking of so many slots from `start` on takes: fewer if the day has fewer, none at another time."""
        return [cell.slot for cell in self.cells if cell.slot.start >= start][:count] if self._has(start) else []

    def _has(self, start: time) -> bool:
        return any(cell.slot.start == start for cell in self.cells)


def offer_of_day(station: Station, day: date, *, wanted: time | None, now: datetime) -> SlotOffer:
    """The offer of this day, with the `wanted` slot preselected if it is free. One query."""
    return _offer(station, day, read_model.slot_availability(station, day, day)[day], wanted, now)


def next_offer(station: Station, *, now: datetime) -> SlotOffer:
    """The offer of the day with the first free slot, which may be running; today's if none is free in two weeks. One query."""
    today = local_now(station, now).date()
    # Yesterday's last slot may run past midnight.
    first, last = max(today - _DAY, FIRST_DATE), min(today + SEARCHED_DAYS * _DAY, LAST_DATE)
    cells = read_model.slot_availability(station, first, last)
    offers = (_offer(station, day, cells[day], None, now) for day in cells)
    return next((one for one in offers if one.preselected), _offer(station, today, cells[today], None, now))


def repeat_offer(booking: Booking, *, now: datetime) -> SlotOffer:
    """The offer of the next day, in weekly steps after the booking's, on which its slot is free; otherwise `next_offer`."""
    station, today = booking.station, local_now(booking.station, now).date()
    weeks = max(1, -((booking.date - today).days // DAYS_A_WEEK))
    first = min(booking.date + weeks * _WEEK, LAST_DATE)
    days = [day for day in (first + n * _WEEK for n in range(REPEATED_WEEKS)) if day <= LAST_DATE]
    cells = read_model.slot_availability(station, days[0], days[-1])
    offers = (_offer(station, day, cells[day], booking.slot, now) for day in days)
    return next((one for one in offers if one.preselected == booking.slot), None) or next_offer(station, now=now)


def _offer(
    station: Station, day: date, cells: Sequence[SlotAvailability], wanted: time | None, now: datetime
) -> SlotOffer:
    bookable = [cell for cell in cells if cell.slot.ends_at > now] if station.is_active else []
    free = [cell.slot.start for cell in bookable if cell.parties_left]
    return SlotOffer(day, cells, bookable, wanted if wanted in free else next(iter(free), None))
