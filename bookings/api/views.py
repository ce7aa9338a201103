"""Bookings for integrators: words of the outside in, one call of a service, words of the outside out."""

import hashlib
from functools import partial
from typing import Any, Final
from uuid import UUID

from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework import serializers
from rest_framework.exceptions import ParseError, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from accounts import roles
from accounts.api.base import ApiView
from accounts.audit.bulk_reads import PERSONAL, Read, ReadEvent
from accounts.customers import Contact
from bookings import services
from bookings.api.lists import ListQuery, chosen, look_for_station, page_address, parse_query, reads_of
from bookings.calendar import pagination, read_model, replica
from bookings.calendar.pagination import Sort
from bookings.calendar.read_model import as_json
from bookings.errors import Duplicate, Stale
from bookings.models import MAX_CENTS, MAX_SLOTS, Booking
from bookings.models.status import NEW, Status
from bookings.services import contacts
from bookings.services.inputs import Draft, Place
from bookings.services.status_steps import next_steps
from core.api.browsable_actions import Door
from core.api.fields import (
    DateField,
    IdField,
    NumberField,
    SlotField,
    TextField,
    WordField,
    known_uuid,
)
from core.api.negotiation import HTML
from core.api.openapi import BODY, PLACE, documented, listed, paged, whole
from core.api.preconditions import if_match, is_known, seen_before
from core.api.queries import DaysQuery
from core.api.responses import success
from core.api.serializers import StrictSerializer
from core.errors import DomainError, NotFound
from core.log_context import note_station
from stations.access import Person
from stations.models import MAX_PLACES

MOVE: Final = {"date": "2031-03-08", "slot": "19:00"}
CREATE: Final = {
    "station": "kitchen",
    "date": "2031-03-07",
    "slot": "18:00",
    "party_adults": 2,
    "customer": {"name": "Ana García", "email": "ana@example.com", "phone": "+1 202-555-0143"},
}
EDIT: Final = {"party_adults": 3, "special_requests": "By the window"}
STEP: Final = {"status": "arrived"}


class WeekQuery(DaysQuery):
    longest = 7

    status = WordField(Status, required=False)
    station = TextField(required=False, max_length=64)


class MonthQuery(WeekQuery):
    longest = 42


class RescheduleBody(StrictSerializer):
    date = DateField()
    slot = SlotField()
    station = TextField(required=False, max_length=64)


class StatusBody(StrictSerializer):
    status = WordField(Status)


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
    source = TextField(required=False, allow_blank=True, max_length=50)  # type: ignore[assignment]
    external_ref = TextField(required=False, allow_blank=True, max_length=100)
    customer = ContactBody(required=False, allow_null=True)
    customer_id = IdField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "customer" in attrs and "customer_id" in attrs:
            raise serializers.ValidationError({"customer_id": [_("Give either a customer or a customer_id.")]})
        if attrs.get("customer"):
            attrs["customer"] = Contact(**attrs["customer"])
        return attrs


