"""API keys: created, limited and revoked by the user who owns them.

A key has 256 random bits and is shown once; only its digest is stored. It has the permissions that it names, as long as its owner
has them. It ends when it is revoked, after its last day, when its owner is deactivated, and when all their access is revoked.
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
"""Lets people and secret scanners recognise a key."""
SECRET_BYTES: Final = 32
GRANTABLE_RIGHTS: Final = (roles.VIEW, roles.PII, roles.CHANGE, roles.EXPORT)
"""The permissions that a key may be given, besides use of the API."""
LAST_USED_INTERVAL: Final = timedelta(minutes=1)
"""The least time between two updates of `last_used_at`."""


def create(
    *, name: str, stations: Collection[Station], rights: Collection[str], expires_on: date | None, by: User
) -> tuple[ApiKey, str]:
    """Create a key, and return it with its secret.

    Raises Invalid for a last day in the past, NotPermitted for a permission and NotFound for a station that the owner lacks.
    """
    require_not_past(expires_on)
    for right in (roles.API, *rights):
        roles.require(by, right)
    chosen = {station.pk for station in stations}
    if Station.objects.visible_to(by).filter(pk__in=chosen).distinct().count() < len(chosen):
        raise NotFound
    secret = PREFIX + secrets.token_urlsafe(SECRET_BYTES)
    with transaction.atomic():
        key = ApiKey.objects.create(
            user=by, name=name, rights=sorted(rights), expires_on=expires_on, digest=_digest(secret), epoch=by.epoch
        )
        key.stations.set(stations)
        account_emails.queue(by, EmailKind.API_KEY_CREATED, name=name)
    return key, secret


def today() -> date:
    """The current date in UTC, in which the last day of a key is given."""
    return timezone.now().astimezone(UTC).date()


def require_not_past(expires_on: date | None) -> None:
    """Raises Invalid for a last day in the past."""
    if expires_on is not None and expires_on < today():
        raise Invalid(fields={"expires_on": [_("This day is in the past (UTC). Choose today or a later day.")]})


def revoke(key_id: int, *, by: User) -> None:
    """Delete the key. Raises NotFound."""
    with transaction.atomic():
        found = ApiKey.objects.visible_to(by).select_for_update(of=("self",)).filter(pk=key_id).first()
        if found is None:
            raise NotFound
        found.delete()


def authenticate(secret: str) -> User | None:
    """The owner of a key, limited to its scope; None for an unknown, expired or revoked key. Records that it was used."""
    now = timezone.now()
    unexpired = Q(expires_on=None) | Q(expires_on__gte=today())
    found = ApiKey.objects.current().filter(unexpired, digest=_digest(secret), user__is_active=True)
    key = found.select_related("user").prefetch_related("stations").first()
    if key is None or key.user.must_set_up_two_factor:
        return None
    if key.last_used_at is None or abs(now - key.last_used_at) >= LAST_USED_INTERVAL:
        with metrics.ignore_disk_full():
            ApiKey.objects.filter(pk=key.pk).update(last_used_at=now)
    key.user.scope = Scope(
        stations=frozenset(station.pk for station in key.stations.all()),
        rights=frozenset({roles.API, *key.rights} & {roles.API, *GRANTABLE_RIGHTS}),
    )
    key.user.api_key_id = key.pk
    return key.user


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode(errors="replace")).digest()
