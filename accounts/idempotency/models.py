"""Keys of requests that were done, with their answers: the same request again is answered, and not done again."""

import uuid

from django.conf import settings
from django.db import models
from django.utils import timezone


class IdempotencyKey(models.Model):  # noqa: DJ008
    """A request that was done. Only `accounts.idempotency.service` writes it.

    The table holds nothing that anybody could read: digests, and an answer encrypted under a key that takes the request's own
    key, of which only a digest is here.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", null=True)
    """Who sent it; None for somebody who was not signed in."""
    digest = models.BinaryField(max_length=32, unique=True)
    """Of whose key it is, for what address, and the key itself."""
    fingerprint = models.BinaryField(max_length=32)
    """Of what was sent."""
    answer = models.BinaryField(null=True)
    """None while the request is being done, which nobody else sees: it is written in the same transaction."""
    created_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        default_permissions = ()
