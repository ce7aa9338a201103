"""Encrypted fields: what is stored, what is read, what is refused, and changes of keys."""

import os
from typing import Any

import pytest
from django.core.exceptions import FieldError, ValidationError
from django.db import connection, transaction
from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Concat, Upper
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from accounts import customers, encryption
from accounts.customers import Contact
from accounts.encryption import DecryptionError, EncryptedTextField, KeyRing, blind_index, blind_indexes
from accounts.encryption.keys import key_id
from accounts.models import Customer
from bookings.models import Booking
from stations.models import Station
from tests import factories

OLD, NEW = bytes(range(32)), bytes(range(64, 96))
CONTEXT = b"accounts.customer.name"


def raw(column: str, row: Customer | Booking) -> bytes | None:
    """What really stands in the database."""
    with connection.cursor() as cursor:
        table = type(row)._meta.db_table
        key = row.pk.hex if connection.vendor == "sqlite" else row.pk
        cursor.execute(f"SELECT {column} FROM {table} WHERE id = %s", [key])
        [value] = cursor.fetchone()
    return None if value is None else bytes(value)


def overwrite(column: str, row: Customer, value: bytes) -> None:
    with connection.cursor() as cursor:
        key = row.pk.hex if connection.vendor == "sqlite" else row.pk
        cursor.execute(f"UPDATE accounts_customer SET {column} = %s WHERE id = %s", [value, key])


@pytest.fixture
def ana(station: Station) -> Customer:
    return factories.customer(station, "Ana García", "ana@example.com", "+49 30 901820")


@given(st.text())
def test_ring_gives_back_what_it_took(text: str) -> None:
    ring = KeyRing([OLD])
    assert ring.decrypt(ring.encrypt(text, CONTEXT), CONTEXT) == text


@given(st.text(min_size=4))
def test_ring_writes_no_plain_text_and_nothing_twice(text: str) -> None:
    ring = KeyRing([OLD])
    first, second = ring.encrypt(text, CONTEXT), ring.encrypt(text, CONTEXT)
    assert first != second
    assert text.encode() not in first


