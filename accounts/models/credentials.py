"""Models of credentials besides the password: two-factor authentication, reset requests and API keys."""

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
    """The authenticator app of a user. Only `accounts.auth.two_factor` writes it."""

    user = models.OneToOneField(User, models.CASCADE, related_name="authenticator")
    secret = EncryptedTextField(null=True, bound_to="user")
    pending = EncryptedTextField(null=True, bound_to="user")
    """The secret of a new app, until its first code is confirmed."""
    last_step = models.BigIntegerField(default=0)
    """The step of the last code used. Codes up to it are refused."""

    class Meta:
        default_permissions = ()


class RecoveryCode(models.Model):  # noqa: DJ008
    """The digest of a recovery code. It is deleted when the code is used."""

    user = models.ForeignKey(User, models.CASCADE, related_name="recovery_codes")
    digest = models.BinaryField(max_length=32)

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["user", "digest"], name="recovery_code_once_a_person")]


class ResetRequest(QueuedEmail):
    """A request to reset the password of the account with an email, which may not exist.

    Only `accounts.auth.password_reset` writes it. It is deleted once the email is sent.
    """

    class Meta(QueuedEmail.Meta):
        indexes = [models.Index(fields=["due_at"], name="reset_request_due")]


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    def visible_to(self, person: Person) -> Self:
        """The person's own keys, including those that ended when a backup was restored."""
        return self.listed().filter(user=person.pk) if person.is_active else self.none()

    def listed(self) -> Self:
        """Without the keys that ended when all access of their owner was revoked."""
        return self.filter(epoch=F("user__epoch"))

    def current(self) -> Self:
        """The keys that have not ended."""
        return self.listed().filter(ended_at=None)


class ApiKey(models.Model):
    """A key with which another system uses the API on behalf of a user. Only `accounts.auth.api_keys` writes it."""

    user = models.ForeignKey(User, models.CASCADE, related_name="api_keys", verbose_name=_("person"))
    name = models.CharField(_("name"), max_length=100, validators=[validators.plain_line])
    stations = models.ManyToManyField(Station, related_name="+", verbose_name=_("stations"))
    rights: Any = models.JSONField(_("permissions"), default=list)
    expires_on = models.DateField(_("valid until"), null=True, blank=True)
    """The last day, in UTC; None for no end."""
    digest = models.BinaryField(max_length=32, unique=True, editable=False)
    epoch = models.PositiveIntegerField(default=0, editable=False)
    """The owner's epoch when it was created. The key ends when theirs grows."""
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    last_used_at = models.DateTimeField(_("last used"), null=True, editable=False)
    ended_at = models.DateTimeField(null=True, editable=False)
    """When a backup was restored, which may be older than the key's revocation."""

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")
        default_permissions = ()
        ordering = ["id"]

    def __str__(self) -> str:
        return _("API key %(id)s") % {"id": self.pk}
