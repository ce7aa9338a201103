"""Ciphertext that is copied to another row or column cannot be decrypted."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import FieldError
from django.db import connection, models
from django.db.models.functions import Coalesce
from django.test import Client

from accounts import roles
from accounts.auth import password_reset, two_factor
from accounts.auth.models import EmailKind
from accounts.customers import Contact
from accounts.encryption import UNBOUND_VERSION, VERSION, DecryptionError, EncryptedTextField, row_key_bytes
from accounts.encryption.key_ring import MAX_DOUBLED_BYTES, KeyRing, padded_length
from accounts.key_management.keyrings import models_with_columns
from accounts.models import AccountEmail, Authenticator, Customer, EmailChange, ResetRequest
from bookings.audit import Event
from bookings.mails import outbox
from bookings.models import Booking, Mail, UndoStep
from stations.models import Station
from tests.factories import FRIDAY, UserFactory, booking, customer, person

pytestmark = pytest.mark.django_db
ANA = Contact("Ana García", "ana@example.com", "+49 30 901820")
BOB = Contact("Bob Brown", "bob@example.com", "+49 30 901821")


def stored(row: models.Model, name: str) -> bytes:
    """What really stands in the database."""
    meta = row._meta
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {name} FROM {meta.db_table} WHERE id = %s", [key_of(row)])
        [value] = cursor.fetchone()
    return bytes(value)


def plant(row: models.Model, name: str, value: bytes | None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {row._meta.db_table} SET {name} = %s WHERE id = %s", [value, key_of(row)])


def key_of(row: models.Model) -> Any:
    return row.pk.hex if isinstance(row.pk, uuid.UUID) and connection.vendor == "sqlite" else row.pk


def field_of(model: type[models.Model], name: str) -> EncryptedTextField:
    found = model._meta.get_field(name)
    assert isinstance(found, EncryptedTextField)
    return found


def unbound(row: models.Model, name: str, text: str) -> bytes:
    """As the release before wrote it."""
    from accounts.encryption import ring

    return ring().encrypt(text, field_of(type(row), name).context)


def customers_rows(station: Station) -> list[models.Model]:
    made = [customer(station, *(one.name, one.email, one.phone)) for one in (ANA, BOB)]
    for one, notes in zip(made, ("Nuts", "Window"), strict=True):
        one.notes = notes
        one.save()
    return [*made]


def bookings_rows(station: Station) -> list[models.Model]:
    return [booking(station, customer=one, special_requests=f"For {one.name}") for one in (ANA, BOB)]


def mails_rows(station: Station) -> list[models.Model]:
    outbox.queue_created([booking(station, customer=one) for one in (ANA, BOB)])
    mails = list(Mail.objects.order_by("pk"))
    for mail in mails:
        mail.message = f"Mail {mail.pk}"
        mail.save()
    return [*mails]


def authenticators_rows(station: Station) -> list[models.Model]:
    for number in range(2):
        user = UserFactory(email=f"u{number}@example.com")
        two_factor.start_enrolment(user)
        Authenticator.objects.get(user=user)
    found = list(Authenticator.objects.order_by("pk"))
    for one in found:
        one.secret = two_factor.DUMMY_SECRET
        one.save()
    return [*found]


def resets_rows(station: Station) -> list[models.Model]:
    for one in (ANA, BOB):
        password_reset.request_reset(one.email, language="en", address=None)
    return [*ResetRequest.objects.order_by("pk")]


def account_emails_rows(station: Station) -> list[models.Model]:
    texts = {"language": "en", "kind": EmailKind.PASSWORD_CHANGED}
    return [
        AccountEmail.objects.create(user=UserFactory(), email=one.email, details=f'{{"by": "{one.name}"}}', **texts)
        for one in (ANA, BOB)
    ]


def email_changes_rows(station: Station) -> list[models.Model]:
    return [EmailChange.objects.create(user=UserFactory(), email=one.email) for one in (ANA, BOB)]


def undo_steps_rows(station: Station) -> list[models.Model]:
    made, user = booking(station), UserFactory()
    numbers = {"version_before": 1, "version_after": 2}
    return [
        UndoStep.objects.create(
            user=user, stack=uuid.uuid4(), station=station, booking=made, event=Event.EDITED, changes=changes, **numbers
        )
        for changes in ('{"party_adults": [1, 2]}', '{"party_adults": [2, 3]}')
    ]


COLUMNS = [
    *((customers_rows, name) for name in ("name", "email", "phone", "notes")),
    (bookings_rows, "special_requests"),
    (mails_rows, "message"),
    *((authenticators_rows, name) for name in ("secret", "pending")),
    (resets_rows, "email"),
    *((account_emails_rows, name) for name in ("email", "details")),
    (email_changes_rows, "email"),
    (undo_steps_rows, "changes"),
]


@pytest.mark.parametrize(("rows_of", "name"), COLUMNS)
def test_ciphertext_of_one_row_is_not_read_in_another(
    station: Station, rows_of: Callable[[Station], list[models.Model]], name: str
) -> None:
    one, other = rows_of(station)

    plant(other, name, stored(one, name))

    with pytest.raises(DecryptionError, match="the stored value was changed or damaged"):
        type(other)._base_manager.get(pk=other.pk)
    with pytest.raises(DecryptionError):
        list(type(other)._base_manager.values_list(name))
    assert getattr(type(one)._base_manager.get(pk=one.pk), name) == getattr(one, name)


def test_every_encrypted_column_is_bound_to_its_row() -> None:
    unsafe = {
        f"{model._meta.label}.{field.name}": [str(error) for error in field._check_binding()]
        for model, fields in models_with_columns(EncryptedTextField)
        for field in fields
    }

    assert {name: errors for name, errors in unsafe.items() if errors} == {}
    assert {name for name in unsafe if not name.endswith("Diary")} >= {
        "accounts.AccountEmail.details", "accounts.Authenticator.secret", "accounts.Customer.email", "accounts.EmailChange.email",
        "accounts.ResetRequest.email", "bookings.Booking.special_requests", "bookings.Mail.message", "bookings.UndoStep.changes",
    }  # fmt: skip


def test_contact_copied_into_another_customer_is_shown_on_no_page(station: Station) -> None:
    victim, mine = (booking(station, customer=one) for one in (ANA, BOB))
    assert victim.customer
    assert mine.customer
    for name in ("email", "phone"):
        plant(mine.customer, name, stored(victim.customer, name))
    client = Client(raise_request_exception=False)
    client.force_login(person(roles.STAFF, station))

    shown = client.post(f"/bookings/{mine.pk}/contact/")

    assert shown.status_code == 500
    assert b"ana@example.com" not in shown.content


def test_name_copied_into_another_customer_is_in_no_calendar(station: Station) -> None:
    victim, mine = (booking(station, customer=one) for one in (ANA, BOB))
    assert victim.customer
    assert mine.customer
    plant(mine.customer, "name", stored(victim.customer, "name"))
    client = Client(raise_request_exception=False)
    client.force_login(person(roles.STAFF, station))

    for address in (
        f"/calendar/week/?station=kitchen&date={FRIDAY}",
        f"/api/bookings/admin/weekly?date_from={FRIDAY}&date_to={FRIDAY}",
    ):
        answer = client.get(address)
        assert answer.status_code == 500
        assert "García" not in answer.content.decode()


def test_value_that_is_not_bound_is_read_until_that_is_refused(station: Station, settings: Any) -> None:
    one = customer(station)
    plant(one, "name", unbound(one, "name", "From before"))
    assert Customer.objects.get(pk=one.pk).name == "From before"

    settings.PII_ROW_BINDING = "required"

    with pytest.raises(DecryptionError) as refusal:
        Customer.objects.get(pk=one.pk)
    assert str(refusal.value) == (
        "accounts.customer.name: the stored value is not bound to its row, and PII_ROW_BINDING refuses it"
    )


def test_value_in_a_row_of_the_release_before_is_read_though_it_has_no_key(station: Station) -> None:
    one, _other = resets_rows(station)
    plant(one, "email", unbound(one, "email", "before@example.com"))
    plant(one, "key", None)

    assert ResetRequest.objects.get(pk=one.pk).email == "before@example.com"


def test_expression_that_brings_no_row_along_is_not_read(station: Station) -> None:
    customer(station)

    with pytest.raises(DecryptionError):
        list(Customer.objects.values_list(Coalesce("name", "email")))


def test_value_without_binding_is_written_only_while_the_release_before_runs(station: Station, settings: Any) -> None:
    versions = []
    for settings.PII_ROW_BINDING in ("off", "on", "required"):
        made = customer(station, email=f"{settings.PII_ROW_BINDING}@example.com")
        versions.append(stored(made, "email")[:1])

    assert versions == [UNBOUND_VERSION, VERSION, VERSION]


@pytest.mark.looks
@pytest.mark.parametrize("length", [*range(70), 100, 999, 1_024, 1_025, 2_000, 5_000, 100_000])
@pytest.mark.parametrize("pad_to", [32, 48])
def test_bucket_holds_the_text_and_not_much_more(length: int, pad_to: int) -> None:
    size = padded_length(length, pad_to)

    assert size >= max(length, pad_to)
    assert size == pad_to or size < 2 * length
    assert size <= MAX_DOUBLED_BYTES * 1.5 or size <= length * 9 / 8 + 1


@pytest.mark.looks
def test_there_are_few_buckets() -> None:
    assert sorted({padded_length(length) for length in range(2_049)}) == [
        32, 64, 128, 256, 512, 1_024, 1_152, 1_280, 1_408, 1_536, 1_664, 1_792, 1_920, 2_048,
    ]  # fmt: skip


def test_lengths_of_names_addresses_and_phones_are_not_to_be_seen(station: Station) -> None:
    short = customer(station, "Li", "l@ex.com")
    long = customer(
        station, "Maximiliane Fürstenberger-Wolkenstein", "maximiliane.fuerstenberger@example.com", ANA.phone
    )

    for name in ("name", "email", "phone", "notes"):
        assert len(stored(short, name)) == len(stored(long, name)), name


@pytest.mark.parametrize("text", ["", "A window", "ÿ" * 20, "x" * 2_000])
def test_padded_text_comes_back_as_it_was(station: Station, text: str) -> None:
    made = booking(station, special_requests=text)

    assert Booking.objects.get(pk=made.pk).special_requests == text
    assert len(stored(made, "special_requests")) == 33 + padded_length(len(text.encode()))


def test_value_is_bound_to_column_and_row() -> None:
    ring, row, other = KeyRing([bytes(range(32))]), uuid.uuid4().bytes, uuid.uuid4().bytes
    made = ring.encrypt("Ana", b"a.b.c", row)

    assert ring.decrypt(made, b"a.b.c", row) == "Ana"
    for context, wrong in ((b"a.b.c", other), (b"a.b.d", row), (b"a.b.c", None), (b"a.b.c\0", row), (b"a.b", row)):
        with pytest.raises(DecryptionError):
            ring.decrypt(made, context, wrong)


def test_unbound_value_does_not_become_a_bound_one_by_its_version() -> None:
    ring, row = KeyRing([bytes(range(32))]), uuid.uuid4().bytes
    bound, loose = ring.encrypt("Ana", b"a.b.c", row), ring.encrypt("Ana", b"a.b.c")

    for forged in (UNBOUND_VERSION + bound[1:], VERSION + loose[1:]):
        with pytest.raises(DecryptionError):
            ring.decrypt(forged, b"a.b.c", row)


def test_rows_are_known_by_uuids_and_numbers_alone() -> None:
    key = uuid.uuid4()

    assert (row_key_bytes(key), row_key_bytes(7), row_key_bytes(None)) == (key.bytes, bytes(7) + b"\x07", None)
    with pytest.raises(TypeError):
        row_key_bytes("7")


@pytest.fixture
def app_label() -> Any:
    """For models that are gone with the test."""
    from django.apps import apps

    before = {*apps.all_models["accounts"]}
    yield "accounts"
    for name in {*apps.all_models["accounts"]} - before:
        del apps.all_models["accounts"][name]
    apps.clear_cache()


def test_column_bound_to_a_key_that_the_database_gives_is_an_error(app_label: str) -> None:
    class Numbered(models.Model):  # noqa: DJ008
        text = EncryptedTextField()

        class Meta:
            app_label = "accounts"

    [error] = Numbered.check()

    assert error.id == "accounts.E001"
    assert error.hint == "Give the model a UUIDField as its primary key, or name a column of random UUIDs by bound_to."
    with pytest.raises(FieldError, match="bound to id, which this row does not have yet"):
        Numbered(text="Ana").save()


def test_column_bound_to_what_is_not_a_rows_own_is_an_error(app_label: str) -> None:
    class Shared(models.Model):  # noqa: DJ008
        id = models.UUIDField(primary_key=True, default=uuid.uuid4)
        group = models.UUIDField()
        text = EncryptedTextField(bound_to="group")

        class Meta:
            app_label = "accounts"

    assert [error.id for error in Shared.check()] == ["accounts.E002"]


def test_binding_is_described_for_migrations() -> None:
    _name, path, arguments, options = EncryptedTextField(bound_to="user", pad_to=48).deconstruct()

    assert (path, arguments, options) == ("accounts.encryption.EncryptedTextField", [], {"bound_to": "user"})


def test_joined_and_deferred_columns_are_read_by_their_own_rows(station: Station) -> None:
    made = booking(station, customer=ANA, special_requests="By the window")
    found = Booking.objects.select_related("customer").get(pk=made.pk)
    later = Customer.objects.only("station").get(bookings=made)

    assert found.customer
    assert (found.special_requests, found.customer.name, later.phone) == ("By the window", "Ana García", "+4930901820")
    wanted = Booking.objects.values_list("special_requests", "customer__name", "customer__email")
    assert list(wanted) == [("By the window", "Ana García", "ana@example.com")]
    newest = Customer.objects.filter(pk=models.OuterRef("customer")).values("name")
    assert Booking.objects.annotate(who=models.Subquery(newest)).get().who == "Ana García"
