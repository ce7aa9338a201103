"""Changes of a station's timetable, and what they do to the bookings that stand in it.

A change never drops a booking. Where one would lose its place the change is refused with the list, or, where the manager
says so, goes through and displaces it: it gives up its holds and stands beside the grid until it has a new place. Of too
many in a slot the newest goes first. What has begun is never touched.
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
from bookings.services.locking import lock_stations, one_change
from core.db import sql
from core.errors import Invalid
from stations.access import Person
from stations.errors import NoSuchSlot, SlotClosed, Stale
from stations.models import Opening, Station, TimetableException, Versions
from stations.timetable import Slot, instant, overlapping
from stations.timetable_queries import timetable_of

_ROWS = (Opening.objects, TimetableException.objects)
_OWN_FIELDS = [
    field.attname
    for field in Station._meta.concrete_fields
    if field.name not in ("version", "timetable_version", "changes")
]


@contextmanager
def changing(
    station: Station, *, by: Person, displace: bool = False, retime: bool = False, seen: Versions | None = None
) -> Iterator[None]:
    """Change the station's own fields, openings and exceptions inside; what that does to bookings is settled on leaving.

    Raises NotPermitted, NotFound and Stale (the station or its timetable is not as it was `seen`) on entering; on leaving, with
    nothing changed, Invalid (openings overlap), WouldRetime (another time zone moves bookings ahead, unless `retime`) or
    WouldDisplace (bookings lose their place, unless `displace`).
    """
    roles.require(by, roles.MANAGE)
    with one_change():
        [before] = lock_stations(by, pks=[station.pk])
        if seen and seen.is_overtaken(before.versions):
            raise Stale(data=before)
        rows = _timetable(before)
        yield
        after = Station.objects.get(pk=station.pk)
        _require_apart(after)
        now = timezone.now()
        if after.time_zone != before.time_zone:
            _retime(before, after, now, by=by, agreed=retime)
        _settle(after, now, by=by, agreed=displace)
        _count_versions(before, after, has_new_timetable=rows != _timetable(after))
        Station.objects.bump(after.pk)


def _timetable(station: Station) -> list[list[tuple[Any, ...]]]:
    """All that a timetable is made of, to be compared."""
    return [list(rows.filter(station=station).order_by("pk").values_list()) for rows in _ROWS]


def _count_versions(before: Station, after: Station, *, has_new_timetable: bool) -> None:
    """A new version for each of the two that differs from what it was."""
    is_new = any(getattr(before, name) != getattr(after, name) for name in _OWN_FIELDS)
    if is_new or has_new_timetable:
        Station.objects.filter(pk=after.pk).update(
            version=F("version") + int(is_new), timetable_version=F("timetable_version") + int(has_new_timetable)
        )


def _require_apart(station: Station) -> None:
    pairs = overlapping(list(Opening.objects.filter(station=station)))
    if pairs:
        named = ", ".join(f"{one} / {other}" for one, other in pairs[:5])
        raise Invalid(_("Openings overlap: %(pairs)s. Change the times or the dates of one.") % {"pairs": named})


def _retime(before: Station, after: Station, now: datetime, *, by: Person, agreed: bool) -> None:
    """What lies ahead keeps its local time, so that its instants move with the zone."""
    ahead = list(Booking.objects.filter(station=after).ahead(now).in_order().select_related("station", "customer"))
    if not agreed and ahead:
        raise WouldRetime(data=ahead)
    for booking in ahead:
        starts_at = instant(after.zone, booking.date, booking.slot)
        if starts_at is not None and starts_at != booking.starts_at:
            ends_at = starts_at + (booking.ends_at - booking.starts_at)
            _write(booking, Event.RETIMED, {"starts_at": starts_at, "ends_at": ends_at}, by=by)


@dataclass
class _Settled:
    """What a new timetable does to the bookings ahead: who loses the place, and what those who stay hold from now on."""

    displaced: list[Booking] = field(default_factory=list)
    staying: list[tuple[Booking, list[Slot], list[Hold]]] = field(default_factory=list)


def _settle(station: Station, now: datetime, *, by: Person, agreed: bool) -> None:
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
    settled = _judge(station, ahead)
    if settled.displaced and not agreed:
        raise WouldDisplace(data=sorted(settled.displaced, key=lambda booking: (booking.date, booking.slot)))
    capacity.give_up(booking.pk for booking in settled.displaced)
    for booking in settled.displaced:
        _write(booking, Event.DISPLACED, {"needs_place": True}, by=by)
    _hold_anew(settled.staying, by=by)


def _judge(station: Station, ahead: Sequence[Booking]) -> _Settled:
    """Oldest first: a booking stays where the new timetable still has its very slots, open, with room for it."""
    days = [booking.date for booking in ahead]
    timetable = timetable_of(station, min(days), max(days))
    ledger = Ledger(sql.key(station.pk), days)
    ledger.release(*(booking.pk for booking in ahead))
    settled = _Settled()
    for booking in ahead:
        lanes = {hold.slot: hold.lane for hold in booking.holds.all()}
        try:
            slots = timetable.row_of_slots(booking.date, booking.slot, booking.slots)
            if [slot.start for slot in slots] != sorted(lanes):
                raise NoSuchSlot
            settled.staying.append((booking, slots, ledger.take(booking, slots, lanes=lanes)))
        except (NoSuchSlot, SlotClosed, SlotFull):
            settled.displaced.append(booking)
    return settled


def _hold_anew(staying: Sequence[tuple[Booking, list[Slot], list[Hold]]], *, by: Person) -> None:
    """Other lanes, capacities and ends for those who stay; whoever keeps all three is left alone."""
    changed = [
        (booking, taken)
        for booking, _slots, taken in staying
        if {(hold.slot, hold.lane, hold.capacity) for hold in taken}
        != {(hold.slot, hold.lane, hold.capacity) for hold in booking.holds.all()}
    ]
    capacity.give_up(booking.pk for booking, _taken in changed)
    capacity.write(hold for _booking, taken in changed for hold in taken)
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
