"""What each place would be for a booking that somebody holds in the hand: asked of the rules, before the drop."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import partial
from typing import Final

from django.utils.translation import gettext as _

from bookings.calendar.read_model import days_between
from bookings.errors import Past, SlotClosed, SlotFull, TooManyGuests
from bookings.models import Booking
from bookings.services.capacity import Ledger
from bookings.services.inputs import Place
from bookings.services.placement import bookable_slots, require_reschedulable
from core import formats
from core.bidi import isolate
from core.dates import LAST_DATE
from core.errors import DomainError
from stations.models import Station
from stations.timetable import Slot, local_now
from stations.timetable_queries import load_timetable

FREE_DAYS: Final = 13
FREE_SHOWN: Final = 6
FREE_NEARBY: Final = 3
"""Of those shown, at most so many around the booking's own time; the others are at the same time on other days."""
SAME_EVENING: Final = timedelta(hours=6)
"""A slot past midnight is another day's, and may still be near."""


@dataclass(frozen=True, slots=True)
class Prospect:
    """A place: `code` is the rule that forbids it, or "". `after` is for the eye, `says` for the ear."""

    date: date
    slot: time
    code: str
    after: str
    says: str
    left: str = ""
    """“2 of 3 free”, where the booking could go."""
    timetable_slot: Slot | None = None
    """None where the timetable has no slot at that time."""

    @property
    def is_home(self) -> bool:
        """Whether the booking is there already."""
        return not self.code and not self.after


def outlook(booking: Booking, station: Station, first: date, last: date, *, now: datetime) -> list[Prospect]:
    """Every slot from `first` to `last`, and on each day the booking's own slot, be there one or not; three queries.

    As on the calendar's pages, a slot that has begun takes a booking until it ends. Nothing is locked: what it foretells can be
    overtaken, and the service asks the same rules again. Raises NotReschedulable.
    """
    require_reschedulable(booking)
    return list(_Outlook(booking, station, days_between(first, last), now).prospects())


def choices_of(booking: Booking, station: Station, day: date, *, now: datetime) -> list[Prospect]:
    """The slots of one day to choose from, without those that are past. Raises NotReschedulable."""
    found = outlook(booking, station, day, day, now=now)
    return [one for one in found if one.timetable_slot and one.timetable_slot.ends_at > now]


def next_free(booking: Booking, *, now: datetime) -> list[Place]:
    """The next few places at its own station that would take the booking, the nearest to its own time first: around it, then at
    the same time on the days after. Raises NotReschedulable."""
    require_reschedulable(booking)
    first = max(booking.date, local_now(booking.station, now).date())
    days = days_between(first, min(first + timedelta(days=FREE_DAYS), LAST_DATE))
    free = list(_Outlook(booking, booking.station, days, now).free_slots())
    nearby = sorted([slot for slot in free if _is_nearby(slot, booking)], key=partial(_distance, booking))
    same_time = [slot for slot in free if slot.start == booking.slot]
    others = sorted(free, key=lambda slot: (slot.date, _distance_by_clock(booking, slot)))
    chosen = list(dict.fromkeys([*nearby[:FREE_NEARBY], *same_time, *others]))[:FREE_SHOWN]
    return [Place(slot.date, slot.start) for slot in chosen]


def _is_nearby(slot: Slot, booking: Booking) -> bool:
    return slot.date == booking.date or abs(slot.starts_at - booking.starts_at) <= SAME_EVENING


def _distance(booking: Booking, slot: Slot) -> tuple[timedelta, bool]:
    """How far a slot begins from the booking; of two as far, the later one is nearer."""
    return abs(slot.starts_at - booking.starts_at), slot.starts_at < booking.starts_at


def _distance_by_clock(booking: Booking, slot: Slot) -> int:
    """In minutes, whatever the days."""
    there, here = slot.start, booking.slot
    return abs(there.hour * 60 + there.minute - here.hour * 60 - here.minute)


class _Outlook:
    def __init__(self, booking: Booking, station: Station, days: list[date], now: datetime) -> None:
        self._booking, self._station, self._days, self._now = booking, station, days, now
        self._timetable = load_timetable(station, days[0], days[-1])
        self._ledger = Ledger(station.pk, days)
        self._ledger.release(booking.pk)

    def prospects(self) -> Iterator[Prospect]:
        for day in self._days:
            for start in sorted({slot.start for slot in self._timetable.slots_of(day)} | {self._booking.slot}):
                yield self._prospect(Place(day, start))

    def free_slots(self) -> Iterator[Slot]:
        """Those that would take the booking, without its own. Nothing is put into words: of hundreds few are shown."""
        for day in self._days:
            for slot in self._timetable.slots_of(day):
                to = Place(day, slot.start)
                if not self._is_home(to):
                    with suppress(DomainError):
                        self._require_room(to)
                        yield slot

    def _require_room(self, to: Place) -> list[Slot]:
        """The slots that the booking would take. Raises the rule that forbids it."""
        slots = bookable_slots(
            self._station, self._timetable, to, self._booking.slots, now=self._now, allow_running=True
        )
        for slot in slots:
            self._ledger.require_room(self._booking, slot)
        return slots

    def _prospect(self, to: Place) -> Prospect:
        where = f"{formats.format_long_weekday(to.date)} {formats.format_time(to.slot, self._station.country)}"
        there = self._timetable.find(to.date, to.slot)
        if self._is_home(to):
            return Prospect(
                to.date, to.slot, "", "", _("%(where)s, current slot") % {"where": where}, timetable_slot=there
            )
        try:
            slots = self._require_room(to)
        except DomainError as refusal:
            return Prospect(
                to.date, to.slot, refusal.code, _short(refusal), f"{where}: {refusal}", timetable_slot=there
            )
        capacity, taken = slots[0].capacity, self._ledger.parties(slots[0])
        after = _("%(taken)d of %(capacity)d") % {"taken": taken + 1, "capacity": capacity}
        says = _("%(where)s, %(taken)d of %(capacity)d taken") % {"where": where, "taken": taken, "capacity": capacity}
        left = _("%(left)d of %(capacity)d free") % {"left": capacity - taken, "capacity": capacity}
        return Prospect(to.date, to.slot, "", after, says, left, there)

    def _is_home(self, to: Place) -> bool:
        booking = self._booking
        here = (booking.station_id, booking.date, booking.slot) == (self._station.pk, to.date, to.slot)
        return here and not booking.needs_place


def _short(refusal: DomainError) -> str:
    """The rule in so few words that a cell has room for them."""
    match refusal:
        case Past():
            return _("past")
        case SlotClosed():
            return f"{_('closed')}: {isolate(refusal.data)}" if refusal.data else _("closed")
        case TooManyGuests():
            return _("room for %(left)d guests") % {"left": refusal.data}
        case SlotFull():
            return _("full")
    return _("no such slot")
