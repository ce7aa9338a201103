"""Where browsers' sessions are kept: in the database, by Django's own store but for what it makes of one that is away."""

from typing import Any

from django.contrib.sessions.backends import db
from django.contrib.sessions.backends.base import UpdateError
from django.db import InterfaceError, OperationalError


class SessionStore(db.SessionStore):
    """Django tells any failure to save as a session that somebody ended meanwhile: its person would be signed out, or told that
    their request could not be understood, because the database was away for a moment."""

    def save(self, *args: Any, **options: Any) -> None:
        try:
            super().save(*args, **options)
        except UpdateError as error:
            if isinstance(error.__context__, OperationalError | InterfaceError):
                raise error.__context__ from None
            raise
