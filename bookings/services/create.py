"""New bookings: one, or many from an import."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import roles
from bookings.mails import outbox
from bookings.models import Booking, status
from bookings.services import batch_create, overlaps
from bookings.services.batch_create import Rules
from bookings.services.inputs import Draft
from bookings.services.locking import atomic_change, lock_stations, record_metrics
from bookings.undo import steps
from core.errors import DomainError, Invalid, NotFound
from stations.access import Person
from stations.models import Station


@record_metrics("create")
def create(draft: Draft, *, by: Person, known_overlaps: Collection[UUID] | None = None) -> Booking:
    """Create a booking: pending, confirmed, or arrived for guests who are at the door.

    Raises NotPermitted, NotFound (station or customer), Invalid, Duplicate, Past (the slot has ended), TooEarly (arrived in a
    slot that has not begun), NoSuchSlot, SlotClosed or SlotFull. Unless `known_overlaps` is None, also AlreadyBooked if the
    customer has other bookings at that time than these.
    """
    roles.require(by, roles.CHANGE)
    with atomic_change():
        [station] = lock_stations(by, codes=[draft.station])
        if draft.status not in status.NEW:
            raise Invalid(fields={"status": [_("A new booking is pending, confirmed or arrived.")]})
        [made] = batch_create.create_batch(station, [draft], Rules(not_before=timezone.now(), strict=True), by=by)
        if isinstance(made, DomainError):
            raise made
        if known_overlaps is not None:
            overlaps.require_none(made, known=known_overlaps)
        outbox.queue_change(made, None)
        steps.record_created(made, by=by)
        return made


@record_metrics("import")
def create_many(drafts: Sequence[Draft], *, by: Person, notify: bool = False) -> list[Booking | DomainError]:
    """Create bookings of another system in one transaction. Returns for each draft, in order, the booking or its error.

    The past and every status are allowed here, and an invalid phone number is kept as written. Customers are emailed only if
    `notify` is set.
    """
    roles.require(by, roles.CHANGE)
    places: dict[str, list[int]] = defaultdict(list)
    for index, draft in enumerate(drafts):
        places[draft.station].append(index)
    results: dict[int, Booking | DomainError] = {}
    with atomic_change():
        known = Station.objects.visible_to(by).filter(code__in=places).values_list("code", flat=True)
        for station in lock_stations(by, codes=known):
            indexes = places[station.code]
            made = batch_create.create_batch(
                station, [drafts[i] for i in indexes], Rules(not_before=None, strict=False), by=by
            )
            results |= dict(zip(indexes, made, strict=True))
            if notify:
                outbox.queue_created(booking for booking in made if isinstance(booking, Booking))
    return [results.get(index) or NotFound(_("Unknown station.")) for index in range(len(drafts))]
