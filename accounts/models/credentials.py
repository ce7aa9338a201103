"""What people sign in with besides a password, and what other systems sign in with."""

from typing import Any, Self

from django.db import models
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.auth.models import QueuedEmail
from accounts.encryption import EncryptedTextField
from accounts.models.user import User
from core import validators
from stations.access import Person
from stations.models import Station


class Authenticator(models.Model):  # noqa: DJ008
    """The app that makes somebody's codes. Only `accounts.auth.two_factor` writes it."""

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
    """That somebody wants a new password for an email, whoever has it.

    Only `accounts.auth.password_reset` writes it; sent, it is gone.
    """

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
    """By which another system calls in somebody's name. Only a digest is kept. Only `accounts.auth.api_keys` writes it."""

    user = models.ForeignKey(User, models.CASCADE, related_name="api_keys", verbose_name=_("person"))
    name = models.CharField(_("name"), max_length=100, validators=[validators.plain_line])
    stations = models.ManyToManyField(Station, related_name="+", verbose_name=_("stations"))
    rights: Any = models.JSONField(_("permissions"), default=list)
    expires_on = models.DateField(_("valid until"), null=True, blank=True)
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
