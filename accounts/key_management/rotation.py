"""Key rotation: rewrites values that are not under the first key of their ring, or not bound to their row. Texts stay the same.

To users this is no change: no version and no change counter grows, there is no audit entry, and edits in progress can be saved.
Progress is recorded by the rows themselves, and transactions are short, so a rotation can be killed and restarted at any point.

It does not block services: locked rows are skipped first, and later waited for one at a time, which rules out deadlocks. It
pauses as long as it works, because writers queue on SQLite.
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
    UNBOUND_VERSION,
    VERSION,
    Binding,
    DecryptionError,
    EncryptedTextField,
    header_of,
)
from accounts.key_management.keyrings import DATA, INDEX, Ring, models_with_columns
from accounts.models import BlindIndex, Customer
from core.errors import DomainError
from stations.models import Station

READ_BATCH_SIZE: Final = 1_000
WRITE_BATCH_SIZE: Final = 50
CUSTOMER_BATCH_SIZE: Final = 20
"""Each has some twenty hashes, and their station is locked meanwhile."""
MAX_ROUNDS: Final = 3


class StillWritten(DomainError):
    code = "still_written"
    sentence = _(
        "Something still writes with another key: a server, worker or command that was started before "
        "the keys were changed. Restart it, then run this again."
    )


@dataclass(slots=True)
class PageResult:
    """The result of a page: how many values were rewritten, and which could not be decrypted."""

    rewritten: int = 0
    faults: set[str] = field(default_factory=set)

    def add(self, other: "PageResult") -> None:
        self.rewritten += other.rewritten
        self.faults |= other.faults


class RotationTask(Protocol):
    """The rotation of one table."""

    label: str

    def count_remaining(self) -> int:
        """The number of values to rewrite."""

    def pages(self) -> Iterator[Sequence[Any]]:
        """The values to rewrite, in batches and in a fixed order. Values added behind are left to the next round."""

    def rewrite(self, page: Sequence[Any]) -> PageResult:
        """Rewrite a batch, in separate transactions."""


def tasks_for(ring: Ring) -> list[RotationTask]:
    """The tasks of a ring. None for the audit log, whose entries are never sealed again."""
    if ring is DATA:
        return [EncryptedColumnsTask(model, fields) for model, fields in models_with_columns(EncryptedTextField)]
    return [BlindIndexTask()] if ring is INDEX else []


def rotate(task: RotationTask, on_progress: Callable[[int], object]) -> set[str]:
    """Rewrite until nothing remains, and return what could not be decrypted. Raises StillWritten if there is no end to it."""
    faults: set[str] = set()
    for _round in range(MAX_ROUNDS):
        rewritten = 0
        for page in task.pages():
            started = time.monotonic()
            done = task.rewrite(page)
            rewritten, faults = rewritten + done.rewritten, faults | done.faults
            on_progress(done.rewritten)
            time.sleep(time.monotonic() - started)
        if not rewritten:
            return faults
    raise StillWritten


class EncryptedColumnsTask:
    """The encrypted columns of a model: values under an older key, or not bound to their row."""

    def __init__(self, model: type[models.Model], fields: Sequence[EncryptedTextField]) -> None:
        self.label, self._rows, self._fields = model._meta.label, model._base_manager, fields
        self._bound_to = [*dict.fromkeys(one.row_key_column.attname for one in fields)]

    def count_remaining(self) -> int:
        heads = {f"head_of_{one.name}": header_of(one) for one in self._fields}
        older = Q(*((f"{name}__in", [*_stale_headers()]) for name in heads), _connector=Q.OR)
        found: int = self._rows.alias(**heads).filter(older).count()
        return found

    def pages(self) -> Iterator[Sequence[Any]]:
        """Reads all rows in the order of their primary keys, and filters in Python. A query for stale values alone might scan the
        whole table for each batch.
        """
        older, after = _stale_headers(), Q()
        rows = self._rows.order_by("pk").values_list("pk", *map(header_of, self._fields))
        while seen := list(rows.filter(after)[:READ_BATCH_SIZE]):
            stale = [pk for pk, *heads in seen if any(head is not None and bytes(head) in older for head in heads)]
            yield from (stale[at : at + WRITE_BATCH_SIZE] for at in range(0, len(stale), WRITE_BATCH_SIZE))
            after = Q(pk__gt=seen[-1][0])

    def rewrite(self, page: Sequence[Any]) -> PageResult:
        seen, done = self._rewrite(page, skip_locked=True)
        for pk in page:
            if pk not in seen:
                done.add(self._rewrite([pk], skip_locked=False)[1])
        return done

    @transaction.atomic
    def _rewrite(self, pks: Sequence[Any], *, skip_locked: bool) -> tuple[set[Any], PageResult]:
        rows = self._rows.filter(pk__in=pks).select_for_update(no_key=True, skip_locked=skip_locked)
        seen, done = set(), PageResult()
        known, stored = len(self._bound_to), map(_as_stored, self._fields)
        for pk, *values in rows.values_list("pk", *self._bound_to, *stored):
            seen.add(pk)
            fresh, faults = self._rewritten(dict(zip(self._bound_to, values, strict=False)), values[known:])
            done.faults |= {f"{self.label} {pk}: {why}" for why in faults}
            done.rewritten += self._rows.filter(pk=pk).update(**fresh) if fresh else 0
        return seen, done

    def _rewritten(self, row_keys: dict[str, Any], stored: Sequence[Any]) -> tuple[dict[str, Any], list[str]]:
        """The new values of a row, and why some could not be decrypted."""
        fresh: dict[str, Any] = {}
        faults = []
        for column, value in zip(self._fields, stored, strict=True):
            if value is None or bytes(value[:KEY_END]) not in _stale_headers():
                continue
            name = column.row_key_column.attname
            try:
                text = column.read(value, row_keys[name])
            except DecryptionError as error:
                faults.append(str(error))
                continue
            if row_keys[name] is None:  # written by the previous release, which lacks this column
                row_keys[name] = fresh[name] = column.row_key_column.get_default()
            fresh[column.name] = column.ciphertext(text, row_keys[name])
        return fresh, faults


def _as_stored(column: EncryptedTextField) -> "ExpressionWrapper[F]":
    return ExpressionWrapper(F(column.name), output_field=BinaryField())


def _stale_headers() -> frozenset[bytes]:
    """The headers of values that can be decrypted and must be rewritten."""
    first, *older = DATA.ids
    again = {version + key for version in (UNBOUND_VERSION, VERSION) for key in older}
    return frozenset(again if settings.PII_ROW_BINDING == Binding.OFF else again | {UNBOUND_VERSION + first})


class BlindIndexTask:
    """The blind index of customers.

    All hashes of a customer are replaced together, under the lock of their station, so that every search finds them. They are
    computed from the customer's data, so hashes under a lost key are replaced as well.
    """

    label = BlindIndex._meta.label

    def __init__(self) -> None:
        self._unreadable: set[Any] = set()
        """Customers that could not be decrypted, so that this is tried only once for each."""

    def count_remaining(self) -> int:
        return sum(rows.count() for rows in self._stale())

    def _stale(self) -> "list[QuerySet[BlindIndex]]":
        """The hashes before and after those of the current key, both found by the database index on hashes."""
        first = INDEX.ids[0]
        rows = BlindIndex.objects.order_by("digest", "customer")
        return [rows.filter(digest__lt=first), rows.filter(digest__gt=first + b"\xff" * DIGEST_BYTES)]

    def pages(self) -> Iterator[Sequence[Any]]:
        for rows in self._stale():
            after = Q()
            while page := list(rows.filter(after).values_list("digest", "customer", "station")[:CUSTOMER_BATCH_SIZE]):
                yield page
                digest, customer, _station = page[-1]
                after = Q(digest__gte=digest) & (Q(digest__gt=digest) | Q(customer__gt=customer))

    def rewrite(self, page: Sequence[Any]) -> PageResult:
        at_station: dict[int, set[Any]] = defaultdict(set)
        for _digest, customer, station in page:
            at_station[station] |= {customer} - self._unreadable
        done = PageResult()
        for station, customers in at_station.items():
            if customers:
                done.add(self._rewrite(station, customers))
        return done

    def _rewrite(self, station_id: int, customers: Collection[Any]) -> PageResult:
        try:
            with transaction.atomic():
                station = Station.objects.filter(pk=station_id).locked().get()
                found = list(
                    Customer.objects.filter(pk__in=customers).only(
                        "name", "email", "email_is_valid", "phone", "erased_at"
                    )
                )
                return PageResult(blind_index.rewrite(found, station))
        except DecryptionError as error:
            if len(customers) == 1:
                self._unreadable |= {*customers}
                return PageResult(faults={f"{Customer._meta.label} {one}: {error}" for one in customers})
        done = PageResult()
        for one in customers:
            done.add(self._rewrite(station_id, [one]))
        return done
