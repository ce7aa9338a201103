"""A customer whose booking moves to another station, where they are created or already known."""

from datetime import time
from typing import Any

import pytest
from django.test import Client

from accounts import customers, roles
from accounts.customers import Contact
from accounts.customers.transfer import COPIED_FIELDS
from accounts.models import AuditEntry, Customer, User
from bookings.models import Booking
from stations.models import Station
from tests.factories import booking, customer, open_station, person, store

EVERYTHING = {
    "name": "Nora Silva",
    "email": "nora@example.com",
    "email_is_valid": True,
    "email_bounced": True,
    "phone": "555-0143 after six",
    "phone_is_valid": False,
    "language": "es",
    "notes": "By the window",
}


@pytest.fixture
def bar(db: None) -> Station:
    """In a country where the number that is none in Germany would be one."""
    return open_station(code="bar", country="US")


@pytest.fixture
def visitor(station: Station, bar: Station, client: Client) -> Client:
    client.force_login(person(roles.STAFF, station, bar))
    return client


@pytest.fixture
def made(station: Station) -> Booking:
    """A booking of Nora's, of whom the kitchen knows everything that can be known."""
    found = booking(station, customer=Contact("Nora Silva", "nora@example.com"))
    store(Customer.objects.get(), **EVERYTHING)
    return found


def move(visitor: Client, made: Booking) -> Customer:
    place = {"station": "bar", "date": "2031-03-08", "slot": "19:00", "version": made.version}
    assert visitor.post(f"/bookings/{made.pk}/move/", place).status_code == 302
    made.refresh_from_db()
    assert made.customer
    return made.customer


def values(one: Customer) -> dict[str, Any]:
    return {name: getattr(one, name) for name in COPIED_FIELDS}


def test_every_field_of_a_customer_is_copied_or_known_to_be_the_stations_own() -> None:
    not_copied = {"id", "station", "version", "created_at", "updated_at", "erased_at"}
    fields = {field.name for field in Customer._meta.concrete_fields}

    assert (set(COPIED_FIELDS) | not_copied, set(COPIED_FIELDS) & not_copied) == (fields, set())
    assert set(EVERYTHING) == set(COPIED_FIELDS)


def test_customer_who_is_made_at_the_other_station_is_all_that_they_were(
    visitor: Client, made: Booking, bar: Station
) -> None:
    there = move(visitor, made)

    assert (there.station, values(there)) == (bar, EVERYTHING)
    assert customers.search(roles.OPERATOR, "nora@example.com", stations=[bar]) == [there]
    entry = AuditEntry.objects.get(object_pk=str(there.pk), station=bar)
    assert (entry.event, {*entry.changes}) == ("created", {"name", "email", "phone", "language", "notes", "moved_from"})


def test_customer_who_is_known_there_keeps_what_is_on_file(visitor: Client, made: Booking, bar: Station) -> None:
    known = customer(bar, "Nora Silva", "NORA@example.com", "+1 202 555 0199")
    store(known, language="de", notes="Regular")

    there = move(visitor, made)

    assert there == known
    assert values(there) == {
        **EVERYTHING,
        "email": "NORA@example.com",
        "phone": "+12025550199",
        "phone_is_valid": True,
        "language": "de",
        "notes": "Regular",
    }
    entry = AuditEntry.objects.filter(object_pk=str(there.pk)).latest("id")
    assert (entry.event, {*entry.changes}) == ("edited", {"email_bounced", "moved_from"})


def test_customer_who_is_known_there_takes_over_the_language_and_notes_that_they_lack(
    visitor: Client, made: Booking, bar: Station
) -> None:
    known = customer(bar, "Nora Silva", "nora@example.com")

    there = move(visitor, made)

    assert (there.language, there.notes, there.phone, there.version) == ("es", "By the window", "", known.version + 1)


def test_email_that_is_no_address_stays_so_there(visitor: Client, made: Booking) -> None:
    store(Customer.objects.get(), email="n/a", email_is_valid=False, email_bounced=False)

    there = move(visitor, made)

    assert (there.email, there.email_is_valid) == ("n/a", False)


def test_other_address_there_is_not_marked_as_broken(visitor: Client, made: Booking, bar: Station) -> None:
    store(Customer.objects.get(), phone="+12025550143", phone_is_valid=True)
    known = customer(bar, "Nora Silva", "nora.silva@example.com", "+12025550143")

    there = move(visitor, made)

    assert (there, there.email_bounced) == (known, False)


def test_move_back_writes_nothing_new_about_the_customer(visitor: Client, made: Booking, station: Station) -> None:
    here = made.customer
    assert here
    before = values(here)
    move(visitor, made)

    place = {"station": "kitchen", "date": "2031-03-07", "slot": "18:00", "version": made.version}
    visitor.post(f"/bookings/{made.pk}/move/", place)

    made.refresh_from_db()
    assert (made.customer, values(Customer.objects.get(pk=here.pk))) == (here, {**before, **EVERYTHING})
    assert not AuditEntry.objects.filter(object_pk=str(here.pk), event="edited").exists()


def test_notes_of_the_two_stations_go_their_own_ways_afterwards(
    visitor: Client, made: Booking, bar: Station, staff: User
) -> None:
    there = move(visitor, made)

    customers.edit(there.pk, {"notes": "Owes us"}, by=person(roles.STAFF, bar))

    assert Customer.objects.get(station=staff.stations.get()).notes == "By the window"
    assert made.slot == time(19)
