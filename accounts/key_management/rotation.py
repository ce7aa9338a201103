"""What is not under the first key of its ring, or not bound to its row, is written again: the same text, the same hashes.

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

from django.conf import settings
from django.db import models, transaction
from django.db.models import BinaryField, ExpressionWrapper, F, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from accounts.customers import blind_index
from accounts.encryption import (
    DIGEST_BYTES,
    KEY_END,
    UNBOUND,
    VERSION,
    Binding,
    DecryptionError,
    EncryptedTextField,
    head_of,
)
from accounts.key_management.keyrings import DATA, INDEX, Ring, columns
from accounts.models import BlindIndex, Customer
from core.errors import DomainError
from stations.models import Station

ROWS_SEEN_AT_ONCE: Final = 1_000
ROWS_AT_ONCE: Final = 50
CUSTOMERS_AT_ONCE: Final = 20
"""Each has some twenty hashes, and their station waits meanwhile."""
ROUNDS: Final = 3


class StillWritten(DomainError):
    code = "still_written"
    sentence = _(
        "Something still writes with another key: a server, worker or command that was started before "
        "the keys were changed. Restart it, then run this again."
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
    """The encrypted columns of one model: what is under an older key, or not bound to its row."""

    def __init__(self, model: type[models.Model], fields: Sequence[EncryptedTextField]) -> None:
        self.label, self._rows, self._fields = model._meta.label, model._base_manager, fields
        self._bound_to = [*dict.fromkeys(one.row_key_column.attname for one in fields)]

    def left(self) -> int:
        heads = {f"head_of_{one.name}": head_of(one) for one in self._fields}
        older = Q(*((f"{name}__in", [*_stale_heads()]) for name in heads), _connector=Q.OR)
        found: int = self._rows.alias(**heads).filter(older).count()
        return found

    def pages(self) -> Iterator[Sequence[Any]]:
        """Asked for all rows in the order of keys, the database goes from one to the next. Asked for the stale ones alone, it may
        go through the whole table for each page."""
        older, after = _stale_heads(), Q()
        rows = self._rows.order_by("pk").values_list("pk", *map(head_of, self._fields))
        while seen := list(rows.filter(after)[:ROWS_SEEN_AT_ONCE]):
            stale = [pk for pk, *heads in seen if any(head is not None and bytes(head) in older for head in heads)]
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
        known, stored = len(self._bound_to), map(_as_stored, self._fields)
        for pk, *values in rows.values_list("pk", *self._bound_to, *stored):
            seen.add(pk)
            fresh, faults = self._rewritten(dict(zip(self._bound_to, values, strict=False)), values[known:])
            done.faults |= {f"{self.label} {pk}: {why}" for why in faults}
            done.rewritten += self._rows.filter(pk=pk).update(**fresh) if fresh else 0
        return seen, done

    def _rewritten(self, row_keys: dict[str, Any], stored: Sequence[Any]) -> tuple[dict[str, Any], list[str]]:
        """What to write of a row, and why some of it cannot be read."""
        fresh: dict[str, Any] = {}
        faults = []
        for column, value in zip(self._fields, stored, strict=True):
            if value is None or bytes(value[:KEY_END]) not in _stale_heads():
                continue
            name = column.row_key_column.attname
            try:
                text = column.read(value, row_keys[name])
            except DecryptionError as error:
                faults.append(str(error))
                continue
            if row_keys[name] is None:  # the release before wrote the row, and knew no such column
                row_keys[name] = fresh[name] = column.row_key_column.get_default()
            fresh[column.name] = column.ciphertext(text, row_keys[name])
        return fresh, faults


def _as_stored(column: EncryptedTextField) -> "ExpressionWrapper[F]":
    return ExpressionWrapper(F(column.name), output_field=BinaryField())


def _stale_heads() -> frozenset[bytes]:
    """With what a value begins that can be read and is to be written again."""
    first, *older = DATA.ids
    again = {version + key for version in (UNBOUND, VERSION) for key in older}
    return frozenset(again if settings.PII_ROW_BINDING == Binding.OFF else again | {UNBOUND + first})


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
                return Done(blind_index.rewrite(found, station))
        except DecryptionError as error:
            if len(customers) == 1:
                self._unreadable |= {*customers}
                return Done(faults={f"{Customer._meta.label} {one}: {error}" for one in customers})
        done = Done()
        for one in customers:
            done.add(self._rewrite(station_id, [one]))
        return done
