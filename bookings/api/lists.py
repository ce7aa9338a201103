"""What the API's lists of bookings share: their queries, their stations, the audit log's count; and the export."""

from collections import Counter as Counts
from collections.abc import Mapping, Sequence
from datetime import date
from operator import attrgetter
from typing import Any, Final

from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.exceptions import ParseError, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import roles
from accounts.api.base import ApiView
from accounts.audit.bulk_reads import PERSONAL, Read, ReadEvent
from bookings.calendar import pagination, settled
from bookings.calendar.pagination import Sort
from bookings.calendar.read_model import Row, as_json
from bookings.importing import export
from bookings.models import Booking
from bookings.models.querysets import BookingQuerySet
from bookings.models.status import Status
from core.api.fields import (
    DateField,
    IdField,
    InstantField,
    QueryFlagField,
    QueryNumberField,
    RepeatedField,
    TextField,
    WordField,
)
from core.api.negotiation import JsonRenderer, NdJsonRenderer, ndjson
from core.api.openapi import streamed
from core.api.serializers import StrictSerializer
from core.errors import NotFound
from core.log_context import note_station
from stations.access import Counter
from stations.models import Station

MAX_STATIONS: Final = 100
MAX_IDS: Final = 100


class DatesQuery(StrictSerializer):
    """Bookings of some stations between two dates, both included."""

    station = RepeatedField(TextField(max_length=64), required=False, max_length=MAX_STATIONS)
    date_from = DateField(required=False)
    date_to = DateField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs.get("date_from", date.min) > attrs.get("date_to", date.max):
            sentence = _("The range ends before it begins.")
            raise serializers.ValidationError({"date_to": [sentence]}, code="invalid_range")
        return attrs


class ListQuery(DatesQuery):
    status = RepeatedField(WordField(Status), required=False)
    customer = IdField(required=False)
    external_ref = TextField(required=False, max_length=100)
    ids = RepeatedField(IdField(), commas=True, required=False, max_length=MAX_IDS)
    source = TextField(required=False, max_length=50)  # type: ignore[assignment]
    needs_place = QueryFlagField(required=False)
    updated_since = InstantField(required=False)
    sort = WordField(Sort, required=False)
    limit = QueryNumberField(required=False, min_value=1, max_value=pagination.LONGEST_PAGE)
    cursor = TextField(required=False, max_length=300)


class ExportQuery(DatesQuery):
    date_from = DateField()
    date_to = DateField()


class Export(ApiView):
    """All bookings of a range of days as one stream of JSON, one to a line."""

    query = ExportQuery
    rights = {"GET": roles.EXPORT}
    renderer_classes = (JsonRenderer, NdJsonRenderer)

    def handle_exception(self, exc: Exception) -> Response:
        response = super().handle_exception(exc)
        response.content_type = JsonRenderer.media_type  # whatever was asked for
        return response

    @streamed("Bookings of a range of days, one a line", "Booking", query=ExportQuery, failing=[404])
    def get(self, request: Request) -> HttpResponseBase:
        stations, wanted = parse_query(request, ExportQuery)
        bookings = Booking.objects.filter(station__in=[station.pk for station in stations])
        bookings = bookings.between(wanted["date_from"], wanted["date_to"])
        rows = iter(()) if request.method == "HEAD" else export.rows_of(bookings, request.user)
        return StreamingHttpResponse(ndjson(as_json(row) for row in rows), content_type=NdJsonRenderer.media_type)


def parse_query(request: Request, shape: type[StrictSerializer]) -> tuple[Sequence[Counter], dict[str, Any]]:
    """The stations that a query is about, and the query; a station that is not found comes before what is malformed."""
    try:
        wanted = shape.parse_query(request.query_params)
    except ValidationError as error:
        for code in request.query_params.getlist("station"):
            look_for_station(request, code, error)
        raise
    codes = wanted.get("station", [])
    return visible_stations(request, *([codes] if isinstance(codes, str) else codes)), wanted


def look_for_station(request: Request, code: Any, error: ValidationError | ParseError) -> None:
    """Raises NotFound for a station that was named, is itself no fault, and that the caller may not see."""
    if isinstance(code, str) and code and "station" not in error.detail:
        visible_stations(request, code)


def visible_stations(request: Request, *codes: str) -> Sequence[Counter]:
    """Those of some codes, or all of the caller's without any. Raises NotFound for one that they may not see."""
    found = Station.objects.counters(request.user, codes[0] if len(codes) == 1 else "")
    if len(codes) > 1:
        found = [station for station in found if station.code in codes]
    if len(found) < len(set(codes)):
        raise NotFound
    if len(found) == 1:
        note_station(found[0].pk)
    return found


def reads_of(request: Request, stations: Sequence[Counter], rows: Sequence[Row]) -> list[Read]:
    """How many bookings of each station the caller is told of, with personal data."""
    if not rows or not request.user.has_perm(roles.PII):
        return []
    dates = [row.date for row in rows]
    first, last = min(dates), max(dates)
    counts = {rows[0].station: len(rows)} if len(stations) == 1 else Counts(map(attrgetter("station"), rows))
    return [
        Read(ReadEvent.BOOKINGS_READ, station.pk, PERSONAL, counts[station.code], first, last)
        for station in stations
        if station.code in counts
    ]


FILTERS: Final = {
    "status": "status__in",
    "ids": "pk__in",
    "customer": "customer",
    "external_ref": "external_ref",
    "source": "source",
    "needs_place": "needs_place",
    "updated_since": "updated_at__gte",
}
"""What a list's parameters ask of bookings."""


def chosen(stations: Sequence[Counter], wanted: Mapping[str, Any], sort: Sort) -> "BookingQuerySet[Booking]":
    found = Booking.objects.filter(station__in=[station.pk for station in stations])
    if "date_from" in wanted or "date_to" in wanted:
        found = found.between(wanted.get("date_from", date.min), wanted.get("date_to", date.max))
    found = found.filter(**{column: wanted[name] for name, column in FILTERS.items() if name in wanted})
    by_change = sort == Sort.UPDATED or "updated_since" in wanted
    until = settled.settled_until() if by_change else None
    return found.filter(updated_at__lte=until) if until else found


def page_address(request: Request, cursor: str | None) -> str | None:
    """This page's address with another cursor."""
    if cursor is None:
        return None
    query = request.query_params.copy()
    query["cursor"] = cursor
    return str(request.build_absolute_uri(f"{request.path}?{query.urlencode()}"))
