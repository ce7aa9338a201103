"""The viewsets of bookings and of the calendar."""

import hashlib
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from accounts import roles
from accounts.api.base import REVALIDATE
from accounts.audit.bulk_reads import PERSONAL_FIELDS, Read, ReadEvent
from bookings import services
from bookings.api.base import BaseBookingViewSet, reads_of, version_header
from bookings.api.filters import BookingFilter, BookingPagination
from bookings.api.serializers import (
    CreateBody,
    EditBody,
    ExportQuery,
    ListQuery,
    MonthQuery,
    RescheduleBody,
    StatusBody,
    WeekQuery,
)
from bookings.calendar import read_model, replica
from bookings.calendar.read_model import as_json
from bookings.importing import export as bulk_export
from bookings.models import Booking
from bookings.services.inputs import Draft, Place
from bookings.services.status_steps import next_steps
from core.api.browsable_actions import BrowsableAction
from core.api.negotiation import HTML, JsonRenderer, NdJsonRenderer, ndjson
from core.api.openapi import BODY_CODES, PLACE_CODES, listed, operation, paginated, single, streamed
from core.api.preconditions import if_match, is_known, seen_before
from core.api.responses import success
from stations.access import Counter, Person

MOVE: Final = {"date": "2031-03-08", "slot": "19:00"}
CREATE: Final = {
    "station": "kitchen",
    "date": "2031-03-07",
    "slot": "18:00",
    "party_adults": 2,
    "customer": {"name": "Ana García", "email": "ana@example.com", "phone": "+1 202-555-0143"},
}
EDIT: Final = {"party_adults": 3, "special_requests": "By the window"}
STATUS: Final = {"status": "arrived"}


class BookingViewSet(BaseBookingViewSet):
    """Bookings at the stations that you may see."""

    perms_map = {"POST": roles.CHANGE, "PATCH": roles.CHANGE}
    filter_backends = (BookingFilter,)
    pagination_class = BookingPagination
    stations: Sequence[Counter] = ()
    query: Mapping[str, Any] = {}

    @operation("listBookings", "List bookings", paginated("Booking"), query=ListQuery, failing=[404])
    def list(self, request: Request) -> Response:
        """Returns a page of bookings. Follow `next` and `previous` for the others."""
        self.stations, self.query = self.parse_query()
        rows: Any = self.paginate_queryset(self.filter_queryset(Booking.objects.all()))  # limited to visible stations
        self.reads = reads_of(request, self.stations, rows)
        return self.get_paginated_response([as_json(row) for row in rows])

    @operation(
        "createBooking",
        "Create a booking",
        single("OneBooking"),
        status=201,
        body=CreateBody,
        example=CREATE,
        failing=[404, 409],
        codes=(*PLACE_CODES, "past"),
    )
    def create(self, request: Request) -> Response:
        """Creates a booking in a slot that has not ended, if the slot has places left for the party."""
        booking = services.create(Draft(**self.parse_body()), by=request.user)
        url = self.reverse_action("detail", args=[booking.pk])
        return success(self.as_detail(booking), status=201, headers={"Location": url, **version_header(booking)})

    @operation("getBooking", "Retrieve a booking", single("OneBooking"), failing=[404], cached=True)
    def retrieve(self, request: Request, booking_id: str) -> Response:
        """Returns a booking, with the contact that came with it if that differs from the customer's on file."""
        booking = self.get_object()
        headers = {"ETag": _etag(booking, request.user)}
        if is_known(request, headers["ETag"]):
            return Response(status=304, headers=headers)
        if request.user.has_perm(roles.PII):
            self.reads = [
                Read(ReadEvent.BOOKINGS_READ, booking.station_id, PERSONAL_FIELDS, 1, booking.date, booking.date)
            ]
        return success(self.as_detail(booking), headers=headers)

    @operation(
        "editBooking",
        "Edit a booking",
        single("OneBooking"),
        body=EditBody,
        example=EDIT,
        failing=[404, 409],
        versioned=True,
        codes=(*BODY_CODES, "no_such_slot", "slot_closed", "slot_full"),
    )
    def partial_update(self, request: Request, booking_id: str) -> Response:
        """Changes the fields that you send. To change date and slot, or the status, use the operations for these."""
        changes = self.parse_body()
        booking = services.edit(self.object_id, changes, by=request.user, seen_version=if_match(request))
        return success(self.as_detail(booking), headers=version_header(booking))

    @operation(
        "changeBookingStatus",
        "Change the status of a booking",
        single("OneBooking"),
        body=StatusBody,
        example=STATUS,
        failing=[404],
        versioned=True,
        codes=(*BODY_CODES, "invalid_step", "too_early", "no_such_slot", "slot_closed", "slot_full"),
    )
    @action(detail=True, methods=["post"], url_path="status/", url_name="status")
    def change_status(self, request: Request, booking_id: str) -> Response:
        """Moves a booking to another status of the workflow."""
        to = self.parse_body()["status"]
        booking = services.change_status(self.object_id, to, by=request.user, seen_version=if_match(request))
        return success(self.as_detail(booking), headers=version_header(booking))

    @streamed("exportBookings", "Export bookings", "Booking", query=ExportQuery, failing=[404])
    @action(detail=False, perms_map={"GET": roles.EXPORT}, renderer_classes=(JsonRenderer, NdJsonRenderer))
    def export(self, request: Request) -> HttpResponseBase:
        """Streams all bookings of a range of dates as lines of JSON."""
        stations, query = self.parse_query()
        bookings = Booking.objects.filter(station__in=[station.pk for station in stations])
        bookings = bookings.between(query["date_from"], query["date_to"])
        rows = iter(()) if request.method == "HEAD" else bulk_export.rows_of(bookings, request.user)
        return StreamingHttpResponse(ndjson(as_json(row) for row in rows), content_type=NdJsonRenderer.media_type)

    def handle_exception(self, exc: Exception) -> Response:
        response = super().handle_exception(exc)
        if NdJsonRenderer in self.renderer_classes:  # errors are JSON even if NDJSON was requested
            response.content_type = JsonRenderer.media_type
        return response

    def get_browsable_actions(self, data: Any) -> Sequence[BrowsableAction]:
        """For a booking: move it, change its status to the next one, and edit it."""
        if not (self.detail and "patch" in self.action_map):
            return super().get_browsable_actions(data)
        if not data or not self.is_allowed("PATCH"):
            return []
        pk, version = data["booking_id"], f'"{data["version"]}"'
        [next_status, *_others] = next_steps(self.get_object(), now=timezone.now())
        move, status = reverse("api-calendar-detail", args=[pk]), reverse("api-booking-status", args=[pk])
        return [
            BrowsableAction("PATCH", move, {key: data[key] for key in MOVE}, gettext_lazy("Move"), version),
            BrowsableAction("POST", status, {"status": next_status}, gettext_lazy("Change the status"), version),
            BrowsableAction("PATCH", self.request.path, EDIT, gettext_lazy("Edit"), version),
        ]


