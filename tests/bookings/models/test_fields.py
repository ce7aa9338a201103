"""The table of a booking's fields, and every place that lists them: a new field fails by name where it is missing."""

import dataclasses

import pytest
from django.forms import ModelForm

from accounts.encryption import EncryptedTextField
from bookings import audit
from bookings.admin.forms import BookingForm
from bookings.api import schemas
from bookings.api.serializers import CreateBody, EditBody
from bookings.calendar import read_model
from bookings.calendar.read_model import Row
from bookings.forms import PartyForm
from bookings.importing import fields as file_fields
from bookings.importing.values import TEXT_READERS
from bookings.models import Booking
from bookings.models.fields import BOOKING_FIELDS, EDITABLE_FIELDS, PERSONAL_FIELDS, Use, used_in
from bookings.privacy import subject_access_export
from bookings.services.inputs import EDITABLE, Draft
from stations.models import Station
from tests import factories

pytestmark = pytest.mark.looks

COMPUTED = {"booking_id", "total_guests", "balance_due_cents", "series", "held_until"}
"""Keys of a row that are no columns."""
CUSTOMER = {"customer_name", "customer_email", "customer_phone"}


def test_table_names_every_column() -> None:
    assert set(BOOKING_FIELDS) == {column.name for column in Booking._meta.concrete_fields}


def test_personal_fields_are_the_encrypted_columns() -> None:
    encrypted = {column.name for column in Booking._meta.fields if isinstance(column, EncryptedTextField)}

    assert encrypted == PERSONAL_FIELDS


def test_row_of_the_calendar_its_json_and_its_schema_have_the_same_keys() -> None:
    keys = set(used_in(Use.ROW)) | COMPUTED

    assert {*read_model.JSON_KEYS} == {*schemas.ROW} == keys
    assert {*Row._fields} == keys - {"series", "held_until"}


def test_audit_entries_record_the_fields_of_the_table(station: Station) -> None:
    assert {*audit.recorded(factories.booking(station))} == {*used_in(Use.AUDIT)}


def test_what_can_be_edited_is_the_same_in_services_api_and_forms() -> None:
    parameters = {one.name for one in dataclasses.fields(Draft)}

    assert parameters >= {*EDITABLE_FIELDS}
    assert {*EditBody().fields} == {*EDITABLE_FIELDS, "customer", "customer_id"} == EDITABLE
    assert {*CreateBody().fields} >= {*EDITABLE_FIELDS}
    assert {*PartyForm.base_fields} == {*EDITABLE_FIELDS}
    assert issubclass(BookingForm, ModelForm)
    assert {*BookingForm.base_fields} >= {*EDITABLE_FIELDS}


def test_import_and_export_have_the_columns_of_the_table() -> None:
    columns = {*used_in(Use.FILE)} - {"customer"} | CUSTOMER

    assert {*file_fields.FIELDS} == columns
    assert {*TEXT_READERS} >= {*EDITABLE_FIELDS}


def test_disclosure_lists_the_fields_of_the_table_in_their_order() -> None:
    listed = (
        "date", "slot", "slots", "starts_at", "ends_at", "status", "party_adults", "party_kids", "total_due_cents",
        "deposit_due_cents", "special_requests", "source", "external_ref", "created_at", "updated_at",
    )  # fmt: skip

    assert tuple(name for name in subject_access_export.BOOKING_FIELDS if name in listed) == listed
    assert {*subject_access_export.BOOKING_FIELDS} == {*used_in(Use.DISCLOSURE)}


@pytest.mark.parametrize("name", ["special_requests", "source", "external_ref"])
def test_lengths_of_forms_and_api_are_those_of_the_columns(name: str) -> None:
    fields = [
        Booking._meta.get_field(name),
        PartyForm.base_fields[name],
        BookingForm.base_fields[name],
        EditBody().fields[name],
    ]

    assert len({getattr(field, "max_length", None) for field in fields} - {None}) == 1
    assert all(hasattr(field, "max_length") for field in fields)
