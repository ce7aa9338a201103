"""The querysets of bookings, holds, feeds, emails and undo steps."""

from datetime import date, datetime
from typing import Any, Self, TypeVar
from uuid import UUID

from django.db import connection, models
from django.db.models import Exists, F, OuterRef, Q

from bookings.models.mail_state import OPEN, State
from bookings.models.status import HOLDING, RESCHEDULABLE
from stations.access import Person
from stations.querysets import OfStationQuerySet

Row = TypeVar("Row", bound=models.Model)


class BookingQuerySet(OfStationQuerySet[Row]):
    def between(self, first: date, last: date) -> Self:
        """On the station's local dates from `first` to `last`, both included."""
        return self.filter(date__range=(first, last))

    def on(self, day: date) -> Self:
        return self.filter(date=day)

    def holding(self) -> Self:
        """Bookings that take places; in memory `Booking.holds_places` says the same."""
        return self.filter(status__in=HOLDING, needs_place=False)

    def displaced(self) -> Self:
        """Unassigned bookings that can still be moved to another slot."""
        return self.filter(needs_place=True, status__in=RESCHEDULABLE)

    def ahead(self, now: datetime) -> Self:
        """Bookings that have not begun, which a change of the timetable may still affect."""
        return self.filter(starts_at__gt=now)

    def in_order(self) -> Self:
        """In the order of all calendars."""
        return self.order_by("date", "slot", "created_at", "id")


class HoldQuerySet(OfStationQuerySet[Row]):
    """Holds, which the ledger reads by station, date and slot."""


class FeedQuerySet(models.QuerySet[Row]):
    def visible_to(self, person: Person) -> Self:
        """Feeds of this person alone, including those that a restore has ended."""
        return self.listed().filter(user=person.pk) if person.is_active else self.none()

    def listed(self) -> Self:
        """Feeds that did not end when their owner's access was revoked."""
        return self.filter(epoch=F("user__epoch"))

    def current(self) -> Self:
        """Feeds whose address works."""
        return self.listed().filter(ended_at=None)


class MailQuerySet(OfStationQuerySet[Row]):
    """Emails. `message` is deferred: one that cannot be decrypted does not prevent reading the others."""

    def of(self, booking: Any) -> Self:
        return self.filter(booking=booking.pk).defer("message")

    def locked(self) -> Self:
        """Locked in key order, so that no two transactions deadlock."""
        return self.select_for_update(of=("self",)).order_by("pk").defer("message")

    def due(self, now: datetime) -> Self:
        """Emails that a worker may take, longest due first. The emails of a booking are sent one after the other."""
        on_its_way = self.model._default_manager.filter(booking=OuterRef("booking"), state=State.SENDING)
        return (
            self.filter(state__in=OPEN, due_at__lte=now)
            .exclude(Exists(on_its_way.exclude(pk=OuterRef("pk"))))
            .order_by("due_at", "pk")
            .defer("message")
        )

    def taken_by_one(self) -> Self:
        """Locked, skipping those that another worker has locked. SQLite has one writer at a time and nothing to skip."""
        skips = connection.features.has_select_for_update_skip_locked
        return self.select_for_update(of=("self",), skip_locked=True) if skips else self


class UndoStepQuerySet(models.QuerySet[Row]):
    def on_stack(self, stack: UUID, person: Person, since: datetime) -> Self:
        """The steps of one session of this person, oldest first."""
        return self.filter(stack=stack, user=person.pk, created_at__gt=since).order_by("id")

    def about(self, customer: Any) -> Self:
        """Steps that may hold the customer's data: of bookings that are theirs, or were at the time."""
        theirs = Q(booking__customer=customer) | Q(customer_before=customer.pk) | Q(customer_after=customer.pk)
        return self.filter(theirs)
