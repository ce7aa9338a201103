"""The statuses of a booking: one table of what each of them means."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from django.db import models
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class EventStatus(StrEnum):
    """The STATUS of an event in a calendar file (RFC 5545, 3.8.1.11)."""

    CONFIRMED = "CONFIRMED"
    TENTATIVE = "TENTATIVE"
    CANCELLED = "CANCELLED"


class Phase(StrEnum):
    """What a customer knows of the status. They are not told that they have arrived or did not come."""

    PENDING = "pending"
    CONFIRMED = "confirmed"
    CANCELLED = "cancelled"

    @property
    def event_status(self) -> EventStatus:
        return _EVENT_STATUSES[self]


_EVENT_STATUSES: Final = {
    Phase.PENDING: EventStatus.TENTATIVE,
    Phase.CONFIRMED: EventStatus.CONFIRMED,
    Phase.CANCELLED: EventStatus.CANCELLED,
}


class Places(StrEnum):
    """Which of its slots a booking takes a place in, unless it is unassigned."""

    ALL = "all"
    BEGUN = "begun"
    """The slots that had begun when the booking got its status: who leaves early frees the others."""
    NONE = "none"


class Status(models.TextChoices):
    PENDING = "pending", _("pending")
    CONFIRMED = "confirmed", _("confirmed")
    ARRIVED = "arrived", _("arrived")
    COMPLETED = "completed", _("completed")
    NO_SHOW = "no_show", _("no-show")
    CANCELLED = "cancelled", _("cancelled")

    @property
    def facts(self) -> "StatusFacts":
        return STATUSES[self]


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusFacts:
    """Everything that depends on the status of a booking. `%(who)s` in a text is the customer, `%(when)s` the slot."""

    steps: tuple[Status, ...]
    """The statuses that may follow, the usual one first."""
    usual_step: Status | None = None
    """The step that moves the booking on, for the most prominent button; None if all steps correct a mistake."""
    button: Promise | None
    """Label of the button that takes the step; None if only restoring leads here."""
    verb: Promise
    """The step as something that can be undone: “Undo: confirm Nora Silva”."""
    done: Promise
    undone: Promise
    """What is said when an undo has brought the status back."""
    phase: Phase
    places: Places
    owes: bool
    """Whether the total less the deposit is due."""
    can_be_new: bool = False
    can_be_moved: bool = False
    is_reminded: bool = False
    is_present: bool = False
    """Whether the party is there, and so hears nothing by email."""
    can_be_visit: bool = False
    """Whether a booking that is over counts as a visit. Many stations mark none of their bookings as arrived or completed."""
    is_hidden: bool = False
    """Whether calendar pages leave it out unless asked for it."""
    can_be_unassigned: bool = True
    """Whether a booking without a place keeps waiting for one."""
    only_from_its_day: bool = False
    """Whether it can be reached only once the booking's day has begun, by the station's clock."""


STATUSES: Final[dict[Status, StatusFacts]] = {
    Status.PENDING: StatusFacts(
        steps=(Status.CONFIRMED, Status.ARRIVED, Status.CANCELLED),
        usual_step=Status.CONFIRMED,
        button=None,
        verb=_("mark %(who)s as pending"),
        done=_("%(who)s is pending."),
        undone=_("Undone: %(who)s is pending again."),
        phase=Phase.PENDING,
        places=Places.ALL,
        owes=True,
        can_be_new=True,
        can_be_moved=True,
    ),
    Status.CONFIRMED: StatusFacts(
        steps=(Status.ARRIVED, Status.COMPLETED, Status.NO_SHOW, Status.CANCELLED),
        usual_step=Status.ARRIVED,
        button=_("Confirm"),
        verb=_("confirm %(who)s"),
        done=_("%(who)s is confirmed."),
        undone=_("Undone: %(who)s is confirmed again."),
        phase=Phase.CONFIRMED,
        places=Places.ALL,
        owes=True,
        can_be_new=True,
        can_be_moved=True,
        is_reminded=True,
        can_be_visit=True,
    ),
    Status.ARRIVED: StatusFacts(
        steps=(Status.COMPLETED, Status.CONFIRMED),
        usual_step=Status.COMPLETED,
        button=_("Arrived"),
        verb=_("mark %(who)s as arrived"),
        done=_("%(who)s has arrived."),
        undone=_("Undone: %(who)s is marked as arrived again."),
        phase=Phase.CONFIRMED,
        places=Places.ALL,
        owes=True,
        can_be_new=True,
        is_present=True,
        can_be_visit=True,
        only_from_its_day=True,
    ),
    Status.COMPLETED: StatusFacts(
        steps=(Status.ARRIVED, Status.CONFIRMED),
        button=_("Completed"),
        verb=_("mark %(who)s as completed"),
        done=_("%(who)s is marked as completed."),
        undone=_("Undone: %(who)s is marked as completed again."),
        phase=Phase.CONFIRMED,
        places=Places.BEGUN,
        owes=True,
        can_be_visit=True,
    ),
    Status.NO_SHOW: StatusFacts(
        steps=(Status.CONFIRMED, Status.ARRIVED),
        button=_("No-show"),
        verb=_("mark %(who)s as a no-show"),
        done=_("%(who)s is marked as a no-show."),
        undone=_("Undone: %(who)s is marked as a no-show again."),
        phase=Phase.CONFIRMED,
        places=Places.NONE,
        owes=False,
        only_from_its_day=True,
    ),
    Status.CANCELLED: StatusFacts(
        steps=(Status.CONFIRMED, Status.PENDING),
        button=_("Cancel booking"),
        verb=_("cancel %(who)s"),
        done=_("Cancelled: %(who)s, %(when)s."),
        undone=_("Undone: %(who)s is cancelled again."),
        phase=Phase.CANCELLED,
        places=Places.NONE,
        owes=False,
        is_hidden=True,
        can_be_unassigned=False,
    ),
}

ACTIVE: Final = tuple(status for status in Status if status.facts.places is not Places.NONE)
HOLDING: Final = tuple(status for status in Status if status.facts.places is Places.ALL)
HIDDEN: Final = tuple(status for status in Status if status.facts.is_hidden)
OWING: Final = tuple(status for status in Status if status.facts.owes)
NEW: Final = tuple(status for status in Status if status.facts.can_be_new)
RESCHEDULABLE: Final = tuple(status for status in Status if status.facts.can_be_moved)
REMINDED: Final = tuple(status for status in Status if status.facts.is_reminded)
VISITING: Final = tuple(status for status in Status if status.facts.can_be_visit)


def is_over(status: str, ends_at: datetime, now: datetime) -> bool:
    """Whether a booking has ended, or was completed before its end."""
    return ends_at <= now or status == Status.COMPLETED
