"""The model of a contact that came with a booking and is not on file for its customer."""

import uuid

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.encryption import EncryptedTextField
from accounts.models import Customer
from core.limits import MAX_EMAIL, MAX_PHONE
from stations.models import Station
from stations.querysets import OfStationQuerySet


class ContactProposal(models.Model):
    """An email or phone that came with a booking and is not on file for its customer, until staff decide about it.

    Emails about that booking may be sent to it, those about other bookings never are. An empty field was not given or is decided.
    Only `bookings.services.contacts` writes it.
    """

    class Source(models.TextChoices):
        CREATED = "created", _("given when the booking was made")
        EDITED = "edited", _("given by a later edit")
        MOVED = "moved", _("on file where the booking came from")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    station = models.ForeignKey(Station, models.PROTECT, related_name="+", db_index=False)
    booking = models.ForeignKey(
        "bookings.Booking", models.CASCADE, related_name="contact_proposals", verbose_name=_("booking")
    )
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="contact_proposals")
    email = EncryptedTextField(_("email"), max_length=MAX_EMAIL, pad_to=48, blank=True, default="")
    email_source = models.CharField(max_length=10, choices=Source.choices, default=Source.CREATED)
    email_is_valid = models.BooleanField(default=True)
    email_bounced = models.BooleanField(default=False)
    phone = EncryptedTextField(_("phone"), max_length=MAX_PHONE, blank=True, default="")
    phone_is_valid = models.BooleanField(default=True)
    created_at = models.DateTimeField(_("created"), default=timezone.now)

    objects = OfStationQuerySet.as_manager()

    class Meta:
        verbose_name = _("contact to confirm")
        verbose_name_plural = _("contacts to confirm")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["station", "booking"], name="contact_proposal_one_a_booking"),
        ]

    def __str__(self) -> str:
        """No personal data, as for a booking."""
        return f"{self.booking}"
