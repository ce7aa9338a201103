"""The states of emails, and the state of a booking as a customer knows it."""

from dataclasses import dataclass
from datetime import date, time
from typing import Any, Final, Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from bookings.models.status import Phase, Status


class Kind(models.TextChoices):
    MADE = "made", _("Booking made")
    CONFIRMED = "confirmed", _("Booking confirmed")
    MOVED = "moved", _("Booking moved")
    CANCELLED = "cancelled", _("Booking cancelled")
    REMINDER = "reminder", _("Reminder")


class State(models.TextChoices):
    """`WAITING`: not sent yet; its content still follows the booking. `SENDING`: the mail server may have it; the same text is
    sent again until that is known. The others are final, except `FAILED`, which can be sent again."""

    WAITING = "waiting", _("waiting")
    SENDING = "sending", _("being sent")
    SENT = "sent", _("sent")
    FAILED = "failed", _("failed")
    UNREACHED = "unreached", _("no email: please call")
    WITHHELD = "withheld", _("told by staff")
    WITHDRAWN = "withdrawn", _("not needed")


OPEN: Final = (State.WAITING, State.SENDING)
"""States that a worker still has to handle."""

UNDELIVERED: Final = (State.FAILED, State.UNREACHED)
"""States in which the customer has not been told, so staff have to."""


class Problem(models.TextChoices):
    """Why an email was not sent, in the product's own words: those of a mail server may contain the address."""

    NONE = "", ""
    UNDONE = "undone", _("It was undone in time.")
    MERGED = "merged", _("A later email covers it.")
    OVER = "over", _("The booking has ended.")
    CHANGED = "changed", _("The booking has changed since.")
    NO_CUSTOMER = "no_customer", _("The booking has no customer.")
    NO_ADDRESS = "no_address", _("The customer has no email address.")
    BOUNCED = "bounced", _("The customer's email address does not work.")
    REFUSED = "refused", _("The mail server rejected the email.")
    DELAYED = "delayed", _("The mail server is not accepting the email right now.")
    UNKNOWN = "unknown", _("The mail server did not confirm that it accepted the email.")
    AWAY = "away", _("The mail server cannot be reached.")
    UNWRITTEN = "unwritten", _("The email could not be created.")
    ERASED = "erased", _("The customer was erased.")
    TOO_MANY = "too_many", _("Too many emails were sent to this address today. Please tell the customer.")
    HOURLY_LIMIT = "hourly_limit", _("This station has sent too many emails in the last hour.")


@dataclass(frozen=True, slots=True)
class BookingSnapshot:
    """Whose booking it is, whether it holds, where and when. `station` is a key, `customer` None for a walk-in."""

    phase: Phase
    station: int
    day: date
    slot: time
    slots: int
    customer: str | None

    @classmethod
    def of(cls, booking: Any) -> Self:
        customer = str(booking.customer_id) if booking.customer_id else None
        phase = Status(booking.status).facts.phase
        return cls(phase, booking.station_id, booking.date, booking.slot, booking.slots, customer)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        day, slot = date.fromisoformat(data["day"]), time.fromisoformat(data["slot"])
        return cls(**{**data, "phase": Phase(data["phase"]), "day": day, "slot": slot})

    def as_json(self) -> dict[str, Any]:
        return {
            "phase": self.phase,
            "station": self.station,
            "day": self.day.isoformat(),
            "slot": f"{self.slot:%H:%M:%S}",
            "slots": self.slots,
            "customer": self.customer,
        }

    @property
    def place(self) -> tuple[int, date, time, int]:
        return self.station, self.day, self.slot, self.slots

    @property
    def holds(self) -> bool:
        return self.phase is not Phase.CANCELLED
