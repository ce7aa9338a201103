"""The ledger of capacity, which says who takes which place in a slot, and the only code that writes holds."""

# Everything here runs under the station's lock (`StationQuerySet.locked`). The unique constraint and the CHECK of the table
# stop whatever writes without it.

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
from stations.timetable import Slot

_HOLDS: Final = Hold.objects.all()  # creating a queryset takes as long as sending a statement
_PLACE_FIELDS: Final = ("station", "date", "slot", "lane", "capacity")
"""Columns of a hold except the booking."""


class _Place(NamedTuple):
    """A place that a party takes in a slot."""

    booking: UUID
    lane: int
    guests: int


class Ledger:
    """The places taken at one station on some dates: read once, then updated in memory with each party placed."""

    def __init__(self, station: sql.Key, days: Iterable[date]) -> None:
        """Send the query; its result is awaited on first use."""
        self._rows = _HOLDS.submit_parties(station, set(days))

    @cached_property
    def _taken(self) -> dict[tuple[date, time], list[_Place]]:
        """Places by date and start of the slot."""
        taken = defaultdict(list)
        for booking_id, day, start, lane, adults, kids in self._rows():
            taken[day, start].append(_Place(booking_id, lane, adults + kids))
        return taken

    def release(self, *bookings: UUID) -> None:
        """Drop the places of these bookings from the ledger in memory; the database keeps them."""
        released = set(bookings)
        for places in self._taken.values():
            places[:] = [place for place in places if place.booking not in released]

    def parties(self, slot: Slot) -> int:
        return len(self._taken[slot.date, slot.start])

    def take(self, booking: Booking, slots: Sequence[Slot], *, lanes: dict[time, int] | None = None) -> list[Hold]:
        """Take a place in each of the slots. Returns unsaved holds; `lanes` are the preferred lanes by start of the slot.

        Raises SlotFull, with nothing taken, if a slot has no room for the party or its guests.
        """
        for slot in slots:
            self.require_room(booking, slot)
        return [self._take(booking, slot, (lanes or {}).get(slot.start, 0)) for slot in slots]

    def require_room(self, booking: Booking, slot: Slot) -> None:
        """Raises SlotFull unless the slot has room for one more party and for its guests."""
        if self.parties(slot) >= slot.capacity:
            raise SlotFull
        self.require_seats(booking, slot)

    def require_seats(self, booking: Booking, slot: Slot) -> None:
        """Raises SlotFull unless the slot has room for the booking's guests."""
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


def insert(holds: Iterable[Hold]) -> None:
    """Raises IntegrityError if a place is taken; `atomic_change` turns that into SlotFull."""
    sql.insert(list(holds))


def replace(booking: Booking, taken: Sequence[Hold], *, held: int = 0) -> None:
    """Replace the booking's holds by these. `held` is how many it has now, if known."""
    if held == len(taken) == 1:
        # One update costs half as much as a delete and an insert.
        sql.update(taken[0], _PLACE_FIELDS, match="booking")
    else:
        release([booking.pk])
        insert(taken)


def release_slots(booking_id: UUID, starts: Iterable[time]) -> None:
    """Delete the booking's holds in the slots that begin at these times."""
    Hold.objects.filter(booking=booking_id, slot__in=list(starts)).delete()


def release(bookings: Iterable[UUID]) -> None:
    """Delete all holds of these bookings."""
    sql.delete(Hold, "booking", list(bookings))
