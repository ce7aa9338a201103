"""API keys and calendar feeds after a restore: those that were revoked since the backup must not work again.

A revoked key or address is gone from the database, so a list names those that are in use instead: by the SHA-256 of their
random secrets, which opens nothing. What the list does not name ends; without a list, all of them do. Only a list that is older
than a revocation can bring a revoked key back.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Self

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.models import ApiKey, AuditEntry
from bookings.models import Feed
from bookings.operations.backup.manifest import BackupError

DIGEST_BYTES: Final = 32


class Kind(StrEnum):
    API_KEY = "api_key"
    FEED = "calendar_feed"


@dataclass(frozen=True, slots=True)
class Credential:
    """One API key or feed, by the digest of its secret."""

    kind: Kind
    digest: bytes

    @classmethod
    def read(cls, line: str) -> Self:
        """Raises ValueError for a line that `line` did not write."""
        try:
            data = json.loads(line)
            found = cls(Kind(data["kind"]), bytes.fromhex(data["digest"]))
        except (TypeError, KeyError):
            raise ValueError from None
        if len(found.digest) != DIGEST_BYTES:
            raise ValueError
        return found

    def line(self) -> str:
        """The entry as one line of a list, so that lists can be concatenated."""
        return json.dumps({"kind": self.kind, "digest": self.digest.hex()}) + "\n"


@dataclass(frozen=True, slots=True)
class Ended:
    """How many ended, and how many are still in use."""

    keys: int
    feeds: int
    kept: int

    def __str__(self) -> str:
        keys, feeds = _quantity(self.keys, "API key"), _quantity(self.feeds, "calendar feed")
        return f"Ended: {keys} and {feeds}. Still in use: {self.kept}."


def _quantity(number: int, name: str) -> str:
    return f"{number} {name}{'' if number == 1 else 's'}"


def read_list(path: Path) -> Iterator[Credential]:
    """Read a list of credentials. Raises BackupError for an invalid line."""
    for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
        if line.strip():
            try:
                yield Credential.read(line)
            except ValueError:
                message = f"Line {number} of {path} is no API key or calendar feed. Nothing was changed."
                raise BackupError(message) from None


def in_use() -> Iterator[Credential]:
    """Every API key and feed that opens something at this moment."""
    today = timezone.now().astimezone(UTC).date()
    keys = ApiKey.objects.current().filter(Q(expires_on=None) | Q(expires_on__gte=today), user__is_active=True)
    for kind, rows in ((Kind.API_KEY, keys), (Kind.FEED, Feed.objects.current().filter(user__is_active=True))):
        for digest in rows.order_by("pk").values_list("digest", flat=True):
            yield Credential(kind, bytes(digest))


@transaction.atomic
def end_all_but(kept: Iterable[Credential], *, at: datetime) -> Ended:
    """End every API key and feed that is not among these. Each is recorded, and its owner is told on their page."""
    known = set(kept)
    keys = [key for key in ApiKey.objects.current() if Credential(Kind.API_KEY, bytes(key.digest)) not in known]
    feeds = [feed for feed in Feed.objects.current() if Credential(Kind.FEED, bytes(feed.digest)) not in known]
    _end(ApiKey.objects.all(), keys, at)
    _end(Feed.objects.all(), feeds, at)
    return Ended(len(keys), len(feeds), kept=ApiKey.objects.current().count() + Feed.objects.current().count())


def _end(rows: QuerySet[Any], ended: Sequence[Any], at: datetime) -> None:
    rows.filter(pk__in=[one.pk for one in ended]).update(ended_at=at)
    for one in ended:
        changes = {"ended_at": [None, at.isoformat()]}
        AuditEntry.objects.log_create(one, action=AuditEntry.Action.UPDATE, changes=changes, event="ended")
