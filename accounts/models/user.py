"""The user model: members of staff, with their permissions and stations."""

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
from stations.access import ALL_STATIONS, Counter, Scope, loaded_stations
from stations.models import Station


@dataclass(frozen=True, slots=True)
class PermissionSnapshot:
    """What a user could do when their request began: names of permissions and groups, and their stations."""

    permissions: set[str]
    groups: frozenset[str]
    stations: tuple[Counter, ...]


class User(PasswordUser, PermissionsMixin):
    """A member of staff, who signs in by email. Groups grant permissions; stations say where they apply."""

    email = models.EmailField(_("email"), unique=True)
    name = models.CharField(_("name"), max_length=150, blank=True, validators=[validators.plain_line])
    stations = models.ManyToManyField(Station, blank=True, related_name="people", verbose_name=_("stations"))
    is_active = models.BooleanField(
        _("active"), default=True, help_text=_("People are never deleted. If somebody has left, make them inactive.")
    )
    date_joined = models.DateTimeField(_("joined"), default=timezone.now, editable=False)
    epoch = models.PositiveIntegerField(_("all sessions and tokens"), default=0, editable=False)
    """Sessions, tokens, feeds and API keys carry it, and end when it grows. Only `accounts.auth.sessions` changes it."""
    second_factor_at = models.DateTimeField(_("two-factor authentication"), null=True, default=None, editable=False)
    """When it was set up; None if it is off. Only `accounts.auth.two_factor` writes it."""

    objects: ClassVar[UserManager[Self]] = UserManager()

    scope: Scope | None = None
    """The limits of the API key that authenticated the request, if one did."""

    api_key_id: int | None = None
    """The API key that authenticated the request, if one did."""

    permission_snapshot: PermissionSnapshot | None = None
    """Set by `accounts.auth.principals` on the user of a request."""
    undo_stack: uuid.UUID | None = None
    """Set by `accounts.auth.undo_stack` in a browser session, where changes can be undone."""

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

    @property
    def display_name(self) -> str:
        return self.name or self.email

    @property
    def initials(self) -> str:
        """One or two capital letters, such as “AS” for Ana Sample and “S” for staff@example.com."""
        words = self.name.split() or [self.email]
        return "".join(word[0] for word in (words[0], *words[1:][-1:])).upper()

    def clean(self) -> None:
        self.email = UserManager.normalize_email(self.email)

    def has_perm(self, perm: str, obj: Any = None) -> bool:
        """Whether their groups grant the permission, and the API key too if one authenticated the request."""
        if self.scope and perm != ALL_STATIONS and perm not in self.scope.rights:
            return False
        # A request asks about five times, so the snapshot answers before Django's backends.
        if self.permission_snapshot and obj is None and not self.is_superuser:
            return self.is_active and perm in self.permission_snapshot.permissions
        return super().has_perm(perm, obj)

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """A digest that sessions and tokens carry. They end as soon as anything in it changes."""
        state = f"{self.epoch}\0{self.second_factor_at and self.second_factor_at.timestamp()}\0{self.password}"
        return salted_hmac("accounts.User.session", state, secret=secret, algorithm="sha256").hexdigest()

    @property
    def draft_key(self) -> str:
        """The key with which the browser encrypts unsaved forms. It changes with the password, and when all access is revoked."""
        return tokens.draft_key(str(self.pk), self.get_session_auth_hash())

    @property
    def must_set_up_two_factor(self) -> bool:
        """Whether they must set up two-factor authentication first: as a member of one of these groups, or as a superuser."""
        required_groups = settings.SECOND_FACTOR_GROUPS
        if not required_groups or self.second_factor_at:
            return False
        if self.is_superuser:
            return True
        if self.permission_snapshot:
            return not self.permission_snapshot.groups.isdisjoint(required_groups)
        return self.groups.filter(name__in=required_groups).exists()

    @cached_property
    def has_stations(self) -> bool:
        """Whether their permissions apply at any station."""
        if self.has_perm(ALL_STATIONS) and not self.scope:
            return True
        if (stations := loaded_stations(self)) is not None:
            return bool(stations)
        return Station.objects.visible_to(self).exists()

    @property
    def is_staff(self) -> bool:
        """Whether they may use Django's admin."""
        return self.is_active and self.has_perm(roles.MANAGE)
