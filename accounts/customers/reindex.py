"""Reindexing of customers whose digests are not those that this release writes."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from time import monotonic, sleep
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from accounts.customers import blind_index
from accounts.encryption import DecryptionError
from accounts.models import Customer, CustomerQuerySet
from stations.models import Station

BATCH_SIZE: Final = 20
"""Customers in one transaction, which locks their station."""


@dataclass(slots=True)
class Reindexed:
    """The result for a station: how many customers were reindexed, and which could not be decrypted."""

    station: Station
    count: int = 0
    faults: list[str] = field(default_factory=list)


def reindex() -> Iterator[Reindexed]:
    """Reindex station by station, in batches. Can be interrupted and started again: current customers are left alone."""
    for station in Station.objects.order_by("pk"):
        result, after = Reindexed(station), Q()
        while pks := list(_customers_of(station).filter(after).values_list("pk", flat=True)[:BATCH_SIZE]):
            started = monotonic()
            _reindex(result, pks)
            after = Q(pk__gt=pks[-1])
            sleep(monotonic() - started)  # leave time for other writers, which queue on SQLite
        yield result


def _customers_of(station: Station) -> CustomerQuerySet:
    return Customer.objects.kept().filter(station=station).order_by("pk")


@transaction.atomic
def _reindex(result: Reindexed, pks: list[UUID]) -> None:
    """Read again under the station's lock, so that customers erased meanwhile are not indexed."""
    station = Station.objects.filter(pk=result.station.pk).locked().get()
    for pk in pks:
        try:
            found = list(_customers_of(station).filter(pk=pk))
        except DecryptionError as error:
            result.faults.append(f"{Customer._meta.label} {pk}: {error}")
            continue
        outdated = [customer for customer in found if not blind_index.is_current(customer, station)]
        blind_index.rewrite(outdated, station)
        result.count += len(outdated)