class CalendarViewSet(BaseBookingViewSet):
    """The calendar: bookings of a range of days, and moves to another date and slot."""

    perms_map = {"POST": roles.CHANGE, "PATCH": roles.CHANGE}

    # Ranges of days are only read, so that a write to their URLs is a 405 for everyone who may read.
    @operation("getWeek", "List a week's bookings", listed("Booking"), query=WeekQuery, failing=[404], cached=True)
    @action(detail=False, perms_map={}, cache_control=REVALIDATE)
    def weekly(self, request: Request) -> Response:
        """Returns the bookings of 1 to 7 days, at one station or at all that you may see."""
        return self._days(WeekQuery.longest)

    @operation("getMonth", "List a month's bookings", listed("Booking"), query=MonthQuery, failing=[404], cached=True)
    @action(detail=False, perms_map={}, cache_control=REVALIDATE)
    def monthly(self, request: Request) -> Response:
        """Returns the bookings of 1 to 42 days, at one station or at all that you may see."""
        return self._days(MonthQuery.longest)

    def _days(self, longest: int) -> Response:
        """The bookings of the query's days. `longest` is part of the ETag, which thereby differs between the two ranges."""
        request, (stations, query) = self.request, self.parse_query()
        first, last, status = query["date_from"], query["date_to"], query.get("status")
        etag = read_model.etag(request.user, stations, longest, first, last, status)
        if request.accepted_media_type == HTML:
            etag = ""
        elif seen_before(request, etag):
            return Response(status=304, headers={"ETag": etag})
        read_rows = partial(read_model.rows_between, request.user, stations, first, last, status=status)
        rows = replica.read_from_replica(request.user, stations, read_rows)
        self.reads = reads_of(request, stations, rows)
        return success([as_json(row) for row in rows], headers={"ETag": etag} if etag else None)

    @operation(
        "rescheduleBooking",
        "Reschedule a booking",
        single("Moved"),
        body=RescheduleBody,
        example=MOVE,
        failing=[404, 409],
        versioned=True,
        codes=(*PLACE_CODES, "not_reschedulable", "past"),
    )
    def partial_update(self, request: Request, booking_id: str) -> Response:
        """Moves a booking to another date and slot, at its station or at another one that you may see."""
        to = Place(**self.parse_body())
        booking = services.reschedule(self.object_id, to=to, by=request.user, seen_version=if_match(request)).booking
        return success(_as_moved(booking), headers=version_header(booking))


def _etag(booking: Booking, person: Person) -> str:
    """The version, with a suffix if the same version can look different: without personal data, or after the customer was
    edited. `if_match` reads the version from either.
    """
    changed, private = booking.customer_updated_at, person.has_perm(roles.PII)  # type: ignore[attr-defined]
    later = changed.isoformat() if changed and changed > booking.updated_at else ""
    if private and not later:
        return f'"{booking.version}"'
    return f'"{booking.version}.{hashlib.sha256(f"{private}|{later}".encode()).hexdigest()[:12]}"'


def _as_moved(booking: Booking) -> dict[str, Any]:
    date, slot = booking.date.isoformat(), f"{booking.slot:%H:%M}"
    return {
        "booking_id": str(booking.pk),
        "date": date,
        "slot": slot,
        "station": booking.station.code,
        "status": booking.status,
        "version": booking.version,
        "message": _("The booking is now on %(date)s at %(slot)s.") % {"date": date, "slot": slot},
    }
