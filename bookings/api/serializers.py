"""Serializers of the query parameters and bodies of the booking endpoints."""

from datetime import date
from typing import Any, Final

from django.utils.translation import gettext as _
from rest_framework import serializers

from accounts.customers import Contact
from bookings.calendar import pagination
from bookings.calendar.pagination import Sort
from bookings.models.status import NEW, Status
from core.api.fields import (
    ChoiceField,
    DateField,
    DateTimeField,
    IntegerField,
    QueryBooleanField,
    QueryIntegerField,
    RepeatedField,
    SlotField,
    TextField,
    UUIDField,
)
from core.api.queries import DaysQuery
from core.api.serializers import StrictSerializer
from core.limits import (
    MAX_CENTS,
    MAX_EMAIL,
    MAX_NAME,
    MAX_NOTES,
    MAX_PHONE,
    MAX_PLACES,
    MAX_REFERENCE,
    MAX_SLOTS,
    MAX_SOURCE,
)

MAX_STATIONS: Final = 100
MAX_IDS: Final = 100


class WeekQuery(DaysQuery):
    longest = 7

    status = ChoiceField(Status, required=False)
    station = TextField(required=False, max_length=64)


class MonthQuery(WeekQuery):
    longest = 42


class DatesQuery(StrictSerializer):
    """Stations, and a range of dates of which either end may be open."""

    station = RepeatedField(TextField(max_length=64), required=False, max_length=MAX_STATIONS)
    date_from = DateField(required=False)
    date_to = DateField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs.get("date_from", date.min) > attrs.get("date_to", date.max):
            sentence = _("The range ends before it begins.")
            raise serializers.ValidationError({"date_to": [sentence]}, code="invalid_range")
        return attrs


class ListQuery(DatesQuery):
    status = RepeatedField(ChoiceField(Status), required=False)
    customer = UUIDField(required=False)
    external_ref = TextField(required=False, max_length=MAX_REFERENCE)
    ids = RepeatedField(UUIDField(), commas=True, required=False, max_length=MAX_IDS)
    source = TextField(required=False, max_length=MAX_SOURCE)  # type: ignore[assignment]
    needs_place = QueryBooleanField(required=False)
    updated_since = DateTimeField(required=False)
    sort = ChoiceField(Sort, required=False)
    limit = QueryIntegerField(required=False, min_value=1, max_value=pagination.MAX_PAGE_SIZE)
    cursor = TextField(required=False, max_length=300)


class ExportQuery(DatesQuery):
    date_from = DateField()
    date_to = DateField()


class RescheduleBody(StrictSerializer):
    date = DateField()
    slot = SlotField()
    station = TextField(required=False, max_length=64)


class StatusBody(StrictSerializer):
    status = ChoiceField(Status)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        return {"status": Status(attrs["status"])}


class ContactBody(StrictSerializer):
    name = TextField(max_length=MAX_NAME)
    email = TextField(required=False, allow_blank=True, max_length=MAX_EMAIL)
    phone = TextField(required=False, allow_blank=True, max_length=MAX_PHONE)


class EditBody(StrictSerializer):
    """Changes to a booking. Fields that are left out stay as they are."""

    slots = IntegerField(required=False, min_value=1, max_value=MAX_SLOTS)
    party_adults = IntegerField(required=False, min_value=0, max_value=MAX_PLACES)
    party_kids = IntegerField(required=False, min_value=0, max_value=MAX_PLACES)
    special_requests = TextField(required=False, allow_null=True, allow_blank=True, max_length=MAX_NOTES, lines=True)
    total_due_cents = IntegerField(required=False, min_value=0, max_value=MAX_CENTS)
    deposit_due_cents = IntegerField(required=False, min_value=0, max_value=MAX_CENTS)
    source = TextField(required=False, allow_blank=True, max_length=MAX_SOURCE)  # type: ignore[assignment]
    external_ref = TextField(required=False, allow_blank=True, max_length=MAX_REFERENCE)
    customer = ContactBody(required=False, allow_null=True)
    customer_id = UUIDField(required=False)

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
    party_adults = IntegerField(min_value=0, max_value=MAX_PLACES)
    status = ChoiceField(NEW, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        attrs = super().validate(attrs)
        return attrs | ({"status": Status(attrs["status"])} if "status" in attrs else {})
