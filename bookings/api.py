"""Bookings for integrators: words of the outside in, one call of a service, words of the outside out."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404
from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.exceptions import ParseError, ValidationError
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import roles
from accounts.customers import Contact
from bookings import calendar, services
from bookings.calendar import as_json
from bookings.errors import Duplicate, Stale
from bookings.models import MAX_CENTS, MAX_SLOTS, Booking
from bookings.services import Draft, Place
from bookings.workflow import NEW, Status
from config.api import ApiView, StrictSerializer, if_match, success
from config.fields import DateField, NumberField, SlotField, TextField
from config.openapi import documented, listed, paged, whole
from stations.errors import DomainError
from stations.models import MAX_PLACES, Station

WEEK, MONTH = 7, 42
PAGE = 100

EXAMPLES: Final[dict[str, dict[str, Any]]] = {
    "move": {"date": "2027-03-06", "slot": "19:00"},
    "create": {
        "station": "kitchen",
        "date": "2027-03-05",
        "slot": "18:00",
        "party_adults": 2,
        "customer": {"name": "Ana García", "email": "ana@example.com", "phone": "+1 202-555-0143"},
    },
    "edit": {"party_adults": 3, "special_requests": "By the window"},
    "step": {"status": "arrived"},
}


class CalendarQuery(StrictSerializer):
    date_from = DateField()
    date_to = DateField()
    status = serializers.ChoiceField(Status.choices, required=False)
    station = TextField(required=False, max_length=64)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        days = (attrs["date_to"] - attrs["date_from"]).days + 1
        longest = self.context["longest"]
        if not 1 <= days <= longest:
            sentence = _("The range is 1 to %(days)d days, both ends included.") % {"days": longest}
            raise serializers.ValidationError({"date_to": [sentence]}, code="invalid_range")
        return attrs


class RescheduleBody(StrictSerializer):
    date = DateField()
    slot = SlotField()
    station = TextField(required=False, max_length=64)


class StatusBody(StrictSerializer):
    status = serializers.ChoiceField(Status.choices)


class ContactBody(StrictSerializer):
    name = TextField(max_length=200)
    email = TextField(required=False, allow_blank=True, max_length=254)
    phone = TextField(required=False, allow_blank=True, max_length=40)


class EditBody(StrictSerializer):
    """What may be changed in a booking; every field may be left out."""

    slots = NumberField(required=False, min_value=1, max_value=MAX_SLOTS)
    party_adults = NumberField(required=False, min_value=0, max_value=MAX_PLACES)
    party_kids = NumberField(required=False, min_value=0, max_value=MAX_PLACES)
    special_requests = TextField(required=False, allow_null=True, allow_blank=True, max_length=2000, lines=True)
    total_due_cents = NumberField(required=False, min_value=0, max_value=MAX_CENTS)
    deposit_due_cents = NumberField(required=False, min_value=0, max_value=MAX_CENTS)
    source = TextField(required=False, allow_blank=True, max_length=50)
    external_ref = TextField(required=False, allow_blank=True, max_length=100)
    customer = ContactBody(required=False, allow_null=True)
    customer_id = serializers.UUIDField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "customer" in attrs and "customer_id" in attrs:
            sentence = _("Give either a customer or a customer_id.")
            raise serializers.ValidationError({"customer_id": [sentence]}, code="invalid")
        if attrs.get("customer"):
            attrs["customer"] = Contact(**attrs["customer"])
        return attrs


class CreateBody(EditBody):
    """A new booking."""

    station = TextField(max_length=64)
    date = DateField()
    slot = SlotField()
    party_adults = NumberField(min_value=0, max_value=MAX_PLACES)
    status = serializers.ChoiceField([(one.value, one.label) for one in NEW], required=False)


class ListQuery(StrictSerializer):
    station = TextField(required=False, max_length=64)
    status = serializers.ChoiceField(Status.choices, required=False)
    date_from = DateField(required=False)
    date_to = DateField(required=False)
    customer = serializers.UUIDField(required=False)
    external_ref = TextField(required=False, max_length=100)
    cursor = serializers.CharField(required=False)


class BookingView(ApiView):
    """What every booking address shares: who may write, and what a refusal lets its caller see."""

    rights = {"POST": roles.CHANGE, "PATCH": roles.CHANGE}

    def row(self, booking: Booking) -> dict[str, Any]:
        return as_json(calendar.row(self.request.user, booking))

    def body(self, shape: type[StrictSerializer], booking_id: str) -> dict[str, Any]:
        """What was sent; to somebody who may not see the booking, a malformed body is as little found as a good one."""
        try:
            return shape.parse(self.request.data)
        except (ValidationError, ParseError):
            if not Booking.objects.visible_to(self.request.user).filter(pk=known_id(booking_id)).exists():
                raise Http404 from None
            raise

    def data_of(self, error: DomainError) -> Any:
        if isinstance(error, Stale):
            booking, last = error.data
            changed = {"changed_by": last.who, "changed_at": last.when.isoformat(), "change": last.what} if last else {}
            return self.row(booking) | changed
        if isinstance(error, Duplicate) and error.data:
            return {"booking_id": str(error.data)}
        return None


class Calendar(ApiView):
    """The bookings of a range of days, at one station or at all that the caller may see."""

    longest = WEEK

    @documented("Bookings of a range of days", listed("Booking"), query=CalendarQuery, failing=[404], cached=True)
    def get(self, request: Request) -> Response:
        stations = visible_stations(request)
        query = CalendarQuery.parse(request.query_params, context={"longest": self.longest})
        first, last, status = query["date_from"], query["date_to"], query.get("status")
        tag = calendar.etag(request.user, stations, self.longest, first, last, status, request.accepted_media_type)
        headers = {"ETag": tag, "Cache-Control": "private, no-cache", "Vary": "Authorization"}
        if request.headers.get("If-None-Match") == tag:
            return Response(status=304, headers=headers)
        rows = calendar.rows(request.user, stations, first, last, status=status)
        return success([as_json(row) for row in rows], headers=headers)


class Weekly(Calendar):
    """1 to 7 days."""


class Monthly(Calendar):
    """1 to 42 days."""

    longest = MONTH


class Reschedule(BookingView):
    """Move a booking to another date and slot, at its station or at another of the caller's."""

    examples = {"PATCH": EXAMPLES["move"]}

    @documented(
        "Reschedule",
        whole("Moved"),
        body=RescheduleBody,
        example=EXAMPLES["move"],
        failing=[404, 409, 412],
        versioned=True,
    )
    def patch(self, request: Request, booking_id: str) -> Response:
        wanted = self.body(RescheduleBody, booking_id)
        booking = services.reschedule(
            known_id(booking_id), to=Place(**wanted), by=request.user, seen_version=if_match(request)
        )
        return success(
            {
                "booking_id": str(booking.pk),
                "date": booking.date.isoformat(),
                "slot": f"{booking.slot:%H:%M}",
                "station": booking.station.code,
                "status": booking.status,
                "version": booking.version,
                "message": _("The booking stands at its new place."),
            },
            headers=version_header(booking),
        )


