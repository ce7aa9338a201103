"""Keys of processed requests, with their responses: a repeated request gets the stored response and is not processed again."""

import uuid

from django.conf import settings
from django.db import models
from django.utils import timezone


class IdempotencyKey(models.Model):  # noqa: DJ008
    """A processed request. Only `accounts.idempotency.service` writes it.

    The table contains nothing readable: digests, and a response that is encrypted under the request's own key, of which only a
    digest is stored.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", null=True)
    """The user who sent it; None if nobody was signed in."""
    digest = models.BinaryField(max_length=32, unique=True)
    """A digest of the key's owner, the URL and the key itself."""
    fingerprint = models.BinaryField(max_length=32)
    """A digest of the submitted data."""
    answer = models.BinaryField(null=True)
    """None while the request is in progress. Other transactions do not see that."""
    created_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        default_permissions = ()
