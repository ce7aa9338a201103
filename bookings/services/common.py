"""Rules that several services check under the station's lock, and the writing of a changed booking."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.audit.models import LockedChains
from bookings import audit
from bookings.audit import Change, Event
from bookings.errors import Duplicate
from bookings.mails import outbox
from bookings.mails.outbox import Unsettled
from bookings.models import Booking
from bookings.models.mail_state import BookingSnapshot
from bookings.services import contacts
from bookings.services.capacity import Ledger
from bookings.services.locking import stale
from bookings.undo import steps
from core.bidi import isolate
from core.db import sql
from core.errors import Invalid
from stations.access import Person
from stations.models import Station
from stations.timetable import Slot
from stations.timetable_queries import load_timetable


def require_version(booking: Booking, seen: int | None, by: Person, *, is_done: bool = False) -> None:
    """Raises Stale unless the booking has the version that was seen, or a later one if the wanted change `is_done`."""
    if seen is None or seen == booking.version or (is_done and seen < booking.version):
        return
    raise stale(booking, by)


def require_acceptable(booking: Booking, station: Station) -> None:
    """Raises Invalid or Duplicate if the booking cannot go to another station: its currency or its reference do not fit there."""
    if station.currency != booking.station.currency:
        raise Invalid(
            _("%(station)s uses another currency. Make a new booking there.") % {"station": isolate(station.name)},
            fields={"station": [_("Another currency.")]},
        )
    require_reference_free(booking, station)


def require_reference_free(booking: Booking, station: Station) -> None:
    if booking.external_ref:
        others = Booking.objects.filter(station=station, external_ref=booking.external_ref).exclude(pk=booking.pk)
        if taken := others.values_list("pk", flat=True).first():
            raise Duplicate(data=taken)


def require_seats(booking: Booking, station: Station) -> None:
    """Raises SlotFull if the guests do not fit into the booking's slots. A slot that has left the timetable sets no limit."""
    ledger = Ledger(station.pk, [booking.date])
    ledger.release(booking.pk)
    timetable = load_timetable(station, booking.date, booking.date)
    for start in booking.holds.values_list("slot", flat=True):
        if slot := timetable.find(booking.date, start):
            ledger.require_seats(booking, slot)


def assign_slots(booking: Booking, slots: Sequence[Slot]) -> None:
    booking.date, booking.slot = slots[0].date, slots[0].start
    booking.starts_at, booking.ends_at = slots[0].starts_at, slots[-1].ends_at
    booking.needs_place = False


def save_change(
    booking: Booking,
    fields: Sequence[str],
    changes: Sequence[Change],
    previous: BookingSnapshot | None,
    *,
    by: Person,
    chains: LockedChains,
    notified: Unsettled | None = None,
    known: BookingSnapshot | None = None,
) -> BookingSnapshot | None:
    """Write these fields of a booking with its next version, the audit entries, the stations' change counters and the email to
    its customer.

    `previous` is the state before the change, None if the customer is not to be emailed. `notified`, `known` and the return value
    are those of `outbox.queue_change`.
    """
    booking.version += 1
    booking.updated_at = timezone.now()
    sql.update(booking, [*fields, "version", "updated_at"])
    audit.record(changes, by=by, chains=chains)
    knew = outbox.queue_change(booking, previous, notified, known=known) if previous else None
    Station.objects.bump(*(change.station_id for change in changes))
    return knew


def move_entries(
    booking: Booking, origin: Station, changes: dict[str, list[Any]], contact_changes: contacts.Changes | None = None
) -> list[Change]:
    """The audit entries of a move: one, or one in the log of each of the two stations.

    `contact_changes` are those of the contact that came with the booking.
    """
    if booking.station_id == origin.pk:
        return [Change(booking, Event.RESCHEDULED, changes, origin.pk)]
    left = {**changes, "customer": [changes["customer"][0], None]} if "customer" in changes else changes
    came = {**changes, "customer": [None, changes["customer"][1]]} if "customer" in changes else changes
    return [
        Change(booking, Event.LEFT, left, origin.pk),
        Change(booking, Event.CAME, came | (contact_changes or {}), booking.station_id),
    ]


ORGANIZER: Final = ("organizer_name", "organizer_email")
ALL_FIELDS: Final = [
    field.name
    for field in Booking._meta.concrete_fields
    if field.name not in ("id", "version", "updated_at", *ORGANIZER)
]


def record_change(
    booking: Booking,
    event: Event,
    before: Mapping[str, Any],
    previous: BookingSnapshot | None,
    undo_step: steps.Recorder | None,
    *,
    by: Person,
    chains: LockedChains,
    contact_changes: contacts.Changes | None = None,
) -> Booking:
    """Write a change of a booking that stays at its station, and its undo step.

    `previous` is None if the customer is not to be emailed, `undo_step` if the change cannot be undone; `contact_changes` are
    those of the contact that came with the booking.
    """
    changes = audit.differences(before, audit.recorded(booking)) | (contact_changes or {})
    fields = ALL_FIELDS
    if before["customer"] != booking.customer_id:  # the new customer's calendar has no event of an organizer yet
        booking.organizer_name = booking.organizer_email = ""
        fields = [*ALL_FIELDS, *ORGANIZER]
    with sql.pipeline(flush_on_commit=True):
        entry = Change(booking, event, changes, booking.station_id)
        known = save_change(booking, fields, [entry], previous, by=by, chains=chains)
        if undo_step:
            undo_step.record(event, known)
    return booking
