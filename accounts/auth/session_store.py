"""Where browsers' sessions are kept: the rows of `Session`, found by a keyed digest of the cookie's key."""

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
    """The cookie's key reaches no row and no statement, so the database alone lets nobody in.

    While the database is away its own errors are raised. Django's store makes an UpdateError of any failure to save, which
    would tell the person that their session was ended.
    """

    may_be_lost = False
    """Whether what is written meanwhile, such as that a notice was shown, may be lost where the disk is full."""
    _row: Session | None = None

    @property
    def row(self) -> Session:
        """The session's row as it was read last, or will be written first."""
        if self._row is None:
            self._row = Session()
        return self._row

    def start(self, device: Device, address: str | None) -> None:
        """Leave what was here before, and begin with an empty session of this device."""
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
        # Of 165 random bits: no other session has it, so that need not be asked.
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
        data = self._get_session(no_load=must_create)  # type: ignore[attr-defined]  # which the stubs leave out
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
    """What is stored of a session's key. Without SECRET_KEY nobody finds out which digest a guessed key would have."""
    return hmac.digest(_digest_key(settings.SECRET_KEY), session_key.encode(errors="replace"), "sha256")


@lru_cache(1)
def _digest_key(secret: str) -> bytes:
    return hmac.digest(secret.encode(), b"stationbook session", "sha256")
