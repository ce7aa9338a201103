"""The model of calendar feeds, which calendar programs read at a secret address."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from bookings.models.contact_proposal import ContactProposal as ContactProposal  # Django finds it here
from bookings.models.operations import BackupRecord as BackupRecord
from bookings.models.operations import ClockReading as ClockReading
from bookings.models.operations import RetentionNotice as RetentionNotice
from bookings.models.operations import WorkerBeat as WorkerBeat
from bookings.models.querysets import FeedQuerySet
from stations.models import Station


class Feed(models.Model):
    """A calendar that other programs read at a secret address. It shows what its owner may see at that moment.

    Only a digest of the secret is stored. Only `bookings.icalendar.feeds` writes it.
    """

    user = models.ForeignKey(User, models.CASCADE, related_name="feeds", verbose_name=_("person"))
    station = models.ForeignKey(
        Station, models.CASCADE, null=True, blank=True, related_name="+", verbose_name=_("station")
    )
    """None for all stations of the owner."""
    details = models.BooleanField(_("with names and details"), default=False)
    language = models.CharField(_("language"), max_length=10)
    """The owner's language when it was created: calendar programs send none or the wrong one."""
    digest = models.BinaryField(_("secret address"), max_length=32, unique=True, editable=False)
    renewed_at = models.DateTimeField(_("address since"), default=timezone.now, editable=False)
    recorded_on = models.DateField(null=True, editable=False)
    """The latest day (UTC) for which the audit log records that its details were read."""
    ended_at = models.DateTimeField(null=True, editable=False)
    """When a restore ended it, because it may have been revoked after the backup. A new address makes it valid again."""
    epoch = models.PositiveIntegerField(default=0, editable=False)
    """The owner's epoch when it was created: it is valid only in that one."""

    objects = FeedQuerySet.as_manager()

    class Meta:
        verbose_name = _("calendar feed")
        verbose_name_plural = _("calendar feeds")
        default_permissions = ()
        ordering = ["id"]

    def __str__(self) -> str:
        return _("Calendar feed %(id)s") % {"id": self.pk}
