"""The life of a booking: its statuses, and the one table of steps between them."""

from typing import Final

from django.db import models
from django.utils.translation import gettext_lazy as _


class Status(models.TextChoices):
    PENDING = "pending", _("pending")
    CONFIRMED = "confirmed", _("confirmed")
    ARRIVED = "arrived", _("arrived")
    COMPLETED = "completed", _("completed")
    NO_SHOW = "no_show", _("no-show")
    CANCELLED = "cancelled", _("cancelled")


STEPS: Final[dict[Status, tuple[Status, ...]]] = {
    Status.PENDING: (Status.CONFIRMED, Status.CANCELLED),
    Status.CONFIRMED: (Status.ARRIVED, Status.COMPLETED, Status.NO_SHOW, Status.CANCELLED),
    Status.ARRIVED: (Status.COMPLETED, Status.CONFIRMED),
    Status.NO_SHOW: (Status.CONFIRMED, Status.ARRIVED),
    Status.CANCELLED: (Status.CONFIRMED, Status.PENDING),
    Status.COMPLETED: (Status.CONFIRMED,),
}
"""From a status to those that may follow, the usual one first. Back to confirmed from arrived or completed undoes a mistake."""

NEW: Final = (Status.PENDING, Status.CONFIRMED)
"""What a new booking may be."""

FROM_ITS_DAY_ON: Final = (Status.ARRIVED, Status.NO_SHOW)
"""Nobody has come or stayed away before the day of the booking has begun, by the station's clock."""

RESCHEDULABLE: Final = (Status.PENDING, Status.CONFIRMED)

OWING: Final = (Status.PENDING, Status.CONFIRMED, Status.ARRIVED, Status.COMPLETED)
"""A booking in any of these owes its total less the deposit. Nothing is due for a guest who cancelled or did not come."""

HOLDING: Final = tuple(status for status in Status if status is not Status.CANCELLED)
"""A booking in any of these takes its places in the ledger."""