@given(st.text(), st.data())
def test_ring_refuses_any_changed_byte(text: str, data: st.DataObject) -> None:
    ring = KeyRing([OLD])
    stored = bytearray(ring.encrypt(text, CONTEXT))
    stored[data.draw(st.integers(0, len(stored) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(DecryptionError):
        ring.decrypt(bytes(stored), CONTEXT)


@given(st.text(), st.data())
def test_ring_refuses_a_value_cut_short(text: str, data: st.DataObject) -> None:
    ring = KeyRing([OLD])
    stored = ring.encrypt(text, CONTEXT)
    with pytest.raises(DecryptionError):
        ring.decrypt(stored[: data.draw(st.integers(0, len(stored) - 1))], CONTEXT)


@given(st.binary())
def test_ring_refuses_what_it_never_wrote(stored: bytes) -> None:
    with pytest.raises(DecryptionError):
        KeyRing([OLD]).decrypt(stored, CONTEXT)


def test_ring_reads_what_an_older_key_wrote_and_writes_with_the_first() -> None:
    stored = KeyRing([OLD]).encrypt("Ana", CONTEXT)
    both = KeyRing([NEW, OLD])
    assert both.decrypt(stored, CONTEXT) == "Ana"
    assert both.encrypt("Ana", CONTEXT)[1:5] == key_id(NEW)


def test_ring_names_neither_key_nor_text_when_it_cannot_read() -> None:
    stored = KeyRing([OLD]).encrypt("Ana García", CONTEXT)
    with pytest.raises(DecryptionError) as refusal:
        KeyRing([NEW]).decrypt(stored, CONTEXT)
    assert str(refusal.value) == "accounts.customer.name: written under a key that PII_KEYS does not hold"


def test_column_holds_no_plain_text(ana: Customer) -> None:
    assert Customer.objects.get(pk=ana.pk).name == "Ana García"
    for column, plain in (("name", "García"), ("email", "ana@example.com"), ("phone", "+4930901820")):
        stored = raw(column, ana)
        assert stored is not None
        assert plain.encode() not in stored
        assert stored[:5] == encryption.VERSION + encryption.ring().current


@pytest.mark.parametrize("wishes", [None, "", "A window, please"])
def test_column_keeps_null_empty_and_text_apart(station: Station, wishes: str | None) -> None:
    booking = factories.booking(station, special_requests=wishes)
    fresh = Booking.objects.get(pk=booking.pk)
    assert fresh.special_requests == wishes
    assert (raw("special_requests", booking) is None) == (wishes is None)
    assert Booking.objects.filter(special_requests__isnull=True).exists() == (wishes is None)


def name_column() -> EncryptedTextField:
    column = Customer._meta.get_field("name")
    assert isinstance(column, EncryptedTextField)
    return column


def test_column_takes_its_own_ciphertext_and_expressions_in_an_update(ana: Customer) -> None:
    rows, column = Customer.objects.filter(pk=ana.pk), name_column()
    rows.update(name=column.ciphertext("Anita", ana.pk))
    assert rows.get().name == "Anita"
    rows.update(
        name=Case(When(pk=ana.pk, then=Value(column.ciphertext("Ana", ana.pk), output_field=column)), default=F("name"))
    )
    assert rows.get().name == "Ana"
    rows.update(name=F("name"))
    assert rows.get().name == "Ana"
    Booking.objects.update(special_requests=None)


def test_column_refuses_a_bulk_update_that_knows_no_rows(ana: Customer) -> None:
    before, ana.name = raw("name", ana), "Anita"
    with pytest.raises(FieldError, match="ciphertext"), transaction.atomic():
        Customer.objects.bulk_update([ana], ["name"])
    assert raw("name", ana) == before


@pytest.mark.parametrize(
    "expression",
    ["Ana", Value("Ana"), F("email"), Upper("name"), Concat("name", Value("!")), F("station__code"), b"Ana", 7],
)
def test_column_refuses_expressions_that_would_store_plain_or_foreign_text(ana: Customer, expression: Any) -> None:
    before = raw("name", ana)
    with pytest.raises(FieldError), transaction.atomic():
        Customer.objects.filter(pk=ana.pk).update(name=expression)
    assert raw("name", ana) == before


@pytest.mark.parametrize(
    "lookup",
    ["name", "name__exact", "name__iexact", "name__contains", "name__in", "name__gt", "name__regex", "name__year"],
)
def test_column_refuses_lookups_instead_of_finding_nothing(db: None, lookup: str) -> None:
    with pytest.raises(FieldError, match="blind index"):
        Customer.objects.filter(Q((lookup, "Ana")))


def test_column_refuses_transforms(db: None) -> None:
    order = "name__lower"
    with pytest.raises(FieldError):
        list(Customer.objects.order_by(order))


def test_column_refuses_a_value_moved_over_from_another_column(ana: Customer) -> None:
    email = raw("email", ana)
    assert email is not None
    overwrite("name", ana, email)
    with pytest.raises(DecryptionError, match="changed or damaged"):
        Customer.objects.get(pk=ana.pk)


def test_column_never_gives_ciphertext_under_an_unknown_key(ana: Customer, settings: Settings) -> None:
    settings.PII_KEYS = [NEW]
    with pytest.raises(DecryptionError, match="PII_KEYS"):
        Customer.objects.get(pk=ana.pk)


def test_keys_are_rotated_by_putting_a_new_one_first(ana: Customer, settings: Settings) -> None:
    settings.PII_KEYS = [NEW, *settings.PII_KEYS]
    settings.INDEX_KEYS = [NEW, *settings.INDEX_KEYS]
    found = customers.search(factories.staff(ana.station), "garcía")
    assert found == [ana]

    found[0].save()
    assert customers.find_or_create(ana.station, [Contact("Ana García", "ana@example.com")], strict=True) == [ana]
    stored = raw("name", ana)
    assert stored is not None
    assert stored[1:5] == key_id(NEW)


@pytest.mark.parametrize("text", ["a\ud800b", "a\x00b", "x" * 201])
def test_column_validates_before_it_writes(station: Station, text: str) -> None:
    with pytest.raises(ValidationError):
        Customer(station=station, name=text).clean_fields()


def test_field_is_described_for_migrations_without_its_own_validators() -> None:
    field = EncryptedTextField("name", max_length=200)
    _name, path, arguments, options = field.deconstruct()
    assert (path, arguments, options) == (
        "accounts.encryption.EncryptedTextField", [], {"verbose_name": "name", "max_length": 200},
    )  # fmt: skip


@given(st.text(), st.text(), st.integers(1, 5), st.integers(1, 5))
def test_blind_index_is_equal_only_for_equal_kind_station_and_value(
    one: str, other: str, station: int, another: int
) -> None:
    digest = blind_index("email", station, one)
    assert (digest == blind_index("email", another, other)) == ((station, one) == (another, other))
    assert digest != blind_index("phone", station, one)
    assert len(digest) == 20


@pytest.fixture
def two_index_keys(settings: Settings) -> tuple[bytes, bytes]:
    keys = os.urandom(32), os.urandom(32)
    settings.INDEX_KEYS = list(keys)
    return keys


def test_blind_indexes_are_one_for_each_key_the_writing_one_first(two_index_keys: tuple[bytes, bytes]) -> None:
    first, second = blind_indexes("email", 1, "ana@example.com")
    assert first == blind_index("email", 1, "ana@example.com")
    assert [first[:4], second[:4]] == [key_id(key) for key in two_index_keys]
