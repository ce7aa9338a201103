"""Changes of a station's timetable, and their effect on its bookings.

A change never deletes a booking. If bookings would lose their place, the change is refused with a list of them or, if the manager
agrees, displaces them: they give up their holds and are listed as unassigned until they are moved. If a slot has too many, the
newest is displaced first. Bookings that have begun are never touched.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import roles
from bookings import audit
from bookings.audit import Change, Event
from bookings.errors import SlotFull, WouldDisplace, WouldRetime
from bookings.models import Booking, Hold
from bookings.services import capacity
from bookings.services.capacity import Ledger
from bookings.services.locking import atomic_change, lock_stations
from core.errors import Invalid
from stations.access import Person
from stations.errors import NoSuchSlot, SlotClosed, Stale
from stations.models import Opening, Station, TimetableException, Versions
from stations.timetable import Slot, instant, overlapping
from stations.timetable_queries import load_timetable

_ROWS = (Opening.objects, TimetableException.objects)
_OWN_FIELDS = [
    field.attname
    for field in Station._meta.concrete_fields
    if field.name not in ("version", "timetable_version", "changes")
]


@contextmanager
def timetable_change(
    station: Station, *, by: Person, displace: bool = False, retime: bool = False, seen: Versions | None = None
) -> Iterator[None]:
    """Change the station's own fields, openings and exceptions inside the block; bookings are adapted when it ends.

    Raises NotPermitted, NotFound and Stale (station or timetable have another version than was `seen`) at the start; at the end,
    with nothing changed, Invalid (openings overlap), WouldRetime (another time zone changes the start of upcoming bookings,
    unless `retime`) or WouldDisplace (bookings lose their place, unless `displace`).
    """
    roles.require(by, roles.MANAGE)
    with atomic_change():
        [before] = lock_stations(by, pks=[station.pk])
        if seen and seen.is_stale(before.versions):
            raise Stale(data=before)
        rows = _timetable(before)
        yield
        after = Station.objects.get(pk=station.pk)
        _require_no_overlap(after)
        now = timezone.now()
        if after.time_zone != before.time_zone:
            _retime(before, after, now, by=by, agreed=retime)
        _adapt_bookings(after, now, by=by, agreed=displace)
        _count_versions(before, after, has_new_timetable=rows != _timetable(after))
        Station.objects.bump(after.pk)


def _timetable(station: Station) -> list[list[tuple[Any, ...]]]:
    """All rows of the timetable, for comparison."""
    return [list(rows.filter(station=station).order_by("pk").values_list()) for rows in _ROWS]


def _count_versions(before: Station, after: Station, *, has_new_timetable: bool) -> None:
    """Raise the version of the station and that of its timetable, each if it has changed."""
    is_new = any(getattr(before, name) != getattr(after, name) for name in _OWN_FIELDS)
    if is_new or has_new_timetable:
        Station.objects.filter(pk=after.pk).update(
            version=F("version") + int(is_new), timetable_version=F("timetable_version") + int(has_new_timetable)
        )


def _require_no_overlap(station: Station) -> None:
    pairs = overlapping(list(Opening.objects.filter(station=station)))
    if pairs:
        named = ", ".join(f"{one} / {other}" for one, other in pairs[:5])
        raise Invalid(_("Openings overlap: %(pairs)s. Change the times or the dates of one.") % {"pairs": named})


def _retime(before: Station, after: Station, now: datetime, *, by: Person, agreed: bool) -> None:
    """Recompute the instants of upcoming bookings, which keep their local time, in another time zone."""
    ahead = list(Booking.objects.filter(station=after).ahead(now).in_order().select_related("station", "customer"))
    if not agreed and ahead:
        raise WouldRetime(data=ahead)
    for booking in ahead:
        starts_at = instant(after.zone, booking.date, booking.slot)
        if starts_at is not None and starts_at != booking.starts_at:
            ends_at = starts_at + (booking.ends_at - booking.starts_at)
            _write(booking, Event.RETIMED, {"starts_at": starts_at, "ends_at": ends_at}, by=by)


@dataclass
class _Outcome:
    """The effect of a new timetable on upcoming bookings: those displaced, and those that stay with their slots and new holds."""

    displaced: list[Booking] = field(default_factory=list)
    staying: list[tuple[Booking, list[Slot], list[Hold]]] = field(default_factory=list)


def _adapt_bookings(station: Station, now: datetime, *, by: Person, agreed: bool) -> None:
    ahead = list(
        Booking.objects.filter(station=station)
        .holding()
        .ahead(now)
        .select_related("station", "customer")
        .prefetch_related("holds")
        .order_by("created_at", "pk")
    )
    if not ahead:
        return
    outcome = _evaluate(station, ahead)
    if outcome.displaced and not agreed:
        raise WouldDisplace(data=sorted(outcome.displaced, key=lambda booking: (booking.date, booking.slot)))
    capacity.release(booking.pk for booking in outcome.displaced)
    for booking in outcome.displaced:
        _write(booking, Event.DISPLACED, {"needs_place": True}, by=by)
    _update_holds(outcome.staying, by=by)


def _evaluate(station: Station, ahead: Sequence[Booking]) -> _Outcome:
    """Oldest first, each booking stays if the new timetable has exactly its slots, open, with room for it."""
    days = [booking.date for booking in ahead]
    timetable = load_timetable(station, min(days), max(days))
    ledger = Ledger(station.pk, days)
    ledger.release(*(booking.pk for booking in ahead))
    outcome = _Outcome()
    for booking in ahead:
        lanes = {hold.slot: hold.lane for hold in booking.holds.all()}
        try:
            slots = timetable.consecutive_slots(booking.date, booking.slot, booking.slots)
            if [slot.start for slot in slots] != sorted(lanes):
                raise NoSuchSlot
            outcome.staying.append((booking, slots, ledger.take(booking, slots, lanes=lanes)))
        except (NoSuchSlot, SlotClosed, SlotFull):
            outcome.displaced.append(booking)
    return outcome


def _update_holds(staying: Sequence[tuple[Booking, list[Slot], list[Hold]]], *, by: Person) -> None:
    """Update holds and ends of the bookings that stay, where they differ."""
    changed = [
        (booking, taken)
        for booking, _slots, taken in staying
        if {(hold.slot, hold.lane, hold.capacity) for hold in taken}
        != {(hold.slot, hold.lane, hold.capacity) for hold in booking.holds.all()}
    ]
    capacity.release(booking.pk for booking, _taken in changed)
    capacity.insert(hold for _booking, taken in changed for hold in taken)
    for booking, slots, _taken in staying:
        if booking.ends_at != slots[-1].ends_at:
            _write(booking, Event.RETIMED, {"ends_at": slots[-1].ends_at}, by=by)


def _write(booking: Booking, event: Event, values: dict[str, Any], *, by: Person) -> None:
    before = audit.recorded(booking)
    for name, value in values.items():
        setattr(booking, name, value)
    booking.version += 1
    booking.updated_at = timezone.now()
    booking.save(update_fields=[*values, "version", "updated_at"])
    changes = audit.differences(before, audit.recorded(booking))
    audit.record([Change(booking, event, changes, booking.station_id)], by=by)
