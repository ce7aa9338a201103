"""Index customers again whose digests are not those that this release writes."""

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
"""Customers in one transaction: their station waits meanwhile."""


@dataclass(slots=True)
class Reindexed:
    """What became of a station's customers: how many were indexed again, and what could not be read, without any of it."""

    station: Station
    count: int = 0
    faults: list[str] = field(default_factory=list)


def reindex() -> Iterator[Reindexed]:
    """Every station in turn, some customers in a transaction. Killed, it may be started again: what is right is left alone."""
    for station in Station.objects.order_by("pk"):
        done, after = Reindexed(station), Q()
        while pks := list(_of(station).filter(after).values_list("pk", flat=True)[:BATCH_SIZE]):
            began = monotonic()
            _reindex(done, pks)
            after = Q(pk__gt=pks[-1])
            sleep(monotonic() - began)  # so that writers of SQLite, who all queue, get their turns
        yield done


def _of(station: Station) -> CustomerQuerySet:
    return Customer.objects.kept().filter(station=station).order_by("pk")


@transaction.atomic
def _reindex(done: Reindexed, pks: list[UUID]) -> None:
    """Read again under the station's lock: whoever was erased meanwhile stays unindexed."""
    station = Station.objects.filter(pk=done.station.pk).locked().get()
    for pk in pks:
        try:
            found = list(_of(station).filter(pk=pk))
        except DecryptionError as error:
            done.faults.append(f"{Customer._meta.label} {pk}: {error}")
            continue
        outdated = [customer for customer in found if not blind_index.is_current(customer, station)]
        blind_index.rewrite(outdated, station)
        done.count += len(outdated)
