"""People: those who work with the calendar, those who book, and the trail of who changed what."""

import uuid
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from django.conf import settings
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from accounts import roles
from accounts.auth.password_user import PasswordUser, UserManager
from core import tokens, validators
from stations.access import ALL_STATIONS, Counter, Scope, held_by
from stations.models import Station


@dataclass(frozen=True, slots=True)
class Held:
    """What a person held when they came in: names of rights and groups, and the stations they belong to."""

    rights: set[str]
    groups: frozenset[str]
    stations: tuple[Counter, ...]


class User(PasswordUser, PermissionsMixin):
    """A member of staff, known by email. Groups say what they may do, stations where."""

    email = models.EmailField(_("email"), unique=True)
    name = models.CharField(_("name"), max_length=150, blank=True, validators=[validators.plain_line])
    stations = models.ManyToManyField(Station, blank=True, related_name="people", verbose_name=_("stations"))
    is_active = models.BooleanField(
        _("active"), default=True, help_text=_("Nobody is deleted: somebody who has left is made inactive.")
    )
    date_joined = models.DateTimeField(_("joined"), default=timezone.now, editable=False)
    epoch = models.PositiveIntegerField(_("everything that they were signed in with"), default=0, editable=False)
    """Sessions, tokens and feeds carry it. Only `accounts.auth.sessions` moves it on, and what carries another is over."""

    second_factor_at = models.DateTimeField(_("two-factor authentication"), null=True, default=None, editable=False)
    """Since when one is set up, or None. Only `accounts.auth.two_factor` writes it."""

    objects: ClassVar[UserManager[Self]] = UserManager()

    scope: Scope | None = None
    """Set where an API key calls in their name."""

    api_key_id: int | None = None
    """Which API key calls in their name, if one does."""

    held: Held | None = None
    """Set by `accounts.auth.principals` on whoever came by a request's door, for as long as it takes."""
    undo_stack: uuid.UUID | None = None
    """Set by `accounts.auth.undo_stack` where they act in a browser's session: their changes can be undone there."""

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        verbose_name = _("person")
        verbose_name_plural = _("people")
        ordering = ["email"]
        default_permissions = ()
        permissions = roles.permission_choices()

    def __str__(self) -> str:
        return self.email

    def clean(self) -> None:
        self.email = UserManager.normalize_email(self.email)

    def has_perm(self, perm: str, obj: Any = None) -> bool:
        """As their groups say; by an API key, no more than that names. What they came in with is not asked of Django's backends
        again: a request asks some five times."""
        if self.scope and perm != ALL_STATIONS and perm not in self.scope.rights:
            return False
        if self.held and obj is None and not self.is_superuser:
            return self.is_active and perm in self.held.rights
        return super().has_perm(perm, obj)

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """What a session carries of its person, and a token too: with any of it changed, it is over."""
        said = f"{self.epoch}\0{self.second_factor_at and self.second_factor_at.timestamp()}\0{self.password}"
        return salted_hmac("accounts.User.session", said, secret=secret, algorithm="sha256").hexdigest()

    @property
    def draft_key(self) -> str:
        """What the person's browser encrypts half-typed forms with; another after a new password, or after ending everything."""
        return tokens.draft_key(str(self.pk), self.get_session_auth_hash())

    @property
    def lacks_second_factor(self) -> bool:
        """Whether one is demanded of them that they have not set up. A superuser is asked as soon as anybody is."""
        demanding = settings.SECOND_FACTOR_GROUPS
        if not demanding or self.second_factor_at:
            return False
        if self.is_superuser:
            return True
        if self.held:
            return not self.held.groups.isdisjoint(demanding)
        return self.groups.filter(name__in=demanding).exists()

    @cached_property
    def has_a_station(self) -> bool:
        """Whether there is any station where the person's rights count."""
        if self.has_perm(ALL_STATIONS) and not self.scope:
            return True
        if (held := held_by(self)) is not None:
            return bool(held)
        return Station.objects.visible_to(self).exists()

    @property
    def is_staff(self) -> bool:
        """Whether Django's admin opens to them."""
        return self.is_active and self.has_perm(roles.MANAGE)
