"""What a customer knows of a booking, and what is left to say: the one rule that decides which mails there are."""

from dataclasses import dataclass, replace
from datetime import date, time
from enum import StrEnum
from typing import Any, Self

from bookings.mails.kinds import Kind
from bookings.workflow import Status


class Phase(StrEnum):
    """A status as it matters to a customer: who has arrived or stayed away is not told so."""

    PENDING = "pending"
    CONFIRMED = "confirmed"
    CANCELLED = "cancelled"


PHASES = {Status.PENDING: Phase.PENDING, Status.CANCELLED: Phase.CANCELLED}
"""Every other status is that of a confirmed booking."""


@dataclass(frozen=True, slots=True)
class Standing:
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
        phase = PHASES.get(Status(booking.status), Phase.CONFIRMED)
        return cls(phase, booking.station_id, booking.date, booking.slot, booking.slots, customer)

    @classmethod
    def from_json(cls, told: dict[str, Any]) -> Self:
        day, slot = date.fromisoformat(told["day"]), time.fromisoformat(told["slot"])
        return cls(**{**told, "phase": Phase(told["phase"]), "day": day, "slot": slot})

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


def followed(known: Standing | None, before: Standing, now: Standing) -> Standing | None:
    """What the customer of `now` knows, where that of `before` knew `known`.

    At another station the same person is another customer, who knows the same. Who took their place on the way knows nothing.
    """
    if known is None or (before.customer == now.customer and before.station == now.station):
        return known
    if before.station != now.station:
        return replace(known, customer=now.customer) if known.customer == before.customer else None
    return known if known.station == now.station else None


def left_to_say(known: Standing | None, now: Standing) -> Kind | None:
    """The one mail that brings a customer from what they know to what is; None where they know all that matters.

    `known` is None for a customer who has heard nothing yet. Steps in between, taken back or overtaken, are never said.
    """
    if now.customer is None:
        return None
    if known is None or not known.holds or _is_somebody_else(known, now):
        return Kind.MADE if now.holds else None
    if not now.holds:
        return Kind.CANCELLED
    if known.place != now.place:
        return Kind.MOVED
    return Kind.CONFIRMED if (known.phase, now.phase) == (Phase.PENDING, Phase.CONFIRMED) else None


def _is_somebody_else(known: Standing, now: Standing) -> bool:
    """Another customer at the same station has heard nothing; at another station the same person is another customer."""
    return known.customer != now.customer and known.station == now.station
