"""Which email, if any, a customer needs: the difference between what they know of a booking and what is true."""

from dataclasses import replace

from bookings.models.mail_state import BookingSnapshot, Kind
from bookings.models.status import Phase


def carry_over(known: BookingSnapshot | None, before: BookingSnapshot, now: BookingSnapshot) -> BookingSnapshot | None:
    """What the customer of `now` knows, if the customer of `before` knew `known`; None for nothing.

    A booking that moves to another station gets another customer row, which stands for the same person and so knows the same.
    A customer who replaced another one knows nothing.
    """
    if known is None or (before.customer == now.customer and before.station == now.station):
        return known
    if before.station != now.station:
        return replace(known, customer=now.customer) if known.customer == before.customer else None
    return known if known.station == now.station else None


def pending_notification(known: BookingSnapshot | None, now: BookingSnapshot) -> Kind | None:
    """The one email that brings a customer from what they know up to date; None if they know all that matters.

    `known` is None for a customer who has not been told anything. Changes in between that were taken back or replaced by later
    ones are never mentioned.
    """
    if now.customer is None:
        return None
    if known is None or not known.holds or _is_another_customer(known, now):
        return Kind.MADE if now.holds else None
    if not now.holds:
        return Kind.CANCELLED
    if known.place != now.place:
        return Kind.MOVED
    return Kind.CONFIRMED if (known.phase, now.phase) == (Phase.PENDING, Phase.CONFIRMED) else None


def _is_another_customer(known: BookingSnapshot, now: BookingSnapshot) -> bool:
    # At another station, another customer row stands for the same person.
    return known.customer != now.customer and known.station == now.station
