"""How long somebody stays signed in, and what ends all of it at once.

A browser's session ends some time after it was last used, and some time after it began, whatever comes first. Everything
else by which somebody is known (tokens, feeds) carries the epoch of its person, and is over when that has moved on.
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

from accounts.audit import recording
from accounts.auth import account_emails, devices
from accounts.auth.models import AccountEmail, EmailChange, EmailKind
from accounts.auth.session_store import SessionStore
from accounts.models import ApiKey, IdempotencyKey, ResetRequest, Session, User
from core.errors import NotFound

STAMP_EVERY: Final = timedelta(minutes=1)
FURTHER: Final = 1_000
"""Epochs that nobody can have gone through since a backup was made."""


def begin(request: HttpRequest, user: User, *, address: str | None) -> None:
    """From here on the browser is this person's, for as long as a session lasts."""
    store = cast("SessionStore", request.session)
    store.start(devices.parse(request.headers.get("User-Agent", "")), address)
    auth.login(request, user)


def row_of(session: SessionBase) -> Session:
    """The row of a session that has been read: since when it lasts, and from which browser."""
    return cast("SessionStore", session).row


def look(session: SessionBase, *, active: bool) -> None:
    """End a session whose time is over; else note that its person is there, if `active`, in at most one write a minute.

    The note has a column of its own: what another request writes into the session meanwhile stays.
    """
    if auth.SESSION_KEY not in session:
        return
    now, row = timezone.now(), row_of(session)
    if not _is_within_its_time(row, now):
        session.flush()
    elif active and abs(now - row.last_seen_at) >= STAMP_EVERY:
        row.last_seen_at = now
        if not Session.objects.filter(pk=row.pk).update(last_seen_at=now):  # ended by another request meanwhile
            session.flush()


def _is_within_its_time(row: Session, now: datetime) -> bool:
    """What a clock that was wrong dated ahead lasts no longer than what it did not."""
    idle, longest = timedelta(seconds=settings.SESSION_IDLE_SECONDS), timedelta(seconds=settings.SESSION_COOKIE_AGE)
    return abs(now - row.last_seen_at) < idle and abs(now - row.created_at) < longest


def current(user: User) -> list[Session]:
    """The browsers that this person is signed in with, the one last used first."""
    now, auth_hash = timezone.now(), user.get_session_auth_hash()
    return [
        row
        for row in Session.objects.filter(user=user).order_by("-last_seen_at", "-pk")
        if _is_within_its_time(row, now)
        and constant_time_compare(row.get_decoded().get(auth.HASH_SESSION_KEY, ""), auth_hash)
    ]


def end(session_id: int, *, by: User) -> Session:
    """Sign this person's browser out at once. Recorded. Raises NotFound for a session that is not theirs, or has ended."""
    ended = _end(Session.objects.filter(pk=session_id), by)
    if not ended:
        raise NotFound
    return ended[0]


def end_others(kept: Session, *, by: User) -> int:
    """Sign out every browser of this person but one, and return how many. Recorded, each by itself."""
    others = [row.pk for row in current(by) if row.pk != kept.pk]
    return len(_end(Session.objects.filter(pk__in=others), by))


def _end(rows: "QuerySet[Session]", user: User) -> list[Session]:
    with transaction.atomic():
        ended = list(rows.select_for_update().filter(user=user))
        for row in ended:
            recording.record_session_end(user, row)
        Session.objects.filter(pk__in=[row.pk for row in ended]).delete()
    return ended


def forget_over(now: datetime) -> None:
    """What ended by itself, for nobody has come back with it: sessions, and tokens that were spent while they were good.

    What a release before this one keeps of its sessions goes too: those rows hold the keys of cookies in clear.
    """
    unused = now - timedelta(seconds=settings.SESSION_IDLE_SECONDS)
    Session.objects.filter(Q(expire_date__lt=now) | Q(last_seen_at__lt=unused)).delete()
    DjangoSession.objects.all().delete()
    OutstandingToken.objects.filter(expires_at__lt=now).delete()


def end_everything(user: User) -> None:
    """Sessions, tokens and feeds of theirs are over from now on, wherever they are. Recorded."""
    with transaction.atomic():
        User.objects.filter(pk=user.pk).update(epoch=F("epoch") + 1)
        recording.record_hidden(user, "epoch", event="ended")
    user.refresh_from_db(fields=["epoch"])


def end_all() -> int:
    """Everybody's sessions and tokens are over, and links for a new password, as after a restore: what ended since the backup
    would be good again. API keys stay. Recorded for each person; returns how many people that are."""
    with transaction.atomic():
        Session.objects.all().delete()
        DjangoSession.objects.all().delete()
        for waiting in (ResetRequest, AccountEmail, EmailChange, IdempotencyKey):
            waiting._default_manager.all().delete()
        ApiKey.objects.filter(epoch=F("user__epoch")).update(epoch=F("epoch") + FURTHER)
        User.objects.update(epoch=F("epoch") + FURTHER)
        for user in User.objects.all():
            recording.record_hidden(user, "epoch", event="ended")
        return User.objects.count()


def give_password(user: User, *, notify: bool = True) -> None:
    """Store the password that was set on `user`. Recorded, and told by email; sessions and tokens of before are over.

    `notify` is False for somebody whose email nobody reads.
    """
    with transaction.atomic():
        user.save(update_fields=["password"])
        recording.record_hidden(user, "password", event="password")
        if notify:
            account_emails.queue(user, EmailKind.PASSWORD_CHANGED)
