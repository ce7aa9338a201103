"""What the domain asks of bookings and holds."""

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
        """Those that wait for another place, for as long as they can be given one."""
        return self.filter(needs_place=True, status__in=RESCHEDULABLE)

    def ahead(self, now: datetime) -> Self:
        """Those that have not begun: what a change of the timetable may still touch."""
        return self.filter(starts_at__gt=now)

    def in_order(self) -> Self:
        """As every calendar lists them."""
        return self.order_by("date", "slot", "created_at", "id")


class HoldQuerySet(OfStationQuerySet[Row]):
    """Holds; the ledger asks for them by station, date and slot."""


class FeedQuerySet(models.QuerySet[Row]):
    def visible_to(self, person: Person) -> Self:
        """A feed is its own person's alone, whoever else has its station; they also see those that ended with a restore."""
        return self.listed().filter(user=person.pk) if person.is_active else self.none()

    def listed(self) -> Self:
        """Without those that ended with everything else of their person's."""
        return self.filter(epoch=F("user__epoch"))

    def current(self) -> Self:
        """Those whose address is in use."""
        return self.listed().filter(ended_at=None)


class MailQuerySet(OfStationQuerySet[Row]):
    """What a mail says is read one at a time, where it is asked for: one that cannot be read stands in no other's way."""

    def of(self, booking: Any) -> Self:
        return self.filter(booking=booking.pk).defer("message")

    def locked(self) -> Self:
        """Locked in the order of their keys, whoever asks: no two wait for each other."""
        return self.select_for_update(of=("self",)).order_by("pk").defer("message")

    def due(self, now: datetime) -> Self:
        """What a worker may take, longest due first. A booking's mails go one after the other."""
        on_its_way = self.model._default_manager.filter(booking=OuterRef("booking"), state=State.SENDING)
        return (
            self.filter(state__in=OPEN, due_at__lte=now)
            .exclude(Exists(on_its_way.exclude(pk=OuterRef("pk"))))
            .order_by("due_at", "pk")
            .defer("message")
        )

    def taken_by_one(self) -> Self:
        """Locked, past those that another worker has in hand. SQLite has one writer at a time, and nothing to skip."""
        skips = connection.features.has_select_for_update_skip_locked
        return self.select_for_update(of=("self",), skip_locked=True) if skips else self


class UndoStepQuerySet(models.QuerySet[Row]):
    def on_stack(self, stack: UUID, person: Person, since: datetime) -> Self:
        """The steps of one session, oldest first. Another person's are never found, whatever stack is named."""
        return self.filter(stack=stack, user=person.pk, created_at__gt=since).order_by("id")

    def about(self, customer: Any) -> Self:
        """Those that may hold the customer's data: of their bookings, and of bookings that were theirs at the time."""
        theirs = Q(booking__customer=customer) | Q(customer_before=customer.pk) | Q(customer_after=customer.pk)
        return self.filter(theirs)
