"""Idempotent requests: each key is processed once, in the transaction of everything that the request writes.

`claim` inserts the key's row. A concurrent request with the same key waits at the row's unique constraint until the first has
committed, and gets its response. If the first was rolled back or has released the key, the second is processed.
"""

import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Final

from cryptography.fernet import Fernet
from django.conf import settings

from accounts.idempotency.models import IdempotencyKey
from core.tokens import fernet

LIFETIME: Final = timedelta(days=1)

Answer = Mapping[str, Any]
"""A response, serializable as JSON."""


@dataclass(frozen=True)
class KeyedRequest:
    """A request with a key: user (None if not signed in), URL and submitted data."""

    user_id: int | None
    kind: str
    """Separates the keys of forms from those of other requests."""
    address: str
    key: str
    body: bytes

    @property
    def digest(self) -> bytes:
        return self._hash("digest", b"")

    @property
    def fingerprint(self) -> bytes:
        return self._hash("fingerprint", self.body)

    @cached_property
    def fernet(self) -> Fernet:
        """Encrypts the response under the request's key, which neither the table nor SECRET_KEY reveals."""
        return fernet("idempotency answer", *self._identity)

    @property
    def _identity(self) -> tuple[str, ...]:
        return (str(self.user_id or ""), self.kind, self.address, self.key)

    def _hash(self, purpose: str, body: bytes) -> bytes:
        message = "\0".join(("idempotency", purpose, *self._identity)).encode() + b"\0" + body
        return hmac.digest(settings.SECRET_KEY.encode(), message, "sha256")


@dataclass(frozen=True)
class Claim:
    """The state of a request's key."""

    request: KeyedRequest
    row: IdempotencyKey
    is_new: bool
    """Whether the request must be processed now, and the claim settled or released."""

    @property
    def is_same(self) -> bool:
        """Whether the submitted data is the same as when the key was first used."""
        return hmac.compare_digest(bytes(self.row.fingerprint), self.request.fingerprint)

    @property
    def answer(self) -> Answer:
        """The stored response."""
        found: Answer = json.loads(self.request.fernet.decrypt(bytes(self.row.answer or b"")))
        return found

    def settle(self, answer: Answer) -> None:
        """Store the response of the processed request."""
        self.row.answer = self.request.fernet.encrypt(json.dumps(answer).encode())
        self.row.save(update_fields=["answer"])

    def release(self) -> None:
        """Give the key back after a refusal, so that it can be used again."""
        self.row.delete()


def claim(request: KeyedRequest) -> Claim:
    """Claim the request's key, or find its earlier use. Call this in a transaction, before anything else is locked."""
    row = IdempotencyKey(user_id=request.user_id, digest=request.digest, fingerprint=request.fingerprint)
    IdempotencyKey.objects.bulk_create([row], ignore_conflicts=True)
    found = IdempotencyKey.objects.get(digest=request.digest)
    return Claim(request, found, is_new=found.pk == row.pk)


def find(request: KeyedRequest) -> Claim | None:
    """The claim of a processed request; None if it was not processed, or its key has expired."""
    row = IdempotencyKey.objects.filter(digest=request.digest, answer__isnull=False).first()
    return Claim(request, row, is_new=False) if row else None


def delete_expired(now: datetime) -> None:
    IdempotencyKey.objects.filter(created_at__lte=now - LIFETIME).delete()
