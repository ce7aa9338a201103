"""The ledger of capacity: who takes which place in a slot. The one writer of holds.

Everything here runs under the station's lock (`StationQuerySet.locked`). The database's unique constraint and CHECK stand
behind it for whoever would come past.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, time
from functools import cached_property
from typing import Final, NamedTuple
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from bookings.errors import SlotFull, TooManyGuests
from bookings.models import Booking, Hold
from core.db import sql
from core.db.columns import Columns
from stations.timetable import Slot

_HELD: Final = (
    f"SELECT h.booking_id, h.date, h.slot, h.lane, b.party_adults, b.party_kids FROM {Hold._meta.db_table} h"  # noqa: S608
    f" JOIN {Booking._meta.db_table} b ON b.id = h.booking_id"
)
_COLUMNS: Final = Columns(
    [
        *(Hold._meta.get_field(name) for name in ("booking", "date", "slot", "lane")),
        *(Booking._meta.get_field(name) for name in ("party_adults", "party_kids")),
    ]
)

_WHERE: Final = ("station", "date", "slot", "lane", "capacity")
"""What a place is, but for whose."""


class _Place(NamedTuple):
    """One that a party has taken in a slot."""

    booking: UUID
    lane: int
    guests: int


class Ledger:
    """What is taken at one station on some dates, as it is under the lock and as it becomes with each party placed."""

    def __init__(self, at: sql.Key, days: Iterable[date]) -> None:
        """Asks the database about the station of this key; the answer is waited for when it is first looked at."""
        station, key = at
        dates, values = sql.among("h.date", set(days))
        self._answer = sql.ask(f"{_HELD} WHERE h.station_id = {station} AND {dates}", [*key, *values], _COLUMNS)

    @cached_property
    def _taken(self) -> dict[tuple[date, time], list[_Place]]:
        """The places of each slot."""
        taken = defaultdict(list)
        for booking_id, day, start, lane, adults, kids in self._answer():
            taken[day, start].append(_Place(booking_id, lane, adults + kids))
        return taken

    def release(self, *bookings: UUID) -> None:
        """Give up what these bookings hold, here in the ledger's picture only."""
        gone = set(bookings)
        for places in self._taken.values():
            places[:] = [place for place in places if place.booking not in gone]

    def parties(self, slot: Slot) -> int:
        return len(self._taken[slot.date, slot.start])

    def take(self, booking: Booking, slots: Sequence[Slot], *, lanes: dict[time, int] | None = None) -> list[Hold]:
        """Places for a booking of this station in each of the slots; `lanes` says which it had, to be kept where they are free.

        Raises SlotFull, with nothing taken, where one of them has no place left for the party or its guests.
        """
        for slot in slots:
            self.require_room(booking, slot)
        return [self._take(booking, slot, (lanes or {}).get(slot.start, 0)) for slot in slots]

    def require_room(self, booking: Booking, slot: Slot) -> None:
        """Raises SlotFull unless one more party, and these guests, fit into the slot."""
        if self.parties(slot) >= slot.capacity:
            raise SlotFull
        self.require_seats(booking, slot)

    def require_seats(self, booking: Booking, slot: Slot) -> None:
        """Raises SlotFull unless the booking's guests fit beside the others' in a slot."""
        if slot.guest_capacity is None:
            return
        left = slot.guest_capacity - sum(place.guests for place in self._taken[slot.date, slot.start])
        if booking.total_guests > left:
            left = max(left, 0)
            raise TooManyGuests(
                _("Target time slot is fully booked: it has room for %(left)d more guests.") % {"left": left}, data=left
            )

    def _take(self, booking: Booking, slot: Slot, wanted: int) -> Hold:
        taken = self._taken[slot.date, slot.start]
        free = sorted(set(range(slot.capacity)) - {place.lane for place in taken})
        lane = wanted if wanted in free else free[0]
        taken.append(_Place(booking.pk, lane, booking.total_guests))
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
    sql.insert(list(holds))


def exchange(booking: Booking, taken: Sequence[Hold], *, held: int = 0) -> None:
    """Other places for all that the booking holds; `held` says how many, where that is known. One for one is the same row, which
    costs half of two."""
    if held == len(taken) == 1:
        sql.update(taken[0], _WHERE, by="booking")
    else:
        give_up([booking.pk])
        write(taken)


def give_up(bookings: Iterable[UUID]) -> None:
    """Every place that these bookings hold."""
    theirs, values = sql.among("booking_id", list(bookings))
    sql.send(f"DELETE FROM {Hold._meta.db_table} WHERE {theirs}", values)  # noqa: S608
