"""Keys by which other systems call the API, each made, limited and revoked by the person whose it is.

A key has 256 random bits and is told once; only its digest is kept. It may what it names, as far as its person may at that
moment, and ends with them, with its day, or when everything of theirs ends.
"""

import hashlib
import secrets
from collections.abc import Collection
from datetime import UTC, date, timedelta
from typing import Final

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts import roles
from accounts.auth import account_emails
from accounts.auth.models import EmailKind
from accounts.models import ApiKey, User
from core import metrics
from core.errors import Invalid, NotFound
from stations.access import Scope
from stations.models import Station

PREFIX: Final = "sb_"
"""By which people, and programs that look for secrets in the wrong place, know one."""
SECRET_BYTES: Final = 32
OFFERED: Final = (roles.VIEW, roles.PII, roles.CHANGE, roles.EXPORT)
"""What a key may be given, besides the API itself."""
NOTED_EVERY: Final = timedelta(minutes=1)


def make(
    *, name: str, stations: Collection[Station], rights: Collection[str], expires_on: date | None, by: User
) -> tuple[ApiKey, str]:
    """A new key, and its text. Raises Invalid for a last day in the past, and NotPermitted for a right, NotFound for a station,
    that the person lacks."""
    require_not_past(expires_on)
    for right in (roles.API, *rights):
        roles.require(by, right)
    chosen = {station.pk for station in stations}
    if Station.objects.visible_to(by).filter(pk__in=chosen).distinct().count() < len(chosen):
        raise NotFound
    text = PREFIX + secrets.token_urlsafe(SECRET_BYTES)
    with transaction.atomic():
        made = ApiKey.objects.create(
            user=by, name=name, rights=sorted(rights), expires_on=expires_on, digest=_digest(text), epoch=by.epoch
        )
        made.stations.set(stations)
        account_emails.queue(by, EmailKind.API_KEY_CREATED, name=name)
    return made, text


def today() -> date:
    """By UTC, as a key's last day is meant."""
    return timezone.now().astimezone(UTC).date()


def require_not_past(expires_on: date | None) -> None:
    """Raises Invalid for a last day with which a key would have ended before it was made."""
    if expires_on is not None and expires_on < today():
        raise Invalid(fields={"expires_on": [_("This day is past (by UTC). Choose today or a later day.")]})


def revoke(key_id: int, *, by: User) -> None:
    """The key opens nothing any more. Raises NotFound."""
    with transaction.atomic():
        found = ApiKey.objects.visible_to(by).select_for_update(of=("self",)).filter(pk=key_id).first()
        if found is None:
            raise NotFound
        found.delete()


def caller(text: str) -> User | None:
    """Whose key this is, limited to what it may; None for one that is unknown, over or revoked. Its use is noted."""
    now = timezone.now()
    good = Q(expires_on=None) | Q(expires_on__gte=today())
    found = ApiKey.objects.current().filter(good, digest=_digest(text), user__is_active=True)
    key = found.select_related("user").prefetch_related("stations").first()
    if key is None or key.user.lacks_second_factor:
        return None
    if key.last_used_at is None or abs(now - key.last_used_at) >= NOTED_EVERY:
        with metrics.ignore_disk_full():
            ApiKey.objects.filter(pk=key.pk).update(last_used_at=now)
    key.user.scope = Scope(
        stations=frozenset(station.pk for station in key.stations.all()),
        rights=frozenset({roles.API, *key.rights} & {roles.API, *OFFERED}),
    )
    key.user.api_key_id = key.pk
    return key.user


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode(errors="replace")).digest()
