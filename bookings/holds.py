"""The ledger of capacity: who takes which place in a slot. The one writer of holds.

Everything here runs under the station's lock (`StationQuerySet.locked`). The database's unique constraint and CHECK stand
behind it for whoever would come past.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, time
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from bookings.errors import SlotFull, TooManyGuests
from bookings.models import Booking, Hold
from stations.timetable import Slot


@dataclass
class _Taken:
    """One slot's places: lane to booking, and how many guests those parties are."""

    lanes: dict[int, UUID] = field(default_factory=dict)
    guests: int = 0


class Ledger:
    """What is taken at one station on some dates, as it is under the lock and as it becomes with each party placed."""

    def __init__(self, station_id: int, days: Iterable[date]) -> None:
        self.station_id = station_id
        self._taken: dict[tuple[date, time], _Taken] = defaultdict(_Taken)
        self._parties: dict[UUID, int] = {}
        self._held: dict[UUID, list[tuple[date, time]]] = defaultdict(list)
        held = Hold.objects.filter(station=station_id, date__in=set(days)).values_list(
            "booking_id", "date", "slot", "lane", "booking__party_adults", "booking__party_kids"
        )
        for booking_id, day, start, lane, adults, kids in held:
            self._put(booking_id, (day, start), lane, adults + kids)

    def _put(self, booking_id: UUID, where: tuple[date, time], lane: int, guests: int) -> None:
        taken = self._taken[where]
        taken.lanes[lane] = booking_id
        taken.guests += guests
        self._parties[booking_id] = guests
        self._held[booking_id].append(where)

    def release(self, booking_id: UUID) -> None:
        """Give up what a booking holds, here in the ledger's picture only."""
        for where in self._held.pop(booking_id, ()):
            taken = self._taken[where]
            taken.lanes = {lane: holder for lane, holder in taken.lanes.items() if holder != booking_id}
            taken.guests -= self._parties[booking_id]

    def parties(self, slot: Slot) -> int:
        return len(self._taken[slot.date, slot.start].lanes)

    def take(self, booking: Booking, slots: Sequence[Slot], *, lanes: dict[time, int] | None = None) -> list[Hold]:
        """Places for a booking in each of the slots; `lanes` says which it had, to be kept where they are free.

        Raises SlotFull, with nothing taken, where one of them has no place left for the party or its guests.
        """
        for slot in slots:
            self.require_room(booking, slot)
        return [self._take(booking, slot, (lanes or {}).get(slot.start, 0)) for slot in slots]

    def require_room(self, booking: Booking, slot: Slot) -> None:
        """Raises SlotFull unless one more party, and these guests, fit into the slot."""
        taken = self._taken[slot.date, slot.start]
        if len(taken.lanes) >= slot.capacity:
            raise SlotFull
        self.require_seats(booking, slot)

    def require_seats(self, booking: Booking, slot: Slot) -> None:
        """Raises SlotFull unless the booking's guests fit beside the others' in a slot."""
        left = None if slot.guest_capacity is None else slot.guest_capacity - self._taken[slot.date, slot.start].guests
        if left is not None and booking.total_guests > left:
            left = max(left, 0)
            raise TooManyGuests(
                _("Target time slot is fully booked: it has room for %(left)d more guests.") % {"left": left}, data=left
            )

    def _take(self, booking: Booking, slot: Slot, wanted: int) -> Hold:
        taken = self._taken[slot.date, slot.start].lanes
        free = [lane for lane in range(slot.capacity) if lane not in taken]
        lane = wanted if wanted in free else free[0]
        self._put(booking.pk, (slot.date, slot.start), lane, booking.total_guests)
        return Hold(
            booking=booking,
            station_id=self.station_id,
            date=slot.date,
            slot=slot.start,
            lane=lane,
            capacity=slot.capacity,
        )


def write(holds: Iterable[Hold]) -> None:
    """New places. The constraints' refusal is an IntegrityError, which the services turn into SlotFull."""
    Hold.objects.bulk_create(holds)


def give_up(bookings: Iterable[UUID]) -> None:
    """Every place that these bookings hold."""
    Hold.objects.filter(booking__in=list(bookings)).delete()
