"""The domain errors of bookings, checked in this order: stale, not reschedulable, past, no such slot, closed, full."""

from typing import TYPE_CHECKING, NamedTuple

from django.utils.translation import gettext_lazy as _

from core.errors import DomainError
from stations import errors
from stations.errors import NoSuchSlot, SlotClosed

if TYPE_CHECKING:
    from bookings.audit import Line
    from bookings.models import Booking

__all__ = [
    "Duplicate",
    "InvalidStep",
    "NoSuchSlot",
    "NotLast",
    "NotReschedulable",
    "NothingToRedo",
    "NothingToUndo",
    "Past",
    "SlotClosed",
    "SlotFull",
    "Stale",
    "StillAhead",
    "TooEarly",
    "TooLate",
    "TooManyGuests",
    "WouldDisplace",
    "WouldRetime",
]


class Stale(errors.Stale):
    """Somebody changed the booking in the meantime. `data` is a `Meanwhile`: the current booking and its last change."""

    class Meanwhile(NamedTuple):
        booking: "Booking"
        last: "Line | None"

    sentence = _("Someone else has changed this booking. Check it before you change it.")


class NotReschedulable(DomainError):
    code = "not_reschedulable"


class InvalidStep(DomainError):
    code = "invalid_step"


class TooEarly(DomainError):
    """The station's day of the booking has not begun."""

    code = "too_early"


class Past(DomainError):
    code = "past"
    sentence = _("Cannot reschedule to past dates")


class SlotFull(DomainError):
    code = "slot_full"
    sentence = _("Target time slot is fully booked")


class TooManyGuests(SlotFull):
    """There is a place for the party, but not for all of its guests. `data` is the number of guests that still fit."""


class Duplicate(DomainError):
    """The station already has a booking with that external reference. `data` is its ID."""

    code = "duplicate"
    sentence = _("This station already has a booking with that reference.")


class StillAhead(DomainError):
    """A customer with an upcoming booking cannot be erased."""

    code = "still_ahead"
    sentence = _("This customer has an upcoming booking. Cancel or complete it first.")


class WouldDisplace(DomainError):
    """A change of the timetable would leave bookings without a place. `data` lists them in order."""

    code = "would_displace"
    sentence = _("Some bookings would no longer fit. Move them first, or tick “Displace bookings that no longer fit”.")


class WouldRetime(DomainError):
    """Another time zone changes the start of upcoming bookings. `data` lists them in order."""

    code = "would_retime"
    sentence = _("Upcoming bookings keep their local time, so their actual start changes. Tick the box to confirm.")


class NothingToUndo(DomainError):
    """The person has made no change in this session that could be undone."""

    code = "nothing_to_undo"
    sentence = _("Nothing to undo.")


class NothingToRedo(DomainError):
    code = "nothing_to_redo"
    sentence = _("Nothing to redo.")


class NotLast(DomainError):
    """The person has made another change since: only the last one can be undone or redone."""

    code = "not_last"
    sentence = _("You have made another change since. Undo that first.")


class TooLate(DomainError):
    """It is too late for a decision about an email: somebody else has decided, or a worker has taken it."""

    code = "too_late"
    sentence = _("This email has changed in the meantime. Check it again.")