class CreateBody(EditBody):
    """A new booking."""

    station = TextField(max_length=64)
    date = DateField()
    slot = SlotField()
    party_adults = NumberField(min_value=0, max_value=MAX_PLACES)
    status = WordField(NEW, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        attrs = super().validate(attrs)
        return attrs | ({"status": Status(attrs["status"])} if "status" in attrs else {})


class BookingView(ApiView):
    """What every booking address shares: who may write, and what a refusal lets its caller see."""

    rights = {"POST": roles.CHANGE, "PATCH": roles.CHANGE}

    def row(self, booking: Booking) -> dict[str, Any]:
        return as_json(read_model.row(self.request.user, booking))

    def whole(self, booking: Booking) -> dict[str, Any]:
        """The row; with the contact that came with the booking where that is not on file for its customer."""
        given = contacts.pending(booking) if self.request.user.has_perm(roles.PII) else None
        more = {"contact_proposal": {"email": given.email, "phone": given.phone}} if given else {}
        return self.row(booking) | more

    def find(self, booking_id: str) -> Booking:
        """Raises NotFound for what the caller may not see."""
        visible = Booking.objects.visible_to(self.request.user).filter(pk=known_id(booking_id))
        booking = visible.annotate(customer_updated_at=F("customer__updated_at")).first()
        if booking is None:
            raise NotFound
        note_station(booking.station_id)
        return booking

    def wanted(self, shape: type[StrictSerializer], booking_id: str | None = None) -> dict[str, Any]:
        """What was sent. Malformed or not, a booking or a station that the caller may not see is not found."""
        sent: Any = {}
        try:
            sent = self.request.data
            if booking_id:
                if_match(self.request)
            return shape.parse(sent)
        except (ValidationError, ParseError) as error:
            if booking_id:
                self.find(booking_id)
            if "station" in shape().fields:
                look_for_station(self.request, sent.get("station"), error)
            raise

    def name_of(self, field: str) -> str:
        return f"customer.{field}" if field in ContactBody().fields else field

    def data_of(self, error: DomainError) -> Any:
        if isinstance(error, Stale):
            booking, last = error.data
            changed = {"changed_by": last.who, "changed_at": last.when.isoformat(), "change": last.what} if last else {}
            return self.row(booking) | changed
        if isinstance(error, Duplicate) and error.data:
            return {"booking_id": str(error.data)}
        return None


class Weekly(ApiView):
    """The bookings of 1 to 7 days, at one station or at all that you may see."""

    query: type[WeekQuery] = WeekQuery
    cache = "private, no-cache"

    @documented("Bookings of a range of days", listed("Booking"), query=WeekQuery, failing=[404], cached=True)
    def get(self, request: Request) -> Response:
        stations, wanted = parse_query(request, self.query)
        first, last, status = wanted["date_from"], wanted["date_to"], wanted.get("status")
        tag = read_model.etag(request.user, stations, self.query.longest, first, last, status)
        if request.accepted_media_type == HTML:
            tag = ""
        elif seen_before(request, tag):
            return Response(status=304, headers={"ETag": tag})
        ask = partial(read_model.rows, request.user, stations, first, last, status=status)
        rows = replica.near(request.user, stations, ask)
        self.reads = reads_of(request, stations, rows)
        return success([as_json(row) for row in rows], headers={"ETag": tag} if tag else None)


class Monthly(Weekly):
    """The bookings of 1 to 42 days, at one station or at all that you may see."""

    query = MonthQuery


class Reschedule(BookingView):
    """Move a booking to another date and slot, at its station or at another of yours."""

    examples = {"PATCH": MOVE}

    @documented(
        "Move",
        whole("Moved"),
        body=RescheduleBody,
        example=MOVE,
        failing=[404, 409],
        versioned=True,
        refusals=(*PLACE, "not_reschedulable", "past"),
    )
    def patch(self, request: Request, booking_id: str) -> Response:
        to = Place(**self.wanted(RescheduleBody, booking_id))
        booking = services.reschedule(known_id(booking_id), to=to, by=request.user, seen_version=if_match(request))
        return success(_moved(booking), headers=version_header(booking))


class Bookings(BookingView):
    """Bookings, page by page; and new ones."""

    query = ListQuery
    examples = {"POST": CREATE}

    @documented("Bookings, page by page", paged("Booking"), query=ListQuery, failing=[404])
    def get(self, request: Request) -> Response:
        stations, wanted = parse_query(request, ListQuery)
        cursor, limit = wanted.pop("cursor", ""), wanted.pop("limit", pagination.PAGE)
        sort = Sort(wanted.pop("sort", Sort.UPDATED if "updated_since" in wanted else Sort.PLACE))
        bookings, query = chosen(stations, wanted, sort), repr(sorted(wanted.items()))
        page = pagination.page(request.user, bookings, cursor, sort=sort, limit=limit, query=query)
        self.reads = reads_of(request, stations, page.rows)
        after, before = page_address(request, page.next), page_address(request, page.previous)
        return success([as_json(row) for row in page.rows], next=after, previous=before)

    @documented(
        "New booking",
        whole("OneBooking"),
        status=201,
        body=CreateBody,
        example=CREATE,
        failing=[404, 409],
        refusals=(*PLACE, "past"),
    )
    def post(self, request: Request) -> Response:
        booking = services.create(Draft(**self.wanted(CreateBody)), by=request.user)
        address = reverse("api-booking", args=[booking.pk], request=request)
        return success(self.whole(booking), status=201, headers={"Location": address, **version_header(booking)})


class OneBooking(BookingView):
    """A booking, read and edited; its place and its status have addresses of their own."""

    examples = {"PATCH": EDIT}

    @documented("One booking", whole("OneBooking"), failing=[404], cached=True)
    def get(self, request: Request, booking_id: str) -> Response:
        booking = self.find(booking_id)
        headers = {"ETag": _etag(booking, request.user)}
        if is_known(request, headers["ETag"]):
            return Response(status=304, headers=headers)
        if request.user.has_perm(roles.PII):
            self.reads = [Read(ReadEvent.BOOKINGS_READ, booking.station_id, PERSONAL, 1, booking.date, booking.date)]
        return success(self.whole(booking), headers=headers)

    @documented(
        "Edit",
        whole("OneBooking"),
        body=EditBody,
        example=EDIT,
        failing=[404, 409],
        versioned=True,
        refusals=(*BODY, "no_such_slot", "slot_closed", "slot_full"),
    )
    def patch(self, request: Request, booking_id: str) -> Response:
        changes = self.wanted(EditBody, booking_id)
        booking = services.edit(known_id(booking_id), changes, by=request.user, seen_version=if_match(request))
        return success(self.whole(booking), headers=version_header(booking))

    def doors(self, data: Any) -> list[Door]:
        if not data or not self.may("PATCH"):
            return []
        pk, version = data["booking_id"], f'"{data["version"]}"'
        [next_step, *_others] = next_steps(self.find(str(pk)), now=timezone.now())
        place, step = reverse("api-reschedule", args=[pk]), reverse("api-booking-status", args=[pk])
        return [
            Door("PATCH", place, {key: data[key] for key in MOVE}, gettext_lazy("Move"), version),
            Door("POST", step, {"status": next_step}, gettext_lazy("Change the status"), version),
            Door("PATCH", self.request.path, EDIT, gettext_lazy("Edit"), version),
        ]


class BookingStatus(BookingView):
    """One step of a booking through its life."""

    examples = {"POST": STEP}

    @documented(
        "Change the status",
        whole("OneBooking"),
        body=StatusBody,
        example=STEP,
        failing=[404],
        versioned=True,
        refusals=(*BODY, "invalid_step", "too_early", "no_such_slot", "slot_closed", "slot_full"),
    )
    def post(self, request: Request, booking_id: str) -> Response:
        to = Status(self.wanted(StatusBody, booking_id)["status"])
        booking = services.change_status(known_id(booking_id), to, by=request.user, seen_version=if_match(request))
        return success(self.whole(booking), headers=version_header(booking))


def known_id(text: str) -> UUID:
    """An address's id; one that is none is simply not found."""
    try:
        return known_uuid(text)
    except ValueError:
        raise NotFound from None


def version_header(booking: Booking) -> dict[str, str]:
    """The version to send back as If-Match."""
    return {"ETag": f'"{booking.version}"'}


def _etag(booking: Booking, person: Person) -> str:
    """The version; with an ending where the row shows something else than it did when that version was written: a customer who
    changed since, or no personal data. Sent as If-Match both are the version.
    """
    changed, private = booking.customer_updated_at, person.has_perm(roles.PII)  # type: ignore[attr-defined]
    later = changed.isoformat() if changed and changed > booking.updated_at else ""
    if private and not later:
        return f'"{booking.version}"'
    return f'"{booking.version}.{hashlib.sha256(f"{private}|{later}".encode()).hexdigest()[:12]}"'


def _moved(booking: Booking) -> dict[str, Any]:
    return {
        "booking_id": str(booking.pk),
        "date": booking.date.isoformat(),
        "slot": f"{booking.slot:%H:%M}",
        "station": booking.station.code,
        "status": booking.status,
        "version": booking.version,
        "message": _("The booking stands on %(date)s at %(slot)s.")
        % {"date": booking.date, "slot": f"{booking.slot:%H:%M}"},
    }
