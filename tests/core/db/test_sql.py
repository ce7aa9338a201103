"""Plain statements write and read what the ORM would, on either database."""

from concurrent.futures import ThreadPoolExecutor
from datetime import time
from typing import Any

import pytest
from django.db import IntegrityError, connection, models, transaction

from accounts import roles
from accounts.customers import Contact
from accounts.models import AuditChain, AuditEntry, Customer
from bookings import services
from bookings.models import Booking, Hold, Mail
from bookings.services.inputs import Place
from core import metrics
from core.db.row_adapter import RowAdapter
from core.db.sql import execute, in_clause, insert, pipeline, submit, submit_rows, update
from stations.models import Opening, Station
from tests.factories import FRIDAY, SATURDAY, booking, open_station

pytestmark = pytest.mark.django_db


def fields(row: models.Model) -> dict[str, Any]:
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}


@pytest.fixture
def made(station: Station) -> Booking:
    """A booking that has been moved, with every kind of row that this leaves."""
    first = booking(station, customer=Contact("Ana García", "ana@example.com", ""), special_requests="By the window")
    return services.reschedule(first.pk, to=Place(SATURDAY, time(19)), by=roles.OPERATOR).booking


@pytest.mark.parametrize("model", [Booking, Customer, Hold, Mail, AuditChain, AuditEntry, Opening, Station])
def test_rows_are_those_of_the_orm(model: Any, made: Booking) -> None:
    found = submit_rows(model, "t.id IS NOT NULL", [], order_by="t.id")()

    assert found
    assert [fields(row) for row in found] == [fields(row) for row in model.objects.order_by("pk")]


def test_what_is_left_out_is_read_when_it_is_looked_at(made: Booking) -> None:
    mail = Mail.objects.get()
    mail.message = "Dear Ana"
    mail.save()

    [mail] = submit_rows(Mail, "t.booking_id = %s", [made.pk], defer=["message"])()

    assert mail.get_deferred_fields() == {"message"}
    assert mail.message == "Dear Ana"


@pytest.mark.parametrize("model", [Mail, Hold])
def test_inserted_rows_are_those_that_the_orm_writes(model: Any, made: Booking) -> None:
    row = model.objects.get()
    row.message = "Dear Ana"
    model.objects.all().delete()

    insert([row])

    again = model.objects.get()
    keyless = {"id": row.pk or again.pk}
    assert {**fields(again), **keyless} == {**fields(row), **keyless}


def test_many_rows_are_inserted_at_once(made: Booking) -> None:
    holds = [
        Hold(booking=made, station=made.station, date=FRIDAY, slot=time(hour), lane=0, capacity=1) for hour in range(5)
    ]

    insert(holds)

    assert Hold.objects.filter(date=FRIDAY).count() == len(holds)


def test_update_changes_the_named_fields_of_one_row(made: Booking) -> None:
    other = booking(made.station)
    made.special_requests, made.source = "A high chair", "not named"

    update(made, ["special_requests"])

    rows = Booking.objects.filter(pk__in=[made.pk, other.pk]).order_by("date")
    assert [(row.special_requests, row.source) for row in rows] == [(None, ""), ("A high chair", "")]


def test_update_by_another_field_changes_the_rows_that_have_its_value(made: Booking) -> None:
    other = booking(made.station)
    hold = Hold(booking=made, station=made.station, date=FRIDAY, slot=time(21), lane=2, capacity=5)

    update(hold, ["date", "slot", "lane", "capacity"], match="booking")

    found = Hold.objects.order_by("lane").values_list("booking", "date", "slot", "lane", "capacity")
    assert list(found) == [(other.pk, FRIDAY, time(18), 0, 3), (made.pk, FRIDAY, time(21), 2, 5)]


@pytest.mark.parametrize("count", [0, 1, 3])
def test_among_finds_one_of_as_many_as_there_are(count: int) -> None:
    stations = [open_station() for _n in range(count)]
    open_station()
    condition, values = in_clause("t.id", [station.pk for station in stations])

    assert submit_rows(Station, condition, values, order_by="t.id")() == stations


def test_refusal_is_raised_at_the_end_of_what_goes_together_and_counted(made: Booking) -> None:
    hold = Hold.objects.get()
    twice = Hold(
        booking=booking(made.station), station=made.station, date=hold.date, slot=hold.slot, lane=hold.lane, capacity=3
    )
    counter = metrics.DATABASE_ERRORS.labels("IntegrityError")
    before = counter._value.get()

    with pytest.raises(IntegrityError):
        _in_one_change([twice], "UPDATE bookings_booking SET source = %s", ["after it"])

    assert not Booking.objects.filter(source="after it").exists()
    assert counter._value.get() == before + 1


def test_answers_of_what_goes_together_are_each_ones_own(made: Booking) -> None:
    adapter = RowAdapter([Booking._meta.get_field("date")])
    with pipeline():
        first = submit("SELECT date FROM bookings_booking", [], adapter)
        execute("UPDATE bookings_booking SET date = %s", [FRIDAY])
        second = submit("SELECT date FROM bookings_booking", [], adapter)

    assert ([*first()[0]], [*second()[0]]) == ([SATURDAY], [FRIDAY])


def _in_one_change(rows: list[models.Model], *more: Any, flush_on_commit: bool = False) -> None:
    with transaction.atomic(), pipeline(flush_on_commit=flush_on_commit):
        insert(rows)
        execute(*more)


@pytest.mark.django_db(transaction=True)
def test_refusal_of_what_goes_to_the_commit_leaves_nothing_and_a_connection_that_works(made: Booking) -> None:
    hold = Hold.objects.get()
    twice = Hold(
        booking=booking(made.station), station=made.station, date=hold.date, slot=hold.slot, lane=hold.lane, capacity=3
    )

    with pytest.raises(IntegrityError):
        _in_one_change([twice], "UPDATE bookings_booking SET source = %s", ["after it"], flush_on_commit=True)

    assert not Booking.objects.filter(source="after it").exists()
    _in_one_change([], "UPDATE bookings_booking SET source = %s", ["next"], flush_on_commit=True)
    assert Booking.objects.filter(source="next").count() == 2


@pytest.mark.django_db(transaction=True)
def test_what_goes_to_the_commit_is_undone_where_none_comes(made: Booking) -> None:
    with transaction.atomic():
        with pipeline(flush_on_commit=True):
            execute("UPDATE bookings_booking SET source = %s", ["undone"])
        transaction.set_rollback(True)

    assert Booking.objects.get().source == ""


def test_what_goes_to_the_commit_of_another_s_transaction_is_there_at_once(made: Booking) -> None:
    with transaction.atomic(), pipeline(flush_on_commit=True):
        execute("UPDATE bookings_booking SET source = %s", ["here"])

    assert Booking.objects.get().source == "here"


@pytest.mark.django_db(transaction=True)
def test_answer_that_nobody_reads_holds_up_no_writer(made: Booking) -> None:
    unread = [submit("SELECT date FROM bookings_booking", [], RowAdapter([Booking._meta.get_field("date")]))]
    with ThreadPoolExecutor() as others:
        others.submit(_write_elsewhere).result()

    with transaction.atomic():
        Booking.objects.update(source="here")

    assert unread
    assert Booking.objects.get().source == "here"


def _write_elsewhere() -> None:
    Booking.objects.update(source="elsewhere")
    connection.close()
