"""What the booking endpoints share: stations named in a request, bodies of changes, bookings as JSON, and audited reads."""

from collections import Counter as Counts
from collections.abc import Sequence
from operator import attrgetter
from typing import Any

from django.db.models import F
from rest_framework.exceptions import ParseError, ValidationError
from rest_framework.request import Request

from accounts import roles
from accounts.api.base import ApiViewSet
from accounts.audit.bulk_reads import PERSONAL_FIELDS, Read, ReadEvent
from bookings.api.serializers import ContactBody
from bookings.calendar import read_model
from bookings.calendar.read_model import Row, as_json
from bookings.errors import Duplicate, Stale
from bookings.models import Booking
from bookings.services import contacts
from core.api.preconditions import if_match
from core.errors import DomainError, NotFound
from core.log_context import note_station
from stations.access import Counter
from stations.models import Station


class BaseBookingViewSet(ApiViewSet):
    lookup_url_kwarg = "booking_id"

    def get_queryset(self) -> Any:
        visible = Booking.objects.visible_to(self.request.user)
        return visible.select_related("station", "customer").annotate(customer_updated_at=F("customer__updated_at"))

    def parse_query(self) -> tuple[Sequence[Counter], dict[str, Any]]:
        """Return the stations that the query names, or all that the caller may see, and the validated query.

        Raises NotFound for a station that the caller may not see, even if another parameter is invalid.
        """
        try:
            query = self.get_serializer_class().parse_query(self.request.query_params)
        except ValidationError as error:
            for code in self.request.query_params.getlist("station"):
                require_visible(self.request, code, error)
            raise
        codes = query.get("station", [])
        return visible_stations(self.request, *([codes] if isinstance(codes, str) else codes)), query

    def parse_body(self) -> dict[str, Any]:
        """Return the validated body.

        Raises NotFound for a booking or a station that the caller may not see, even if the body or If-Match is invalid.
        """
        serializer_class, is_detail = self.get_serializer_class(), self.lookup_url_kwarg in self.kwargs
        body: Any = {}
        try:
            body = self.request.data
            if is_detail:
                if_match(self.request)
            return serializer_class.parse(body)
        except (ValidationError, ParseError) as error:
            if is_detail:
                self.get_object()
            if "station" in serializer_class().fields:
                require_visible(self.request, body.get("station"), error)
            raise

    def as_row(self, booking: Booking) -> dict[str, Any]:
        return as_json(read_model.row_of(self.request.user, booking))

    def as_detail(self, booking: Booking) -> dict[str, Any]:
        """The row, with the contact proposal if there is one and the caller may see personal data."""
        proposal = contacts.pending(booking) if self.request.user.has_perm(roles.PII) else None
        contact = {"contact_proposal": {"email": proposal.email, "phone": proposal.phone}} if proposal else {}
        return self.as_row(booking) | contact

    def api_field_name(self, field: str) -> str:
        return f"customer.{field}" if field in ContactBody().fields else field

    def error_data(self, error: DomainError) -> Any:
        if isinstance(error, Stale):
            booking, last = error.data
            changed = {"changed_by": last.who, "changed_at": last.when.isoformat(), "change": last.what} if last else {}
            return self.as_row(booking) | changed
        if isinstance(error, Duplicate) and error.data:
            return {"booking_id": str(error.data)}
        return None


def visible_stations(request: Request, *codes: str) -> Sequence[Counter]:
    """The stations of some codes, or all that the caller may see. Raises NotFound for one that they may not see."""
    found = Station.objects.counters(request.user, codes[0] if len(codes) == 1 else "")
    if len(codes) > 1:
        found = [station for station in found if station.code in codes]
    if len(found) < len(set(codes)):
        raise NotFound
    if len(found) == 1:
        note_station(found[0].pk)
    return found


def require_visible(request: Request, code: Any, error: ValidationError | ParseError) -> None:
    """Raise NotFound if `code` names a station that the caller may not see and is not itself what `error` is about."""
    if isinstance(code, str) and code and "station" not in error.detail:
        visible_stations(request, code)


def version_header(booking: Booking) -> dict[str, str]:
    """The ETag that If-Match takes."""
    return {"ETag": f'"{booking.version}"'}


def reads_of(request: Request, stations: Sequence[Counter], rows: Sequence[Row]) -> list[Read]:
    """The audit entries of rows with personal data, one for each station; none if the caller may not see such data."""
    if not rows or not request.user.has_perm(roles.PII):
        return []
    dates = [row.date for row in rows]
    first, last = min(dates), max(dates)
    counts = {rows[0].station: len(rows)} if len(stations) == 1 else Counts(map(attrgetter("station"), rows))
    return [
        Read(ReadEvent.BOOKINGS_READ, station.pk, PERSONAL_FIELDS, counts[station.code], first, last)
        for station in stations
        if station.code in counts
    ]
