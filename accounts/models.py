"""People: those who work with the calendar, those who book, and the trail of who changed what."""

import uuid
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from django.conf import settings
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.db.models import F
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from accounts import roles
from accounts.audit_models import AuditChain, AuditCheckpoint, AuditEntry, Untouchable
from accounts.auth.models import AccountEmail, EmailChange, QueuedEmail
from accounts.auth.password_user import PasswordUser, UserManager
from accounts.auth.session_model import Session
from accounts.encryption import EncryptedTextField, KeyedHashField
from accounts.idempotency.models import IdempotencyKey
from core import tokens, validators
from stations.access import ALL_STATIONS, Counter, Person, Scope, held_by
from stations.models import Station
from stations.querysets import OfStationQuerySet

__all__ = [
    "AccountEmail",
    "AuditChain",
    "AuditCheckpoint",
    "AuditEntry",
    "EmailChange",
    "IdempotencyKey",
    "Session",
    "Untouchable",
]
"""Defined elsewhere, and found here by Django."""


@dataclass(frozen=True, slots=True)
class Held:
    """What a person held when they came in: names of rights and groups, and the stations they belong to."""

    rights: set[str]
    groups: frozenset[str]
    stations: tuple[Counter, ...]


class User(PasswordUser, PermissionsMixin):
    """A member of staff, known by e-mail. Groups say what they may do, stations where."""

    email = models.EmailField(_("e-mail"), unique=True)
    name = models.CharField(_("name"), max_length=150, blank=True, validators=[validators.plain_line])
    stations = models.ManyToManyField(Station, blank=True, related_name="people", verbose_name=_("stations"))
    is_active = models.BooleanField(
        _("active"), default=True, help_text=_("Nobody is deleted: somebody who has left is made inactive.")
    )
    date_joined = models.DateTimeField(_("joined"), default=timezone.now, editable=False)
    epoch = models.PositiveIntegerField(_("everything that they were signed in with"), default=0, editable=False)
    """Sessions, tokens and feeds carry it. Only `accounts.sessions` moves it on, and what carries another is over."""

    second_factor_at = models.DateTimeField(_("second factor"), null=True, default=None, editable=False)
    """Since when one is set up, or None. Only `accounts.second_factor` writes it."""

    objects: ClassVar[UserManager] = UserManager()

    scope: Scope | None = None
    """Set where an API key calls in their name."""

    api_key_id: int | None = None
    """Which API key calls in their name, if one does."""

    held: Held | None = None
    """Set by `accounts.callers` on whoever came by a request's door, for as long as it takes."""
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


class Authenticator(models.Model):  # noqa: DJ008
    """The app that makes somebody's codes. Only `accounts.second_factor` writes it."""

    user = models.OneToOneField(User, models.CASCADE, related_name="authenticator")
    secret = EncryptedTextField(null=True, bound_to="user")
    pending = EncryptedTextField(null=True, bound_to="user")
    """A first or another app's secret, until it has shown a code."""
    last_step = models.BigIntegerField(default=0)
    """Of the last code that was spent: none up to it is good again."""

    class Meta:
        default_permissions = ()


class RecoveryCode(models.Model):  # noqa: DJ008
    """One of the codes for when the app is lost, by its digest; spent, it is gone."""

    user = models.ForeignKey(User, models.CASCADE, related_name="recovery_codes")
    digest = models.BinaryField(max_length=32)

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["user", "digest"], name="recovery_code_once_a_person")]


class ResetRequest(QueuedEmail):
    """That somebody wants a new password for an e-mail, whoever has it. Only `accounts.resetting` writes it; sent, it is gone."""

    class Meta(QueuedEmail.Meta):
        indexes = [models.Index(fields=["due_at"], name="reset_request_due")]


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    def visible_to(self, person: Person) -> Self:
        """A key is its own person's alone; they also see those that ended with a restore."""
        return self.listed().filter(user=person.pk) if person.is_active else self.none()

    def listed(self) -> Self:
        """Without those that ended with everything else of their person's."""
        return self.filter(epoch=F("user__epoch"))

    def current(self) -> Self:
        """Those that are in use."""
        return self.listed().filter(ended_at=None)


