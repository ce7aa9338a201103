"""People: those who work with the calendar, those who book, and the trail of who changed what."""

import uuid
from typing import Any, ClassVar

from auditlog.models import AbstractLogEntry, LogEntryManager
from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.core.validators import EmailValidator
from django.db import models
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from accounts import audit, roles
from accounts.encryption import EncryptedTextField
from stations import validators
from stations.models import Station
from stations.querysets import ALL_STATIONS, OfStationQuerySet


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(email=self.normalize_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(email, password, **{**fields, "is_superuser": True})

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email=(username or "").lower())

    @classmethod
    def normalize_email(cls, email: str | None) -> str:
        return (email or "").strip().lower()


class User(AbstractBaseUser, PermissionsMixin):
    """A member of staff, known by e-mail. Groups say what they may do, stations where."""

    email = models.EmailField(_("e-mail"), unique=True)
    name = models.CharField(_("name"), max_length=150, blank=True, validators=[validators.plain_line])
    stations = models.ManyToManyField(Station, blank=True, related_name="people", verbose_name=_("stations"))
    is_active = models.BooleanField(
        _("active"), default=True, help_text=_("Nobody is deleted: somebody who has left is made inactive.")
    )
    date_joined = models.DateTimeField(_("joined"), default=timezone.now, editable=False)

    objects: ClassVar[UserManager] = UserManager()

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

    @cached_property
    def has_a_station(self) -> bool:
        """Whether there is any station where the person's rights count."""
        return self.has_perm(ALL_STATIONS) or Station.objects.visible_to(self).exists()

    @property
    def is_staff(self) -> bool:
        """Whether Django's admin opens to them."""
        return self.is_active and self.has_perm(roles.MANAGE)


class Customer(models.Model):
    """Somebody who books at a station. All that identifies them is encrypted; `BlindIndex` finds them."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    station = models.ForeignKey(Station, models.PROTECT, related_name="customers", verbose_name=_("station"))
    name = EncryptedTextField(_("name"), max_length=200, validators=[validators.plain_line])
    email = EncryptedTextField(
        _("e-mail"),
        max_length=254,
        blank=True,
        default="",
        validators=[EmailValidator(), validators.plain_line],
    )
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
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    objects = OfStationQuerySet.as_manager()

    class Meta:
        verbose_name = _("customer")
        verbose_name_plural = _("customers")
        ordering = ["-created_at"]
        default_permissions = ()
        indexes = [models.Index(fields=["station", "-created_at"], name="customer_latest_of_station")]

    def __str__(self) -> str:
        """Never PII: admin history and audit trail keep this text."""
        return _("Customer %(id)s") % {"id": str(self.pk)[:8]}


class BlindIndex(models.Model):  # noqa: DJ008
    """One keyed hash under which a customer is found; see `accounts.encryption`."""

    customer = models.ForeignKey(Customer, models.CASCADE, related_name="indexes")
    station = models.ForeignKey(Station, models.PROTECT, related_name="+")
    digest = models.BinaryField(max_length=20)

    objects = OfStationQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["digest", "customer"], name="blind_index_once_a_customer"),
        ]


class AuditEntryManager(LogEntryManager.from_queryset(OfStationQuerySet)):  # type: ignore[misc]
    """Fills in who, from where and at which station, where auditlog writes the change itself."""

    def log_create(self, instance: models.Model, force_log: bool = False, **fields: Any) -> Any:
        return super().log_create(instance, force_log, **_origin_of(instance), **fields)

    def log_m2m_changes(
        self, changed: Any, instance: models.Model, operation: str, field_name: str, **fields: Any
    ) -> Any:
        return super().log_m2m_changes(changed, instance, operation, field_name, **_origin_of(instance), **fields)


def _origin_of(instance: models.Model) -> dict[str, Any]:
    return {**audit.context(), "station_id": audit.station_of(instance)}


class AuditEntry(AbstractLogEntry):  # type: ignore[misc]
    """One change: who, from where, what, old and new; never PII. Written in the change's own transaction."""

    station = models.ForeignKey(
        Station, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("station")
    )
    channel = models.CharField(_("from"), max_length=20, choices=audit.Channel.choices)
    event = models.CharField(_("event"), max_length=30, blank=True)

    objects = AuditEntryManager()

    class Meta(AbstractLogEntry.Meta):  # type: ignore[misc]
        abstract = False
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit trail")
        ordering = ["-id"]
        default_permissions = ()
        indexes = [
            models.Index(fields=["object_pk", "id"], name="audit_story_of_object"),
            models.Index(fields=["station", "-id"], name="audit_trail_of_station"),
        ]
