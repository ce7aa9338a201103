"""Making bookings."""

from collections import defaultdict
from collections.abc import Sequence

from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import roles
from bookings.mails import outbox
from bookings.models import Booking, status
from bookings.services import batch_create
from bookings.services.batch_create import Rules
from bookings.services.inputs import Draft
from bookings.services.locking import counted, lock_stations, one_change
from bookings.undo import steps
from core.errors import DomainError, Invalid, NotFound
from stations.access import Person
from stations.models import Station


@counted("create")
def create(draft: Draft, *, by: Person) -> Booking:
    """A new booking, pending or confirmed.

    Raises NotPermitted, NotFound (station or customer), Invalid, Duplicate, Past (the slot has ended), NoSuchSlot,
    SlotClosed or SlotFull.
    """
    roles.require(by, roles.CHANGE)
    with one_change():
        [station] = lock_stations(by, codes=[draft.station])
        if draft.status not in status.NEW:
            raise Invalid(fields={"status": [_("A new booking is pending or confirmed.")]})
        [made] = batch_create.make(station, [draft], Rules(not_before=timezone.now(), strict=True), by=by)
        if isinstance(made, DomainError):
            raise made
        outbox.changed(made, None)
        steps.record_created(made, by=by)
        return made


@counted("import")
def create_many(drafts: Sequence[Draft], *, by: Person, notify: bool = False) -> list[Booking | DomainError]:
    """Bookings brought in from elsewhere, in their order: each is made, or refused by itself, in one transaction.

    The past and every status are allowed here, and a phone number that is none is kept as written. Customers hear of it
    where `notify` says so.
    """
    roles.require(by, roles.CHANGE)
    places: dict[str, list[int]] = defaultdict(list)
    for index, draft in enumerate(drafts):
        places[draft.station].append(index)
    results: dict[int, Booking | DomainError] = {}
    with one_change():
        known = Station.objects.visible_to(by).filter(code__in=places).values_list("code", flat=True)
        for station in lock_stations(by, codes=known):
            indexes = places[station.code]
            made = batch_create.make(station, [drafts[i] for i in indexes], Rules(not_before=None, strict=False), by=by)
            results |= dict(zip(indexes, made, strict=True))
            if notify:
                outbox.made(booking for booking in made if isinstance(booking, Booking))
    return [results.get(index) or NotFound(_("There is no such station.")) for index in range(len(drafts))]
