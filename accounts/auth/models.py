"""Models of queued account emails and of email addresses that are still to be confirmed."""

from datetime import timedelta
from enum import StrEnum, auto
from typing import Any, ClassVar
from uuid import uuid4

from django.conf import settings
from django.db import models
from django.utils import timezone

from accounts.encryption import EncryptedTextField
from core.limits import MAX_EMAIL


class EmailKind(StrEnum):
    """What an account email is about: all are security notices, but the last three."""

    PASSWORD_CHANGED = auto()
    TWO_FACTOR_ENABLED = auto()
    AUTHENTICATOR_REPLACED = auto()
    TWO_FACTOR_DISABLED = auto()
    RECOVERY_CODES_RENEWED = auto()
    EMAIL_CHANGED = auto()
    API_KEY_CREATED = auto()
    FEED_CREATED = auto()
    FEED_RENEWED = auto()
    PERMISSIONS_CHANGED = auto()
    PASSWORD_LINK_CREATED = auto()
    # With a link:
    SET_PASSWORD = auto()
    CONFIRM_EMAIL = auto()
    # About the coming erasure of customers:
    RETENTION_NOTICE = auto()


class QueuedEmail(models.Model):
    """An email for the worker to send. Its row is deleted once it is sent."""

    key = models.UUIDField(default=uuid4, null=True, editable=False)
    """The row key of its encrypted fields; None for a row written by the release before."""
    email = EncryptedTextField(max_length=MAX_EMAIL, bound_to="key", pad_to=48)
    language = models.CharField(max_length=10)
    attempts = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)
    due_at = models.DateTimeField(default=timezone.now)

    class Meta:
        abstract = True
        default_permissions = ()


class AccountEmail(QueuedEmail):  # noqa: DJ008
    """An email to a user about their account. Only `accounts.auth.account_emails` writes it."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    kind = models.CharField(max_length=30)
    """An `EmailKind`."""
    details = EncryptedTextField(bound_to="key")
    """JSON: who acted, from where, and the further values of the text."""

    class Meta(QueuedEmail.Meta):
        indexes = [models.Index(fields=["due_at"], name="account_email_due")]


class EmailChange(models.Model):  # noqa: DJ008
    """The new email of an account until it is confirmed. Only `accounts.auth.email_change` writes it."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, related_name="email_change")
    email = EncryptedTextField(max_length=MAX_EMAIL, bound_to="user", pad_to=48)
    created_at = models.DateTimeField(default=timezone.now)

    LIFETIME: ClassVar[timedelta] = timedelta(days=1)

    class Meta:
        default_permissions = ()

    @classmethod
    def pending_for(cls, user: Any) -> str:
        """The address that the user has still to confirm; "" for none."""
        change = cls.objects.filter(user=user, created_at__gt=timezone.now() - cls.LIFETIME).first()
        return change.email if change else ""
