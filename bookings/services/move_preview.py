"""A preview of where a booking could be moved, by the same rules that the move itself applies."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import partial
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bookings.calendar.read_model import days_between
from bookings.errors import Past, SlotClosed, SlotFull, TooManyGuests
from bookings.models import Booking
from bookings.services.capacity import Ledger
from bookings.services.inputs import Place
from bookings.services.placement import bookable_slots, require_reschedulable
from core import formats
from core.bidi import isolate
from core.dates import LAST_DATE, minute_of_day
from core.errors import DomainError
from stations.models import Station
from stations.timetable import Slot, local_now
from stations.timetable_queries import load_timetable

SEARCH_DAYS: Final = 13
MAX_FREE_SLOTS: Final = 6
MAX_NEARBY: Final = 3
"""At most this many of the free slots are near the booking's own time; the others are at the same time on other days."""
NEARBY: Final = timedelta(hours=6)
"""Slots on the booking's own date are near, too; a slot after midnight is on another date."""


@dataclass(frozen=True, slots=True)
class SlotOption:
    """A slot that the booking could be moved to, or why not."""

    date: date
    slot: time
    code: str
    """The code of the domain error that a move would raise; "" if it would succeed."""
    label: str
    """A few words for a cell of the calendar; "" where the booking is now."""
    description: str
    """A sentence for screen readers."""
    left: str = ""
    """“2 of 3 free”, where the booking could go."""
    timetable_slot: Slot | None = None
    """None if the timetable has no slot at that time."""

    @property
    def is_current(self) -> bool:
        """Whether the booking is there now."""
        return not self.code and not self.label


def slot_options(booking: Booking, station: Station, first: date, last: date, *, now: datetime) -> list[SlotOption]:
    """Every slot from `first` to `last`, and on each day the booking's own time even without a slot; three queries.

    As on the calendar's pages, a slot that has begun takes a booking until it ends. Nothing is locked, so a move can still be
    refused. Raises NotReschedulable.
    """
    require_reschedulable(booking)
    return list(_Preview(booking, station, days_between(first, last), now).options())


def upcoming_options(booking: Booking, station: Station, day: date, *, now: datetime) -> list[SlotOption]:
    """The slots of one day that have not ended. Raises NotReschedulable."""
    options = slot_options(booking, station, day, day, now=now)
    return [option for option in options if option.timetable_slot and option.timetable_slot.ends_at > now]


def next_free(booking: Booking, *, now: datetime) -> list[Place]:
    """The next few slots at its own station that would take the booking: first those nearest to its time, then those at the same
    time on the following days. Raises NotReschedulable."""
    require_reschedulable(booking)
    first = max(booking.date, local_now(booking.station, now).date())
    days = days_between(first, min(first + timedelta(days=SEARCH_DAYS), LAST_DATE))
    free = list(_Preview(booking, booking.station, days, now).free_slots())
    nearby = sorted([slot for slot in free if _is_nearby(slot, booking)], key=partial(_distance, booking))
    same_time = [slot for slot in free if slot.start == booking.slot]
    others = sorted(free, key=lambda slot: (slot.date, _minutes_between(booking, slot)))
    chosen = list(dict.fromkeys([*nearby[:MAX_NEARBY], *same_time, *others]))[:MAX_FREE_SLOTS]
    return [Place(slot.date, slot.start) for slot in chosen]


def _is_nearby(slot: Slot, booking: Booking) -> bool:
    return slot.date == booking.date or abs(slot.starts_at - booking.starts_at) <= NEARBY


def _distance(booking: Booking, slot: Slot) -> tuple[timedelta, bool]:
    """A sort key: by distance in time, the later of two equally distant slots first."""
    return abs(slot.starts_at - booking.starts_at), slot.starts_at < booking.starts_at


def _minutes_between(booking: Booking, slot: Slot) -> int:
    """The difference between the times of day, whatever the dates."""
    return abs(minute_of_day(slot.start) - minute_of_day(booking.slot))


class _Preview:
    def __init__(self, booking: Booking, station: Station, days: list[date], now: datetime) -> None:
        self._booking, self._station, self._days, self._now = booking, station, days, now
        self._timetable = load_timetable(station, days[0], days[-1])
        self._ledger = Ledger(station.pk, days)
        self._ledger.release(booking.pk)

    def options(self) -> Iterator[SlotOption]:
        for day in self._days:
            for start in sorted({slot.start for slot in self._timetable.slots_of(day)} | {self._booking.slot}):
                yield self._option(Place(day, start))

    def free_slots(self) -> Iterator[Slot]:
        """Slots that would take the booking, except its own. Without labels: of hundreds only a few are shown."""
        for day in self._days:
            for slot in self._timetable.slots_of(day):
                to = Place(day, slot.start)
                if not self._is_current(to):
                    with suppress(DomainError):
                        self._require_room(to)
                        yield slot

    def _require_room(self, to: Place) -> list[Slot]:
        """The slots that the booking would occupy. Raises the domain error of a move that is refused."""
        slots = bookable_slots(
            self._station, self._timetable, to, self._booking.slots, now=self._now, allow_running=True
        )
        for slot in slots:
            self._ledger.require_room(self._booking, slot)
        return slots

    def _option(self, to: Place) -> SlotOption:
        where = f"{formats.format_long_weekday(to.date)} {formats.format_time(to.slot, self._station.country)}"
        option = partial(SlotOption, to.date, to.slot, timetable_slot=self._timetable.find(to.date, to.slot))
        if self._is_current(to):
            return option("", "", _("%(where)s, current slot") % {"where": where})
        try:
            slots = self._require_room(to)
        except DomainError as refusal:
            return option(refusal.code, _short(refusal), f"{where}: {refusal}")
        capacity, taken = slots[0].capacity, self._ledger.parties(slots[0])
        label = _("%(taken)d of %(capacity)d") % {"taken": taken + 1, "capacity": capacity}
        taken_now = {"where": where, "taken": taken, "capacity": capacity}
        left = _("%(left)d of %(capacity)d free") % {"left": capacity - taken, "capacity": capacity}
        return option("", label, _("%(where)s, %(taken)d of %(capacity)d taken") % taken_now, left)

    def _is_current(self, to: Place) -> bool:
        booking = self._booking
        current = (booking.station_id, booking.date, booking.slot) == (self._station.pk, to.date, to.slot)
        return current and not booking.needs_place


def _short(refusal: DomainError) -> str:
    """The reason in the few words that fit into a cell of the calendar."""
    match refusal:
        case Past():
            return _("past")
        case SlotClosed():
            return f"{_('closed')}: {isolate(refusal.data)}" if refusal.data else _("closed")
        case TooManyGuests():
            left = refusal.data
            return ngettext("room for %(left)d guest", "room for %(left)d guests", left) % {"left": left}
        case SlotFull():
            return _("full")
    return _("no such slot")
