"""How long somebody stays signed in, and what ends all of it at once.

A browser's session ends some time after it was last used, and some time after it began, whatever comes first. Everything
else by which somebody is known (tokens, feeds) carries the epoch of its person, and is over when that has moved on.
"""

import time
from datetime import datetime
from typing import Final

from django.conf import settings
from django.contrib import auth
from django.contrib.sessions.backends.base import SessionBase, UpdateError
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import F
from django.http import HttpRequest
from rest_framework_simplejwt.token_blacklist.models import OutstandingToken

from accounts import audit
from accounts.auth import account_emails
from accounts.auth.models import AccountEmail, EmailChange, EmailKind
from accounts.models import ApiKey, ResetRequest, User

BEGAN: Final = "began"
SEEN: Final = "seen"
"""Seconds since 1970, in the session."""
STAMP_SECONDS: Final = 60
FURTHER: Final = 1_000
"""Epochs that nobody can have gone through since a backup was made."""


def begin(request: HttpRequest, user: User) -> None:
    """From here on the browser is this person's, for as long as a session lasts."""
    auth.login(request, user)
    request.session[BEGAN] = request.session[SEEN] = int(time.time())


def look(session: SessionBase, *, active: bool) -> None:
    """End a session whose time is over; else note that its person is there, if `active`, in at most one write a minute.

    The note is written at once, not with the answer: what another request writes into the session meanwhile stays.
    """
    if auth.SESSION_KEY not in session:
        return
    now = int(time.time())
    began, seen = session.get(BEGAN), session.get(SEEN)
    if began is None or seen is None:  # begun by an older release
        _stamp(session, began=now, seen=now)
    elif now - seen >= settings.SESSION_IDLE_SECONDS or now - began >= settings.SESSION_COOKIE_AGE:
        session.flush()
    elif active and now - seen >= STAMP_SECONDS:
        _stamp(session, began=began, seen=now)


def _stamp(session: SessionBase, *, began: int, seen: int) -> None:
    session[BEGAN], session[SEEN] = began, seen
    try:
        session.save()
    except UpdateError:  # ended by another request meanwhile
        session.flush()
    else:
        session.modified = False


def forget_over(now: datetime) -> None:
    """What ended by itself, for nobody has come back with it: sessions, and tokens that were spent while they were good."""
    Session.objects.filter(expire_date__lt=now).delete()
    OutstandingToken.objects.filter(expires_at__lt=now).delete()


def end_everything(user: User) -> None:
    """Sessions, tokens and feeds of theirs are over from now on, wherever they are. Recorded."""
    with transaction.atomic():
        User.objects.filter(pk=user.pk).update(epoch=F("epoch") + 1)
        audit.record_hidden(user, "epoch", event="ended")
    user.refresh_from_db(fields=["epoch"])


def end_all() -> int:
    """Everybody's sessions and tokens are over, and links for a new password, as after a restore: what ended since the backup
    would be good again. API keys stay. Recorded for each person; returns how many people that are."""
    with transaction.atomic():
        Session.objects.all().delete()
        for waiting in (ResetRequest, AccountEmail, EmailChange):
            waiting._default_manager.all().delete()
        ApiKey.objects.filter(epoch=F("user__epoch")).update(epoch=F("epoch") + FURTHER)
        User.objects.update(epoch=F("epoch") + FURTHER)
        for user in User.objects.all():
            audit.record_hidden(user, "epoch", event="ended")
        return User.objects.count()


def give_password(user: User) -> None:
    """Store the password that was set on `user`. Recorded, and told by email; sessions and tokens of before are over."""
    with transaction.atomic():
        user.save(update_fields=["password"])
        audit.record_hidden(user, "password", event="password")
        account_emails.queue(user, EmailKind.PASSWORD_CHANGED)