class BookingPages(CursorPagination):
    """Latest first; the addresses of the pages before and after stand in the envelope."""

    page_size = PAGE
    ordering = ("-created_at", "-id")
    cursor_query_param = "cursor"


class Bookings(BookingView):
    """Bookings as a paged list, latest first, and the making of a new one."""

    examples = {"POST": EXAMPLES["create"]}

    @documented("Bookings, latest first", paged("Booking"), query=ListQuery, failing=[404])
    def get(self, request: Request) -> Response:
        stations = visible_stations(request)
        found = _found(stations, ListQuery.parse(request.query_params))
        pages = BookingPages()
        page = pages.paginate_queryset(found, request, self) or []
        order = {booking.pk: index for index, booking in enumerate(page)}
        rows = calendar.read(request.user, Booking.objects.filter(pk__in=order))
        rows.sort(key=lambda row: order[row.booking_id])
        return success([as_json(row) for row in rows], next=pages.get_next_link(), previous=pages.get_previous_link())

    @documented(
        "New booking",
        whole("Booking"),
        status=201,
        body=CreateBody,
        example=EXAMPLES["create"],
        failing=[404, 409],
    )
    def post(self, request: Request) -> Response:
        wanted = CreateBody.parse(request.data)
        if "status" in wanted:
            wanted["status"] = Status(wanted["status"])
        booking = services.create(Draft(**wanted), by=request.user)
        address = request.build_absolute_uri(f"/api/bookings/{booking.pk}/")
        return success(self.row(booking), status=201, headers={"Location": address, **version_header(booking)})


class OneBooking(BookingView):
    """A booking, read and edited; its place and its status have addresses of their own."""

    examples = {"PATCH": EXAMPLES["edit"]}

    @documented("One booking", whole("Booking"), failing=[404])
    def get(self, request: Request, booking_id: str) -> Response:
        booking = Booking.objects.visible_to(request.user).filter(pk=known_id(booking_id)).first()
        if booking is None:
            raise Http404
        return success(self.row(booking), headers=version_header(booking))

    @documented(
        "Edit",
        whole("Booking"),
        body=EditBody,
        example=EXAMPLES["edit"],
        failing=[404, 409, 412],
        versioned=True,
    )
    def patch(self, request: Request, booking_id: str) -> Response:
        changes = self.body(EditBody, booking_id)
        booking = services.edit(known_id(booking_id), changes, by=request.user, seen_version=if_match(request))
        return success(self.row(booking), headers=version_header(booking))


class BookingStatus(BookingView):
    """One step of a booking through its life."""

    examples = {"POST": EXAMPLES["step"]}

    @documented(
        "Step",
        whole("Booking"),
        body=StatusBody,
        example=EXAMPLES["step"],
        failing=[404, 412],
        versioned=True,
    )
    def post(self, request: Request, booking_id: str) -> Response:
        wanted = Status(self.body(StatusBody, booking_id)["status"])
        booking = services.change_status(known_id(booking_id), wanted, by=request.user, seen_version=if_match(request))
        return success(self.row(booking), headers=version_header(booking))


def known_id(text: str) -> UUID:
    """An address's id; one that is none is simply not found."""
    try:
        return UUID(text)
    except ValueError:
        raise Http404 from None


def version_header(booking: Booking) -> dict[str, str]:
    """The version to send back as If-Match."""
    return {"ETag": f'"{booking.version}"'}


def visible_stations(request: Request) -> Sequence[Station]:
    """The caller's stations, or the one they ask for by its code; one that they may not see is not found."""
    stations = Station.objects.visible_to(request.user)
    if "station" not in request.query_params:
        return list(stations)
    found = list(stations.filter(code=request.query_params["station"]))
    if not found:
        raise Http404
    return found


def _found(stations: Sequence[Station], query: Mapping[str, Any]) -> QuerySet[Booking]:
    found = Booking.objects.filter(station__in=stations)
    found = found.between(query.get("date_from", date.min), query.get("date_to", date.max))
    same = {name: query[name] for name in ("status", "customer", "external_ref") if name in query}
    return found.filter(**same).only("pk", "created_at")
