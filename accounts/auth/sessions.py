"""Browser sessions: how long users stay signed in, and how all their access is revoked at once.

A session ends some time after its last use and some time after it began, whichever comes first. Whatever else authenticates a
user (tokens, feeds, API keys) carries the epoch of its user, and ends when that grows.
"""

from datetime import datetime, timedelta
from typing import Final, cast

from django.conf import settings
from django.contrib import auth
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.models import Session as DjangoSession
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from rest_framework_simplejwt.token_blacklist.models import OutstandingToken

from accounts.audit import recorder
from accounts.auth import account_emails, devices
from accounts.auth.models import AccountEmail, EmailChange, EmailKind
from accounts.auth.session_store import SessionStore
from accounts.models import ApiKey, IdempotencyKey, ResetRequest, Session, User
from core.errors import NotFound

LAST_SEEN_INTERVAL: Final = timedelta(minutes=1)
"""The least time between two updates of `last_seen_at`."""
EPOCH_JUMP: Final = 1_000
"""More epochs than any user can have gone through since a backup was made."""


def start(request: HttpRequest, user: User, *, address: str | None) -> None:
    """Sign the user in, with a new session."""
    store = cast("SessionStore", request.session)
    store.start(devices.parse(request.headers.get("User-Agent", "")), address)
    auth.login(request, user)


def row_of(session: SessionBase) -> Session:
    """The row of a loaded session: since when it lasts, and in which browser."""
    return cast("SessionStore", session).row


def enforce_lifetime(session: SessionBase, *, active: bool) -> None:
    """End an expired session; otherwise, if `active`, record that the user is present, at most once a minute.

    `last_seen_at` is a column of its own, so this does not overwrite session data that another request saves meanwhile.
    """
    if auth.SESSION_KEY not in session:
        return
    now, row = timezone.now(), row_of(session)
    if not _is_within_lifetime(row, now):
        session.flush()
    elif active and abs(now - row.last_seen_at) >= LAST_SEEN_INTERVAL:
        row.last_seen_at = now
        if not Session.objects.filter(pk=row.pk).update(last_seen_at=now):  # another request has ended it meanwhile
            session.flush()


def _is_within_lifetime(row: Session, now: datetime) -> bool:
    """Dates in the future, from a clock that was wrong, do not make a session last longer."""
    idle, longest = timedelta(seconds=settings.SESSION_IDLE_SECONDS), timedelta(seconds=settings.SESSION_COOKIE_AGE)
    return abs(now - row.last_seen_at) < idle and abs(now - row.created_at) < longest


def active_sessions(user: User) -> list[Session]:
    """The sessions in which the user is signed in, most recently used first."""
    now, auth_hash = timezone.now(), user.get_session_auth_hash()
    return [
        row
        for row in Session.objects.filter(user=user).order_by("-last_seen_at", "-pk")
        if _is_within_lifetime(row, now)
        and constant_time_compare(row.get_decoded().get(auth.HASH_SESSION_KEY, ""), auth_hash)
    ]


def end(session_id: int, *, by: User) -> Session:
    """End one of the user's own sessions. Recorded in the audit log. Raises NotFound."""
    ended = _end(Session.objects.filter(pk=session_id), by)
    if not ended:
        raise NotFound
    return ended[0]


def end_others(kept: Session, *, by: User) -> int:
    """End all sessions of the user but one, and return how many. Each is recorded in the audit log."""
    others = [row.pk for row in active_sessions(by) if row.pk != kept.pk]
    return len(_end(Session.objects.filter(pk__in=others), by))


def _end(rows: "QuerySet[Session]", user: User) -> list[Session]:
    with transaction.atomic():
        ended = list(rows.select_for_update().filter(user=user))
        for row in ended:
            recorder.record_session_end(user, row)
        Session.objects.filter(pk__in=[row.pk for row in ended]).delete()
    return ended


def delete_expired(now: datetime) -> None:
    """Delete expired sessions, and spent tokens that have expired.

    Also deletes all sessions of Django's own model, which an earlier release used: they contain the cookies' keys in plain text.
    """
    unused = now - timedelta(seconds=settings.SESSION_IDLE_SECONDS)
    Session.objects.filter(Q(expire_date__lt=now) | Q(last_seen_at__lt=unused)).delete()
    DjangoSession.objects.all().delete()
    OutstandingToken.objects.filter(expires_at__lt=now).delete()


def revoke_access(user: User) -> None:
    """Invalidate all sessions, tokens, feeds and API keys of the user. Recorded in the audit log."""
    with transaction.atomic():
        User.objects.filter(pk=user.pk).update(epoch=F("epoch") + 1)
        recorder.record_redacted(user, "epoch", event="ended")
    user.refresh_from_db(fields=["epoch"])


def revoke_access_of_everyone() -> int:
    """Invalidate all sessions, tokens and account links of every user. Returns the number of users.

    For use after a restore, which brings back what was ended since the backup. API keys stay listed, so that their owners see
    which have ended. Recorded in the audit log for each user.
    """
    with transaction.atomic():
        Session.objects.all().delete()
        DjangoSession.objects.all().delete()
        for queue in (ResetRequest, AccountEmail, EmailChange, IdempotencyKey):
            queue._default_manager.all().delete()
        ApiKey.objects.filter(epoch=F("user__epoch")).update(epoch=F("epoch") + EPOCH_JUMP)
        User.objects.update(epoch=F("epoch") + EPOCH_JUMP)
        for user in User.objects.all():
            recorder.record_redacted(user, "epoch", event="ended")
        return User.objects.count()


def save_password(user: User, *, notify: bool = True) -> None:
    """Save the password that was set on `user`, which ends their sessions and tokens. Recorded in the audit log.

    They are notified by email, unless `notify` is False because nobody reads it.
    """
    with transaction.atomic():
        user.save(update_fields=["password"])
        recorder.record_redacted(user, "password", event="password")
        if notify:
            account_emails.queue(user, EmailKind.PASSWORD_CHANGED)
