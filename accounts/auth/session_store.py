"""The session backend: rows of `Session`, found by a keyed digest of the cookie's key."""

import hmac
from contextlib import nullcontext
from datetime import timedelta
from functools import lru_cache
from typing import Any, Final

from django.conf import settings
from django.contrib import auth
from django.contrib.sessions.backends.base import VALID_KEY_CHARS, SessionBase, UpdateError
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.crypto import get_random_string

from accounts.auth.devices import Device
from accounts.auth.session_model import Session
from core import metrics

KEY_CHARACTERS: Final = 32


class SessionStore(SessionBase):
    """A session store that never passes the cookie's key to the database.

    Database errors are raised as they are. Django's store turns any failure to save into an UpdateError, which would tell the
    user that their session had ended.
    """

    may_be_lost = False
    """Whether changes, such as that a notice was shown, may be dropped while the disk is full."""
    _row: Session | None = None

    @property
    def row(self) -> Session:
        """The row as last read, or as it will be inserted."""
        if self._row is None:
            self._row = Session()
        return self._row

    def start(self, device: Device, address: str | None) -> None:
        """Replace the current session by an empty one of this device."""
        self.flush()
        self._row = Session(browser=device.browser, platform=device.platform, address=address)

    def load(self) -> dict[str, Any]:
        try:
            self._row = self._rows(self.session_key).get(expire_date__gt=timezone.now())
        except Session.DoesNotExist:
            self._session_key = None
            return {}
        return self.decode(self._row.session_data)

    def exists(self, session_key: str) -> bool:
        return self._rows(session_key).exists()

    def create(self) -> None:
        # 165 random bits are unique; no need to query for a collision.
        self._session_key = get_random_string(KEY_CHARACTERS, VALID_KEY_CHARS)
        self.save(must_create=True)
        self.modified = True

    def save(self, must_create: bool = False) -> None:
        with metrics.ignore_disk_full() if self.may_be_lost else nullcontext():
            self._save(must_create)

    def _save(self, must_create: bool) -> None:
        if self.session_key is None:
            self.create()
            return
        data = self._get_session(no_load=must_create)  # type: ignore[attr-defined]  # missing in the stubs
        row = self.row
        row.session_data, row.user_id = self.encode(data), data.get(auth.SESSION_KEY)
        if must_create:
            row.pk, row.digest = None, digest_of(self.session_key)
            row.expire_date = row.created_at + timedelta(seconds=settings.SESSION_COOKIE_AGE)
            row.save(force_insert=True)
        elif not self._rows(self.session_key).update(session_data=row.session_data, user=row.user_id):
            raise UpdateError

    def delete(self, session_key: str | None = None) -> None:
        if key := session_key or self.session_key:
            self._rows(key).delete()

    def flush(self) -> None:
        super().flush()
        self._row = None

    @classmethod
    def clear_expired(cls) -> None:
        Session.objects.filter(expire_date__lt=timezone.now()).delete()

    @staticmethod
    def _rows(session_key: str | None) -> "QuerySet[Session]":
        return Session.objects.filter(digest=digest_of(session_key or ""))


def digest_of(session_key: str) -> bytes:
    """The stored digest of a session key. Guesses cannot be tested without SECRET_KEY."""
    return hmac.digest(_digest_key(settings.SECRET_KEY), session_key.encode(errors="replace"), "sha256")


@lru_cache(1)
def _digest_key(secret: str) -> bytes:
    return hmac.digest(secret.encode(), b"stationbook session", "sha256")