class ApiKey(models.Model):
    """By which another system calls in somebody's name. Only a digest is kept. Only `accounts.access_keys` writes it."""

    user = models.ForeignKey(User, models.CASCADE, related_name="api_keys", verbose_name=_("person"))
    name = models.CharField(_("name"), max_length=100, validators=[validators.plain_line])
    stations = models.ManyToManyField(Station, related_name="+", verbose_name=_("stations"))
    rights: Any = models.JSONField(_("rights"), default=list)
    expires_on = models.DateField(_("good until"), null=True, blank=True)
    """The last day, by UTC; None for no end."""
    digest = models.BinaryField(max_length=32, unique=True, editable=False)
    epoch = models.PositiveIntegerField(default=0, editable=False)
    """Its person's when it was made: in another one it is over."""
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    last_used_at = models.DateTimeField(_("last used"), null=True, editable=False)
    ended_at = models.DateTimeField(null=True, editable=False)
    """When a backup was restored that may be older than the key's revocation."""

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")
        default_permissions = ()
        ordering = ["id"]

    def __str__(self) -> str:
        return _("API key %(id)s") % {"id": self.pk}


class CustomerQuerySet(OfStationQuerySet["Customer"]):
    def kept(self) -> Self:
        """Without those that were erased: of them nobody is left to be chosen."""
        return self.filter(erased_at=None)


class Customer(models.Model):
    """Somebody who books at a station. All that identifies them is encrypted; `BlindIndex` finds them."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    station = models.ForeignKey(
        Station, models.PROTECT, related_name="customers", verbose_name=_("station"), db_index=False
    )
    name = EncryptedTextField(_("name"), max_length=200, pad_to=48, validators=[validators.plain_line])
    email = EncryptedTextField(
        _("e-mail"),
        max_length=254,
        pad_to=48,
        blank=True,
        default="",
        validators=[validators.plain_line],
    )
    email_is_valid = models.BooleanField(_("email is a valid address"), default=True, db_default=True, editable=False)
    """False for what an import kept as written: nothing is ever sent to it."""
    email_bounced = models.BooleanField(_("e-mail does not work"), default=False, editable=False)
    """A mail server said that there is nobody at this address."""
    phone = EncryptedTextField(_("phone"), max_length=40, blank=True, default="", validators=[validators.plain_line])
    phone_is_valid = models.BooleanField(_("phone is a valid number"), default=True, editable=False)
    language = models.CharField(
        _("language"),
        max_length=10,
        blank=True,
        default="",
        choices=settings.LANGUAGES,
        help_text=_("Mails are written in it. Empty: the station's."),
    )
    notes = EncryptedTextField(_("notes"), max_length=2000, blank=True, default="", validators=[validators.plain_text])
    version = models.PositiveIntegerField(default=1, db_default=1, editable=False)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)
    erased_at = models.DateTimeField(_("erased"), null=True, default=None, editable=False)
    """Since when nothing is known of them but that there was somebody: the row is what their bookings hang on."""

    objects = CustomerQuerySet.as_manager()

    class Meta:
        verbose_name = _("customer")
        verbose_name_plural = _("customers")
        ordering = ["-created_at"]
        default_permissions = ()
        indexes = [models.Index(fields=["station", "-created_at"], name="customer_latest_of_station")]

    def __str__(self) -> str:
        """Never PII: admin history and audit trail keep this text."""
        return _("Customer %(id)s") % {"id": str(self.pk)[:8]}

    @property
    def can_be_emailed(self) -> bool:
        return bool(self.email) and self.email_is_valid and not self.email_bounced


class BlindIndex(models.Model):  # noqa: DJ008
    """One keyed hash under which a customer is found; see `accounts.encryption`."""

    customer = models.ForeignKey(Customer, models.CASCADE, related_name="indexes")
    station = models.ForeignKey(Station, models.PROTECT, related_name="+", db_index=False)
    digest = KeyedHashField(max_length=20)

    objects = OfStationQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["digest", "customer"], name="blind_index_once_a_customer"),
        ]
