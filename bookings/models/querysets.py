"""The querysets of bookings, holds, feeds, emails and undo steps."""

from collections.abc import Callable, Collection, Sequence
from datetime import date, datetime
from functools import cache
from typing import Any, Self, TypeVar
from uuid import UUID

from django.db import connection, models
from django.db.models import Exists, F, OuterRef, Q

from bookings.models.mail_state import OPEN, UNDELIVERED, Kind, State
from bookings.models.status import HOLDING, RESCHEDULABLE, VISITING, Status
from core.db import sql
from core.db.row_adapter import RowAdapter
from stations.access import Person
from stations.querysets import OfStationQuerySet

Row = TypeVar("Row", bound=models.Model)


def is_visit(now: datetime) -> Q:
    """Whether a booking is over and counts as a visit; in memory `is_over` and `VISITING` say the same."""
    return (Q(ends_at__lte=now) | Q(status=Status.COMPLETED)) & Q(status__in=VISITING)


class BookingQuerySet(OfStationQuerySet[Row]):
    def between(self, first: date, last: date) -> Self:
        """On the station's local dates from `first` to `last`, both included."""
        return self.filter(date__range=(first, last))

    def on(self, day: date) -> Self:
        return self.filter(date=day)

    def holding(self) -> Self:
        """Bookings that take a place in each of their slots; in memory `Booking.places` says the same."""
        return self.filter(status__in=HOLDING, needs_place=False)

    def displaced(self) -> Self:
        """Unassigned bookings that can still be moved to another slot."""
        return self.filter(needs_place=True, status__in=RESCHEDULABLE)

    def ahead(self, now: datetime) -> Self:
        """Bookings that have not begun, which a change of the timetable may still affect."""
        return self.filter(starts_at__gt=now)

    def visits(self, now: datetime) -> Self:
        """Bookings that are over and count as a visit."""
        return self.filter(is_visit(now))

    def in_order(self) -> Self:
        """In the order of all calendars."""
        return self.order_by("date", "slot", "created_at", "id")

    def submit_one(self, booking_id: UUID) -> Callable[[], list[Row]]:
        """Send the query for one booking. Returns a function that waits for it: a list of one, or of none."""
        return sql.submit_rows(self.model, "t.id = %s", [booking_id])

    def station_of(self, booking_id: UUID) -> sql.Key:
        """The key of the station that the booking is at when the statement runs."""
        return sql.KeyLookup(self.model, "station", "id", booking_id)


class HoldQuerySet(OfStationQuerySet[Row]):
    def submit_parties(self, station: sql.Key, days: Collection[date]) -> Callable[[], Sequence[Sequence[Any]]]:
        """Send the query for the holds at a station on these dates and the size of their parties.

        Returns a function that waits for the rows: booking, date, slot, lane, adults, kids.
        """
        select, adapter = _select_parties(self.model)
        at_station, keys = sql.key_condition("h.station_id", station)
        on_days, dates = sql.in_clause("h.date", days)
        return sql.submit(f"{select} WHERE {at_station} AND {on_days}", [*keys, *dates], adapter)


@cache
def _select_parties(hold: type[models.Model]) -> tuple[str, RowAdapter]:
    booking: Any = hold._meta.get_field("booking").related_model
    fields = [
        *(hold._meta.get_field(name) for name in ("booking", "date", "slot", "lane")),
        *(booking._meta.get_field(name) for name in ("party_adults", "party_kids")),
    ]
    select = (
        f"SELECT h.booking_id, h.date, h.slot, h.lane, b.party_adults, b.party_kids FROM {hold._meta.db_table} h"  # noqa: S608
        f" JOIN {booking._meta.db_table} b ON b.id = h.booking_id"
    )
    return select, RowAdapter(fields)


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

    def submit_unsettled(self, booking_id: UUID) -> Callable[[], list[Row]]:
        """Send the query, with a lock, for the booking's emails, except reminders, that wait, are being sent or reached nobody.

        Returns a function that waits for them. The states are part of the text, which PostgreSQL then plans once.
        """
        states = ", ".join(f"'{state}'" for state in (*OPEN, *UNDELIVERED))
        wanted = f"t.booking_id = %s AND t.kind <> '{Kind.REMINDER}' AND t.state IN ({states})"
        lock = "FOR UPDATE OF t"
        return sql.submit_rows(self.model, wanted, [booking_id], order_by="t.id", lock=lock, defer=["message"])

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

    def make_room(self, stack: UUID, limit: int) -> None:
        """Delete the stack's undone steps, and the oldest of the others so that one more fits within the limit."""
        steps = self.model._meta.db_table
        newest = f"SELECT id FROM {steps} WHERE stack = %s AND NOT undone ORDER BY id DESC LIMIT 1 OFFSET {limit - 1}"  # noqa: S608
        sql.execute(f"DELETE FROM {steps} WHERE stack = %s AND (undone OR id <= ({newest}))", [stack, stack])  # noqa: S608

    def about(self, customer: Any) -> Self:
        """Steps that may hold the customer's data: of bookings that are theirs, or were at the time."""
        theirs = Q(booking__customer=customer) | Q(customer_before=customer.pk) | Q(customer_after=customer.pk)
        return self.filter(theirs)
