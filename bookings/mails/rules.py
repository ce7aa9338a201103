"""What a customer knows of a booking, and what is left to say: the one rule that decides which mails there are."""

from dataclasses import replace

from bookings.models.mail_state import Kind, Standing
from bookings.models.status import Phase


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
