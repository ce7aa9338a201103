"""Calendar feeds: secret addresses that calendar programs read."""

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
    """A calendar that other programs read, under a secret address. What it shows is what its person may see at that moment.

    Only a digest of the secret is kept. Only `bookings.icalendar.feeds` writes it.
    """

    user = models.ForeignKey(User, models.CASCADE, related_name="feeds", verbose_name=_("person"))
    station = models.ForeignKey(
        Station, models.CASCADE, null=True, blank=True, related_name="+", verbose_name=_("station")
    )
    """None for all stations of the person's."""
    details = models.BooleanField(_("with names and details"), default=False)
    language = models.CharField(_("language"), max_length=10)
    """That of whoever made it: programs that read name none, or the wrong one."""
    digest = models.BinaryField(_("secret address"), max_length=32, unique=True, editable=False)
    renewed_at = models.DateTimeField(_("address since"), default=timezone.now, editable=False)
    recorded_on = models.DateField(null=True, editable=False)
    """The latest day (UTC) of which the audit log says that its details were read."""
    ended_at = models.DateTimeField(null=True, editable=False)
    """When a backup was restored that may be older than the end of this address. A new address begins anew."""
    epoch = models.PositiveIntegerField(default=0, editable=False)
    """Its person's when it was made: in another one it is over."""

    objects = FeedQuerySet.as_manager()

    class Meta:
        verbose_name = _("calendar feed")
        verbose_name_plural = _("calendar feeds")
        default_permissions = ()
        ordering = ["id"]

    def __str__(self) -> str:
        return _("Calendar feed %(id)s") % {"id": self.pk}
