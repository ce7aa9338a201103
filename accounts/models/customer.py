"""Customers and the blind index that they are searched by."""

import uuid
from typing import Self

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.encryption import EncryptedTextField, KeyedHashField
from core import validators
from core.limits import MAX_EMAIL, MAX_NAME, MAX_NOTES, MAX_PHONE
from stations.models import Station
from stations.querysets import OfStationQuerySet


class CustomerQuerySet(OfStationQuerySet["Customer"]):
    def kept(self) -> Self:
        """Without erased customers."""
        return self.filter(erased_at=None)


class Customer(models.Model):
    """A customer of a station. All personal data is encrypted; `BlindIndex` makes it searchable."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    station = models.ForeignKey(
        Station, models.PROTECT, related_name="customers", verbose_name=_("station"), db_index=False
    )
    name = EncryptedTextField(_("name"), max_length=MAX_NAME, pad_to=48, validators=[validators.plain_line])
    email = EncryptedTextField(
        _("email"),
        max_length=MAX_EMAIL,
        pad_to=48,
        blank=True,
        default="",
        validators=[validators.plain_line],
    )
    email_is_valid = models.BooleanField(_("email is a valid address"), default=True, db_default=True, editable=False)
    """False for text that an import stored as written. No email is sent to it."""
    email_bounced = models.BooleanField(_("email does not work"), default=False, editable=False)
    """Whether a mail server has rejected the address."""
    phone = EncryptedTextField(
        _("phone"), max_length=MAX_PHONE, blank=True, default="", validators=[validators.plain_line]
    )
    phone_is_valid = models.BooleanField(_("phone is a valid number"), default=True, editable=False)
    language = models.CharField(
        _("language"),
        max_length=10,
        blank=True,
        default="",
        choices=settings.LANGUAGES,
        help_text=_("Used for emails to the customer. Leave empty to use the station's language."),
    )
    notes = EncryptedTextField(
        _("notes"), max_length=MAX_NOTES, blank=True, default="", validators=[validators.plain_text]
    )
    version = models.PositiveIntegerField(default=1, db_default=1, editable=False)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)
    erased_at = models.DateTimeField(_("erased"), null=True, default=None, editable=False)
    """When their personal data was erased. The row stays, because bookings refer to it."""

    objects = CustomerQuerySet.as_manager()

    class Meta:
        verbose_name = _("customer")
        verbose_name_plural = _("customers")
        ordering = ["-created_at"]
        default_permissions = ()
        indexes = [models.Index(fields=["station", "-created_at"], name="customer_latest_of_station")]

    def __str__(self) -> str:
        """Contains no personal data, because the admin history and the audit log store it."""
        return _("Customer %(id)s") % {"id": str(self.pk)[:8]}

    @property
    def can_be_emailed(self) -> bool:
        return bool(self.email) and self.email_is_valid and not self.email_bounced


class BlindIndex(models.Model):  # noqa: DJ008
    """A keyed hash by which a customer can be found; see `accounts.encryption`."""

    customer = models.ForeignKey(Customer, models.CASCADE, related_name="indexes")
    station = models.ForeignKey(Station, models.PROTECT, related_name="+", db_index=False)
    digest = KeyedHashField(max_length=20)

    objects = OfStationQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["digest", "customer"], name="blind_index_once_a_customer"),
        ]
