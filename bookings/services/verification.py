"""Verifies that bookings and ledger agree, and that no slot holds more than its capacity."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from django.utils import timezone

from bookings.models import Booking, Hold
from bookings.models.status import Places
from stations.errors import NoSuchSlot, SlotClosed
from stations.models import Station
from stations.timetable import Slot, Timetable
from stations.timetable_queries import load_timetable

BATCH_DAYS = 28
CLOCK_CHANGE = timedelta(hours=1)
"""How far local times may be ahead of instants in the night in which the clocks change."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A fault: at which station, of what (a booking or a slot), and how it differs."""

    station: str
    what: str
    how: str

    def __str__(self) -> str:
        return f"{self.station}: {self.what}: {self.how}"


def differences() -> Iterator[Difference]:
    """Yield every difference between bookings, holds and timetables, station by station, with bounded memory."""
    now = timezone.now()
    for station in Station.objects.order_by("code"):
        yield from _check_station(station, now)


def _check_station(station: Station, now: datetime) -> Iterator[Difference]:
    days = set(Booking.objects.filter(station=station).values_list("date", flat=True).distinct())
    days |= set(Hold.objects.filter(station=station).values_list("date", flat=True).distinct())
    for hold in Hold.objects.filter(station=station).exclude(booking__station=station):
        yield Difference(station.code, f"booking {hold.booking_id}", "holds a place at a station that is not its own")
    ordered = sorted(days)
    for start in range(0, len(ordered), BATCH_DAYS):
        yield from _check_days(station, ordered[start : start + BATCH_DAYS], now)


def _check_days(station: Station, days: Sequence[date], now: datetime) -> Iterator[Difference]:
    timetable = load_timetable(station, days[0], days[-1])
    found = Booking.objects.filter(station=station, date__in=days).defer("special_requests")
    bookings = list(found.prefetch_related("holds"))
    for booking in bookings:
        for how in _check_booking(booking, timetable, now):
            yield Difference(station.code, f"booking {booking.pk}", how)
    holds = list(
        Hold.objects.filter(station=station, date__in=days).select_related("booking").defer("booking__special_requests")
    )
    slots: dict[tuple[date, time], list[Hold]] = defaultdict(list)
    for hold in holds:
        slots[hold.date, hold.slot].append(hold)
    for (day, start), held in slots.items():
        for how in _check_slot(timetable.find(day, start), held, now):
            yield Difference(station.code, f"slot {day} {start:%H:%M}", how)


def _check_booking(booking: Booking, timetable: Timetable, now: datetime) -> Iterator[str]:
    holds = sorted(booking.holds.all(), key=lambda hold: (hold.date, hold.slot))
    if booking.places is Places.NONE:
        if holds:
            yield f"is {'displaced' if booking.needs_place else booking.status}, yet holds {len(holds)} places"
        return
    if any(hold.date != booking.date for hold in holds):
        yield "holds a place on another date"
    if booking.places is Places.ALL and booking.starts_at > now:
        yield from _check_upcoming(booking, [hold.slot for hold in holds], timetable)
        return
    if len(holds) > booking.slots:
        yield f"takes {booking.slots} slots, yet holds {len(holds)} places"
    if any(not _is_within(booking, hold) for hold in holds):
        yield "holds a place outside of its time"
    if booking.places is Places.BEGUN:
        yield from _check_completed(booking, [hold.slot for hold in holds], timetable, now)
    else:
        yield from _check_running(booking, [hold.slot for hold in holds], timetable, now)


def _check_upcoming(booking: Booking, held: Sequence[time], timetable: Timetable) -> Iterator[str]:
    """Upcoming bookings must hold all of their slots."""
    if len(held) != booking.slots:
        yield f"takes {booking.slots} slots, yet holds {len(held)} places"
    elif held[0] != booking.slot:
        yield f"begins at {booking.slot:%H:%M}, yet holds from {held[0]:%H:%M}"
    yield from _check_against_timetable(booking, held, timetable)


def _check_completed(booking: Booking, held: Sequence[time], timetable: Timetable, now: datetime) -> Iterator[str]:
    """Who has left holds no slot that was still ahead then, and so none that is ahead now."""
    slots = [timetable.find(booking.date, start) for start in held]
    if booking.starts_at > now and held:
        yield f"is completed, yet holds {len(held)} places ahead"
    elif any(slot and slot.starts_at > now for slot in slots):
        yield "is completed, yet holds a place that has not begun"


def _check_running(booking: Booking, held: Sequence[time], timetable: Timetable, now: datetime) -> Iterator[str]:
    """A booking that is running holds the slots that are not over. The timetable may have changed since it began."""
    try:
        slots = timetable.consecutive_slots(booking.date, booking.slot, booking.slots)
    except (NoSuchSlot, SlotClosed):
        return
    if (slots[0].starts_at, slots[-1].ends_at) == (booking.starts_at, booking.ends_at):
        for slot in slots:
            if slot.ends_at > now and slot.start not in held:
                yield f"lacks its place at {slot.start:%H:%M}"


def _check_against_timetable(booking: Booking, held: Sequence[time], timetable: Timetable) -> Iterator[str]:
    """Upcoming bookings must fill open slots of the current timetable, from the first instant to the last."""
    try:
        slots = timetable.consecutive_slots(booking.date, booking.slot, booking.slots)
    except (NoSuchSlot, SlotClosed) as error:
        yield str(error)
        return
    if [slot.start for slot in slots] != list(held):
        yield "holds other slots than those it takes"
    if (booking.starts_at, booking.ends_at) != (slots[0].starts_at, slots[-1].ends_at):
        yield "begins or ends at another instant than its slots"


def _is_within(booking: Booking, hold: Hold) -> bool:
    """Whether the place begins before the booking ends, by local time: bookings that have begun keep their instants."""
    offset = datetime.combine(hold.date, hold.slot) - datetime.combine(booking.date, booking.slot)
    return timedelta(0) <= offset < booking.ends_at - booking.starts_at + CLOCK_CHANGE


def _check_slot(slot: Slot | None, held: Sequence[Hold], now: datetime) -> Iterator[str]:
    if any(count > 1 for count in Counter(hold.lane for hold in held).values()):
        yield "two parties in one lane"
    if any(not 0 <= hold.lane < hold.capacity for hold in held):
        yield "a lane beyond the capacity"
    if len(held) > max(hold.capacity for hold in held):
        yield f"{len(held)} parties where {max(hold.capacity for hold in held)} fit"
    if slot is None or slot.starts_at <= now:
        return
    if len(held) > slot.capacity:
        yield f"{len(held)} parties where {slot.capacity} fit"
    if any(hold.capacity != slot.capacity for hold in held):
        yield f"a place counted against another capacity than {slot.capacity}"
    guests = sum(hold.booking.total_guests for hold in held)
    if slot.guest_capacity is not None and guests > slot.guest_capacity:
        yield f"{guests} guests where {slot.guest_capacity} fit"
