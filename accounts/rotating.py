"""What is not under the first key of its ring is written again under that: the same text, the same hashes, another key.

It is no change to anybody: no version, no counter and no audit entry grows, and who has read a row may save it. The rows
themselves say what is left, and transactions are short: a process may be killed at any point, and another goes on.

Services are not in the way, nor it in theirs. What somebody has in hand is passed over, and then waited for with nothing else in
hand, so that no two wait for each other. It rests as long as it works: writers of SQLite, who all queue, get their turns.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from django.db import models, transaction
from django.db.models import BinaryField, ExpressionWrapper, F, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from accounts import indexing
from accounts.encryption import DIGEST_BYTES, DecryptionError, EncryptedTextField, key_in, key_of, ring
from accounts.keyrings import DATA, INDEX, Ring, columns
from accounts.models import BlindIndex, Customer
from stations.errors import DomainError
from stations.models import Station

ROWS_SEEN_AT_ONCE: Final = 1_000
ROWS_AT_ONCE: Final = 50
CUSTOMERS_AT_ONCE: Final = 20
"""Each has some twenty hashes, and their station waits meanwhile."""
ROUNDS: Final = 3


class StillWritten(DomainError):
    code = "still_written"
    sentence = _(
        "Something goes on writing under another key: a server, a worker or a command that was started before the ring was "
        "changed. Start it anew, and then run this again."
    )


@dataclass(slots=True)
class Done:
    """What came of a page: how much was rewritten, and what could not be read, in words without any of it."""

    rewritten: int = 0
    faults: set[str] = field(default_factory=set)

    def add(self, other: "Done") -> None:
        self.rewritten += other.rewritten
        self.faults |= other.faults


class Work(Protocol):
    """One table to be rewritten."""

    label: str

    def left(self) -> int:
        """How much is under another key that can be read."""

    def pages(self) -> Iterator[Sequence[Any]]:
        """What is left, a little at a time, in an order of its own: what comes behind meanwhile is for another round."""

    def rewrite(self, page: Sequence[Any]) -> Done:
        """In transactions of its own."""


def works(of: Ring) -> list[Work]:
    """What there is to rewrite of a ring. Of the audit trail nothing: its entries are never sealed anew."""
    if of is DATA:
        return [Values(model, fields) for model, fields in columns(EncryptedTextField)]
    return [Indexes()] if of is INDEX else []


def rotate(work: Work, on_progress: Callable[[int], object]) -> set[str]:
    """Rewrite until nothing is left, and return what could not be read. Raises StillWritten where that has no end."""
    faults: set[str] = set()
    for _round in range(ROUNDS):
        rewritten = 0
        for page in work.pages():
            began = time.monotonic()
            done = work.rewrite(page)
            rewritten, faults = rewritten + done.rewritten, faults | done.faults
            on_progress(done.rewritten)
            time.sleep(time.monotonic() - began)
        if not rewritten:
            return faults
    raise StillWritten


class Values:
    """The encrypted columns of one model."""

    def __init__(self, model: type[models.Model], fields: Sequence[EncryptedTextField]) -> None:
        self.label, self._rows, self._fields = model._meta.label, model._base_manager, fields

    def left(self) -> int:
        keys = {f"key_of_{one.name}": key_of(one) for one in self._fields}
        older = Q(*((f"{name}__in", DATA.ids[1:]) for name in keys), _connector=Q.OR)
        found: int = self._rows.alias(**keys).filter(older).count()
        return found

    def pages(self) -> Iterator[Sequence[Any]]:
        """Asked for all rows in the order of keys, the database goes from one to the next. Asked for the stale ones alone, it may
        go through the whole table for each page."""
        older, after = set(DATA.ids[1:]), Q()
        rows = self._rows.order_by("pk").values_list("pk", *map(key_of, self._fields))
        while seen := list(rows.filter(after)[:ROWS_SEEN_AT_ONCE]):
            stale = [pk for pk, *keys in seen if any(key is not None and bytes(key) in older for key in keys)]
            yield from (stale[at : at + ROWS_AT_ONCE] for at in range(0, len(stale), ROWS_AT_ONCE))
            after = Q(pk__gt=seen[-1][0])

    def rewrite(self, page: Sequence[Any]) -> Done:
        seen, done = self._rewrite(page, skip_locked=True)
        for pk in page:
            if pk not in seen:
                done.add(self._rewrite([pk], skip_locked=False)[1])
        return done

    @transaction.atomic
    def _rewrite(self, pks: Sequence[Any], *, skip_locked: bool) -> tuple[set[Any], Done]:
        rows = self._rows.filter(pk__in=pks).select_for_update(no_key=True, skip_locked=skip_locked)
        seen, done = set(), Done()
        for pk, *stored in rows.values_list("pk", *map(_as_stored, self._fields)):
            seen.add(pk)
            fresh, faults = _read(self._fields, stored)
            done.faults |= {f"{self.label} {pk}: {why}" for why in faults}
            done.rewritten += self._rows.filter(pk=pk).update(**fresh) if fresh else 0
        return seen, done


def _as_stored(column: EncryptedTextField) -> "ExpressionWrapper[F]":
    return ExpressionWrapper(F(column.name), output_field=BinaryField())


def _read(fields: Sequence[EncryptedTextField], stored: Sequence[Any]) -> tuple[dict[str, str], list[str]]:
    """The texts that are under an older key, and why others cannot be read."""
    fresh, faults = {}, []
    for column, value in zip(fields, stored, strict=True):
        if value is None or key_in(column, value) not in DATA.ids[1:]:
            continue
        try:
            fresh[column.name] = ring().decrypt(value, column.context)
        except DecryptionError as error:
            faults.append(str(error))
    return fresh, faults


class Indexes:
    """What customers are found by. A customer's hashes are replaced together, under their station's lock, so that every search
    finds them. They are made of the customer's data anew: those under a lost key are replaced, too."""

    label = BlindIndex._meta.label

    def __init__(self) -> None:
        self._unreadable: set[Any] = set()
        """Customers; asked once, not for each of their hashes."""

    def left(self) -> int:
        return sum(rows.count() for rows in self._stale())

    def _stale(self) -> "list[QuerySet[BlindIndex]]":
        """Those before the writing key's and those behind: the index on hashes finds both at once."""
        first = INDEX.ids[0]
        rows = BlindIndex.objects.order_by("digest", "customer")
        return [rows.filter(digest__lt=first), rows.filter(digest__gt=first + b"\xff" * DIGEST_BYTES)]

    def pages(self) -> Iterator[Sequence[Any]]:
        for rows in self._stale():
            after = Q()
            while page := list(rows.filter(after).values_list("digest", "customer", "station")[:CUSTOMERS_AT_ONCE]):
                yield page
                digest, customer, _station = page[-1]
                after = Q(digest__gte=digest) & (Q(digest__gt=digest) | Q(customer__gt=customer))

    def rewrite(self, page: Sequence[Any]) -> Done:
        at_station: dict[int, set[Any]] = defaultdict(set)
        for _digest, customer, station in page:
            at_station[station] |= {customer} - self._unreadable
        done = Done()
        for station, customers in at_station.items():
            if customers:
                done.add(self._rewrite(station, customers))
        return done

    def _rewrite(self, station_id: int, customers: Collection[Any]) -> Done:
        try:
            with transaction.atomic():
                station = Station.objects.filter(pk=station_id).locked().get()
                found = list(
                    Customer.objects.filter(pk__in=customers).only(
                        "name", "email", "email_is_valid", "phone", "erased_at"
                    )
                )
                return Done(indexing.rewrite(found, station))
        except DecryptionError as error:
            if len(customers) == 1:
                self._unreadable |= {*customers}
                return Done(faults={f"{Customer._meta.label} {one}: {error}" for one in customers})
        done = Done()
        for one in customers:
            done.add(self._rewrite(station_id, [one]))
        return done
