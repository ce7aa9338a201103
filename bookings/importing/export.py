"""Exports bookings as CSV, with the fields that an import reads."""

import csv
from collections.abc import Iterator, Sequence
from datetime import date
from itertools import chain
from typing import Any, Final

from django.db.models import Count, Max, Min
from django.utils.translation import gettext as _

from accounts import roles
from accounts.audit import bulk_reads, origin
from accounts.audit.bulk_reads import Read, ReadEvent
from accounts.customers import shown
from bookings.calendar import read_model
from bookings.calendar.read_model import Row
from bookings.importing import csv_injection
from bookings.importing.fields import FIELDS
from bookings.models import Booking
from bookings.models.querysets import BookingQuerySet
from core.errors import NotFound
from stations.access import Person
from stations.models import Station

BATCH_SIZE: Final = 500


def export_lines(
    person: Person,
    *,
    stations: Sequence[str] = (),
    first: date | None = None,
    last: date | None = None,
) -> Iterator[str]:
    """CSV lines, header first, of bookings that are visible to the person; personal data only if they may see it.

    `stations` are codes, and default to all stations of the person; `first` and `last` are local dates, both included. Raises
    NotPermitted, or NotFound for a station that is not visible to the person, before the first line.
    """
    roles.require(person, roles.EXPORT)
    visible = Station.objects.visible_to(person)
    if stations and visible.filter(code__in=stations).count() < len(set(stations)):
        raise NotFound(_("Unknown station."))
    bookings = Booking.objects.visible_to(person).between(first or date.min, last or date.max)
    if stations:
        bookings = bookings.filter(station__code__in=stations)
    return lines_of(bookings, person)


def lines_of(bookings: "BookingQuerySet[Booking]", person: Person) -> Iterator[str]:
    """CSV lines of these bookings, which are visible to the person. The export is recorded in the audit log first.

    Raises NotPermitted.
    """
    roles.require(person, roles.EXPORT)
    bulk_reads.record(_reads(bookings, person))
    found = bookings.in_order().select_related("station", "customer").iterator(chunk_size=BATCH_SIZE)
    return csv_lines(FIELDS, (_cells(booking, person) for booking in found))


def rows_of(bookings: "BookingQuerySet[Booking]", person: Person) -> Iterator[Row]:
    """The same bookings as rows, one after the other and in little memory; recorded likewise. Raises NotPermitted."""
    roles.require(person, roles.EXPORT)
    bulk_reads.record(_reads(bookings, person))
    return read_model.stream_rows(bookings.in_order(), personal=person.has_perm(roles.PII))


def _reads(bookings: "BookingQuerySet[Booking]", person: Person) -> Iterator[Read]:
    """What is read, for each station."""
    fields = bulk_reads.PERSONAL_FIELDS if person.has_perm(roles.PII) else ()
    counts = bookings.order_by().values_list("station").annotate(Count("pk"), Min("date"), Max("date"))
    for station_id, count, first, last in counts:
        yield Read(
            ReadEvent.BOOKINGS_EXPORTED, station_id, fields, count, first, last, context=origin.entry_fields(person)
        )


def csv_lines(header: Sequence[str], rows: Iterator[list[str]]) -> Iterator[str]:
    """CSV lines of these rows, with formulas escaped."""
    line = _Line()
    writer = csv.writer(line)
    for row in chain([header], rows):
        writer.writerow(map(csv_injection.escape, row))
        yield line.text


class _Line:
    """A file that keeps the text that was last written to it."""

    text = ""

    def write(self, text: str) -> None:
        self.text = text


def _cells(booking: Booking, person: Person) -> list[str]:
    customer = shown(booking.customer, person) if booking.customer else None
    special_requests = booking.special_requests if person.has_perm(roles.PII) else None
    values: dict[str, Any] = {
        "station": booking.station.code,
        "date": booking.date.isoformat(),
        "slot": f"{booking.slot:%H:%M}",
        "customer_name": customer.name if customer else "",
        "customer_email": customer.email if customer else "",
        "customer_phone": customer.phone if customer else "",
        "special_requests": special_requests or "",
    }
    return [str(values[name] if name in values else getattr(booking, name)) for name in FIELDS]
