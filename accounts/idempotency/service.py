"""Does a request once for each key, in the transaction of what the request writes.

`claim` inserts the key's row. Whoever comes second with the same key waits at the row's unique constraint until the first
has committed, and finds the first's answer; where the first was rolled back or released its key, the second goes on.
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
"""As JSON can hold it."""


@dataclass(frozen=True)
class KeyedRequest:
    """A request by its key: whose it is (None for nobody signed in), what address it was sent to, and what was sent."""

    user_id: int | None
    kind: str
    """What sort of key it is, so that no form's key is one of the API's."""
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
        """What its answer is encrypted with: whoever has the table, and even SECRET_KEY, still lacks the key."""
        return fernet("idempotency answer", *self._identity)

    @property
    def _identity(self) -> tuple[str, ...]:
        return (str(self.user_id or ""), self.kind, self.address, self.key)

    def _hash(self, purpose: str, body: bytes) -> bytes:
        message = "\0".join(("idempotency", purpose, *self._identity)).encode() + b"\0" + body
        return hmac.digest(settings.SECRET_KEY.encode(), message, "sha256")


@dataclass(frozen=True)
class Claim:
    """What became of a request's key."""

    request: KeyedRequest
    row: IdempotencyKey
    is_new: bool
    """Whether the request is to be done now, and the claim to be settled or released."""

    @property
    def is_same(self) -> bool:
        """Whether what was sent is what was sent with the key before."""
        return hmac.compare_digest(bytes(self.row.fingerprint), self.request.fingerprint)

    @property
    def answer(self) -> Answer:
        """What the request was answered with when it was done."""
        found: Answer = json.loads(self.request.fernet.decrypt(bytes(self.row.answer or b"")))
        return found

    def settle(self, answer: Answer) -> None:
        """The request is done, with this answer."""
        self.row.answer = self.request.fernet.encrypt(json.dumps(answer).encode())
        self.row.save(update_fields=["answer"])

    def release(self) -> None:
        """The request was refused: its key is as good as before."""
        self.row.delete()


def claim(request: KeyedRequest) -> Claim:
    """Take the request's key, or find what became of it. Inside a transaction, before anything else is locked."""
    row = IdempotencyKey(user_id=request.user_id, digest=request.digest, fingerprint=request.fingerprint)
    IdempotencyKey.objects.bulk_create([row], ignore_conflicts=True)
    found = IdempotencyKey.objects.get(digest=request.digest)
    return Claim(request, found, is_new=found.pk == row.pk)


def find(request: KeyedRequest) -> Claim | None:
    """What became of a request that was done; None where it was not, or its key is not known any more."""
    row = IdempotencyKey.objects.filter(digest=request.digest, answer__isnull=False).first()
    return Claim(request, row, is_new=False) if row else None


def forget_old(now: datetime) -> None:
    IdempotencyKey.objects.filter(created_at__lte=now - LIFETIME).delete()
