"""The ledger of capacity: who takes which place in a slot. The one writer of holds.

Everything here runs under the station's lock (`StationQuerySet.locked`). The database's unique constraint and CHECK stand
behind it for whoever would come past.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, time
from functools import cached_property
from typing import Final
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from bookings.errors import SlotFull, TooManyGuests
from bookings.models import Booking, Hold
from stations import statements
from stations.timetable import Slot

_HELD: Final = (
    f"SELECT h.booking_id, h.date, h.slot, h.lane, b.party_adults, b.party_kids FROM {Hold._meta.db_table} h"  # noqa: S608
    f" JOIN {Booking._meta.db_table} b ON b.id = h.booking_id"
)
_COLUMNS: Final = (
    *(Hold._meta.get_field(name) for name in ("booking", "date", "slot", "lane")),
    *(Booking._meta.get_field(name) for name in ("party_adults", "party_kids")),
)


@dataclass
class _Taken:
    """One slot's places: lane to booking, and how many guests those parties are."""

    lanes: dict[int, UUID] = field(default_factory=dict)
    guests: int = 0


@dataclass
class _Picture:
    """What is taken by slot, the guests of each party, and each party's slots."""

    taken: dict[tuple[date, time], _Taken] = field(default_factory=lambda: defaultdict(_Taken))
    guests: dict[UUID, int] = field(default_factory=dict)
    held: dict[UUID, list[tuple[date, time]]] = field(default_factory=lambda: defaultdict(list))

    def put(self, booking_id: UUID, where: tuple[date, time], lane: int, guests: int) -> None:
        taken = self.taken[where]
        taken.lanes[lane] = booking_id
        taken.guests += guests
        self.guests[booking_id] = guests
        self.held[booking_id].append(where)


class Ledger:
    """What is taken at one station on some dates, as it is under the lock and as it becomes with each party placed."""

    def __init__(self, at: statements.Key, days: Iterable[date]) -> None:
        """Asks the database about the station of this key; the answer is waited for when it is first looked at."""
        station, key = at
        dates, values = statements.among("h.date", set(days))
        self._answer = statements.ask(f"{_HELD} WHERE h.station_id = {station} AND {dates}", [*key, *values], _COLUMNS)

    @cached_property
    def _now(self) -> _Picture:
        picture = _Picture()
        for booking_id, day, start, lane, adults, kids in self._answer():
            picture.put(booking_id, (day, start), lane, adults + kids)
        return picture

    def release(self, booking_id: UUID) -> None:
        """Give up what a booking holds, here in the ledger's picture only."""
        for where in self._now.held.pop(booking_id, ()):
            taken = self._now.taken[where]
            taken.lanes = {lane: holder for lane, holder in taken.lanes.items() if holder != booking_id}
            taken.guests -= self._now.guests[booking_id]

    def parties(self, slot: Slot) -> int:
        return len(self._now.taken[slot.date, slot.start].lanes)

    def take(self, booking: Booking, slots: Sequence[Slot], *, lanes: dict[time, int] | None = None) -> list[Hold]:
        """Places for a booking of this station in each of the slots; `lanes` says which it had, to be kept where they are free.

        Raises SlotFull, with nothing taken, where one of them has no place left for the party or its guests.
        """
        for slot in slots:
            self.require_room(booking, slot)
        return [self._take(booking, slot, (lanes or {}).get(slot.start, 0)) for slot in slots]

    def require_room(self, booking: Booking, slot: Slot) -> None:
        """Raises SlotFull unless one more party, and these guests, fit into the slot."""
        taken = self._now.taken[slot.date, slot.start]
        if len(taken.lanes) >= slot.capacity:
            raise SlotFull
        self.require_seats(booking, slot)

    def require_seats(self, booking: Booking, slot: Slot) -> None:
        """Raises SlotFull unless the booking's guests fit beside the others' in a slot."""
        left = (
            None if slot.guest_capacity is None else slot.guest_capacity - self._now.taken[slot.date, slot.start].guests
        )
        if left is not None and booking.total_guests > left:
            left = max(left, 0)
            raise TooManyGuests(
                _("Target time slot is fully booked: it has room for %(left)d more guests.") % {"left": left}, data=left
            )

    def _take(self, booking: Booking, slot: Slot, wanted: int) -> Hold:
        taken = self._now.taken[slot.date, slot.start].lanes
        free = [lane for lane in range(slot.capacity) if lane not in taken]
        lane = wanted if wanted in free else free[0]
        self._now.put(booking.pk, (slot.date, slot.start), lane, booking.total_guests)
        return Hold(
            booking=booking,
            station_id=booking.station_id,
            date=slot.date,
            slot=slot.start,
            lane=lane,
            capacity=slot.capacity,
        )


def write(holds: Iterable[Hold]) -> None:
    """New places. The constraints' refusal is an IntegrityError, which the services turn into SlotFull."""
    statements.insert(list(holds))


def give_up(bookings: Iterable[UUID]) -> None:
    """Every place that these bookings hold."""
    theirs, values = statements.among("booking_id", list(bookings))
    statements.send(f"DELETE FROM {Hold._meta.db_table} WHERE {theirs}", values)  # noqa: S608
