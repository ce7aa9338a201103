"""What the services share: rules that are asked under the station's lock, and the write of a changed booking."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.audit.models import Chains
from bookings import audit
from bookings.audit import Change, Event
from bookings.errors import Duplicate
from bookings.mails import outbox
from bookings.mails.outbox import Said
from bookings.models import Booking
from bookings.models.mail_state import Standing
from bookings.models.status import HOLDING
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
from stations.timetable_queries import timetable_of


def require_version(booking: Booking, seen: int | None, by: Person) -> None:
    if seen is not None and seen != booking.version:
        raise stale(booking, by)


def require_acceptable(booking: Booking, station: Station) -> None:
    """Whether a booking may go to another station: its money must mean the same there, its reference must be free."""
    if station.currency != booking.station.currency:
        raise Invalid(
            _("%(station)s takes another currency. Make a new booking there.") % {"station": isolate(station.name)},
            fields={"station": [_("Another currency.")]},
        )
    require_reference_free(booking, station)


def require_reference_free(booking: Booking, station: Station) -> None:
    if booking.external_ref:
        others = Booking.objects.filter(station=station, external_ref=booking.external_ref).exclude(pk=booking.pk)
        if taken := others.values_list("pk", flat=True).first():
            raise Duplicate(data=taken)


def require_seats(booking: Booking, station: Station) -> None:
    """Whether a party that has grown still fits where it is; a slot that the timetable no longer has sets no limit."""
    ledger = Ledger(sql.key(station.pk), [booking.date])
    ledger.release(booking.pk)
    timetable = timetable_of(station, booking.date, booking.date)
    for start in booking.holds.values_list("slot", flat=True):
        if slot := timetable.find(booking.date, start):
            ledger.require_seats(booking, slot)


def is_holding(booking: Booking) -> bool:
    """Whether the booking takes places in the ledger."""
    return booking.status in HOLDING and not booking.needs_place


def put(booking: Booking, slots: Sequence[Slot]) -> None:
    booking.date, booking.slot = slots[0].date, slots[0].start
    booking.starts_at, booking.ends_at = slots[0].starts_at, slots[-1].ends_at
    booking.needs_place = False


def write(
    booking: Booking,
    fields: Sequence[str],
    changes: Sequence[Change],
    stood: Standing | None,
    *,
    by: Person,
    chains: Chains,
    said: Said | None = None,
    known: Standing | None = None,
) -> Standing | None:
    """Write these fields of a booking under its next version, with the audit entries, the counters of the stations concerned,
    and what its customer is to hear.

    `stood` is how the booking stood before, or None where nobody is to be told; `said` and `known` are as `outbox.changed`
    takes them. Returns what the customer knew, as that does.
    """
    booking.version += 1
    booking.updated_at = timezone.now()
    sql.update(booking, [*fields, "version", "updated_at"])
    audit.record(changes, by=by, chains=chains)
    knew = outbox.changed(booking, stood, said, known=known) if stood else None
    Station.objects.bump(*(change.station_id for change in changes))
    return knew


def move_entries(
    booking: Booking, home: Station, changes: dict[str, list[Any]], given: dict[str, list[Any]] | None = None
) -> list[Change]:
    """The audit entries of a move: one, or one in each of two stations' trails. `given` is what changed there of the contact that
    came with the booking."""
    if booking.station_id == home.pk:
        return [Change(booking, Event.RESCHEDULED, changes, home.pk)]
    left = {**changes, "customer": [changes["customer"][0], None]} if "customer" in changes else changes
    came = {**changes, "customer": [None, changes["customer"][1]]} if "customer" in changes else changes
    return [
        Change(booking, Event.LEFT, left, home.pk),
        Change(booking, Event.CAME, came | (given or {}), booking.station_id),
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
    stood: Standing | None,
    undo_step: steps.Recorder | None,
    *,
    by: Person,
    chains: Chains,
    given: contacts.Changes | None = None,
) -> Booking:
    """Write a booking that stays at its station. `stood` is None where nobody is to be told, `undo_step` where the change cannot
    be undone, `given` what changed of the contact that came with it."""
    changes = audit.differences(before, audit.recorded(booking)) | (given or {})
    fields = ALL_FIELDS
    if before["customer"] != booking.customer_id:  # whose calendar knows nothing yet
        booking.organizer_name = booking.organizer_email = ""
        fields = [*ALL_FIELDS, *ORGANIZER]
    with sql.together(to_the_commit=True):
        entry = Change(booking, event, changes, booking.station_id)
        known = write(booking, fields, [entry], stood, by=by, chains=chains)
        if undo_step:
            undo_step.record(event, known)
    return booking
