"""What a mail is about, and how far it has come."""

from typing import Final

from django.db import models
from django.utils.translation import gettext_lazy as _


class Kind(models.TextChoices):
    MADE = "made", _("Booking made")
    CONFIRMED = "confirmed", _("Booking confirmed")
    MOVED = "moved", _("Booking moved")
    CANCELLED = "cancelled", _("Booking cancelled")
    REMINDER = "reminder", _("Reminder")


class State(models.TextChoices):
    """`WAITING`: nobody was told yet, and what will be said still follows the booking. `SENDING`: the mail server may have
    it; said again to the letter until that is known. The others are ends, but for `FAILED`, which can be sent again."""

    WAITING = "waiting", _("waiting")
    SENDING = "sending", _("being sent")
    SENT = "sent", _("sent")
    FAILED = "failed", _("failed")
    UNREACHED = "unreached", _("no address: call")
    WITHHELD = "withheld", _("told by staff")
    WITHDRAWN = "withdrawn", _("not needed")


OPEN: Final = (State.WAITING, State.SENDING)
"""What a worker has yet to look at."""

UNTOLD: Final = (State.FAILED, State.UNREACHED)
"""Where the customer knows nothing of it, and staff have to."""


class Problem(models.TextChoices):
    """Why a mail ended as it did; in our own words, for a mail server's may hold the address."""

    NONE = "", ""
    UNDONE = "undone", _("It was taken back in time.")
    MERGED = "merged", _("A later mail says it.")
    OVER = "over", _("The booking is over.")
    CHANGED = "changed", _("The booking has changed since.")
    NO_CUSTOMER = "no_customer", _("The booking has no customer.")
    NO_ADDRESS = "no_address", _("The customer has no e-mail address.")
    BOUNCED = "bounced", _("The customer's e-mail address does not work.")
    REFUSED = "refused", _("The mail server refuses it.")
    DELAYED = "delayed", _("The mail server does not take it now.")
    UNKNOWN = "unknown", _("The mail server did not say whether it took it.")
    AWAY = "away", _("The mail server cannot be reached.")
    UNWRITTEN = "unwritten", _("It could not be written.")
    ERASED = "erased", _("The customer was erased.")
    TOO_MANY = "too_many", _("Too many emails to this address today. Tell the customer yourself.")
    HOURLY_LIMIT = "hourly_limit", _("This station has sent too many emails in the last hour.")
