"""What the domain asks of bookings and holds."""

from datetime import date, datetime
from typing import Self, TypeVar

from django.db import models

from bookings.workflow import Status
from stations.querysets import OfStationQuerySet, Person

Row = TypeVar("Row", bound=models.Model)


class BookingQuerySet(OfStationQuerySet[Row]):
    def between(self, first: date, last: date) -> Self:
        """On the station's local dates from `first` to `last`, both included."""
        return self.filter(date__range=(first, last))

    def on(self, day: date) -> Self:
        return self.filter(date=day)

    def holding(self) -> Self:
        """Those that take places: every status but cancelled, unless they were displaced."""
        return self.exclude(status=Status.CANCELLED).filter(needs_place=False)

    def displaced(self) -> Self:
        return self.filter(needs_place=True)

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
        """A feed is its own person's alone, whoever else has its station."""
        return self.filter(user=person.pk) if person.is_active else self.none()
