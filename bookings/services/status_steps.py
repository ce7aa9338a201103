"""Which status a booking may take next: the steps of the workflow, except those that come too early."""

from datetime import datetime

from django.utils.translation import gettext as _

from bookings.errors import InvalidStep, TooEarly
from bookings.models import Booking
from bookings.models.status import Status
from core import formats
from stations.timetable import local_now


def next_steps(booking: Booking, *, now: datetime) -> list[Status]:
    """The statuses that the booking may take now, the usual one first."""
    return [to for to in Status(booking.status).facts.steps if not _is_too_early(booking, to, now)]


def require_step(booking: Booking, to: Status, *, now: datetime) -> None:
    """Raises InvalidStep or TooEarly."""
    if to not in Status(booking.status).facts.steps:
        raise InvalidStep(
            _("A booking that is %(now)s cannot become %(then)s.")
            % {"now": Status(booking.status).label, "then": Status(to).label}
        )
    if _is_too_early(booking, to, now):
        raise TooEarly(
            _("A booking cannot be marked as %(status)s before its day, %(day)s.")
            % {"status": Status(to).label, "day": formats.format_date(booking.date, booking.station.country)}
        )


def _is_too_early(booking: Booking, to: Status, now: datetime) -> bool:
    return to.facts.only_from_its_day and local_now(booking.station, now).date() < booking.date
