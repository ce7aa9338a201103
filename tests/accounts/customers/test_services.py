"""Customers: matching contacts, validation, and what changes leave behind."""

from datetime import time
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts import customers, roles
from accounts.customers import Contact, Difference, ShownCustomer
from accounts.models import AuditEntry, BlindIndex, Customer
from bookings import services
from bookings.models import Booking
from bookings.services.inputs import Draft
from core.errors import Invalid, NotFound, NotPermitted
from stations.models import Station
from tests.factories import FRIDAY, StationFactory, open_station, person, staff

ANA = Contact("Ana García", "ana@example.com", "+1 202-555-0143")


@pytest.fixture
def station(db: None) -> Station:
    return StationFactory(country="US")


def made(station: Station, *contacts: Contact, strict: bool = True) -> list[Customer]:
    return customers.find_or_create(station, contacts, strict=strict)


def as_stored(customer: Customer) -> tuple[str, str, str, bool]:
    fresh = Customer.objects.get(pk=customer.pk)
    return fresh.name, fresh.email, fresh.phone, fresh.phone_is_valid


def trail(customer: Customer) -> list[tuple[str, Any]]:
    entries = AuditEntry.objects.filter(object_pk=str(customer.pk)).order_by("id")
    return [(entry.event, entry.changes) for entry in entries]


def changes_of(station: Station) -> int:
    return Station.objects.get(pk=station.pk).changes


def test_find_or_create_stores_what_was_given_and_the_phone_as_e164(station: Station) -> None:
    [ana] = made(station, Contact("  Ana García ", " ana@example.com ", " (202) 555-0143 "))
    assert as_stored(ana) == ("Ana García", "ana@example.com", "+12025550143", True)


@pytest.mark.parametrize(
    "again",
    [
        Contact("ANA GARCIA", "Ana@Example.com"),
        Contact("ana  garcía", "", "202.555.0143"),
        Contact("Ana García", "other@example.com", "+12025550143"),
        Contact("Ana García", "ANA@EXAMPLE.COM", "+12025550199"),
    ],
)
def test_find_or_create_knows_the_same_person_again(station: Station, again: Contact) -> None:
    [ana] = made(station, ANA)
    assert made(station, again) == [ana]
    assert as_stored(ana) == ("Ana García", "ana@example.com", "+12025550143", True)


@pytest.mark.parametrize(
    "other",
    [
        Contact("Ana Garcia-Lopez", "ana@example.com"),
        Contact("Eva García", "", "+12025550143"),
        Contact("Ana García", "ana2@example.com", "+12025550144"),
        Contact("Ana García"),
    ],
)
def test_find_or_create_makes_somebody_new_of_another(station: Station, other: Contact) -> None:
    [ana] = made(station, ANA)
    assert made(station, other) != [ana]
    assert Customer.objects.count() == 2


def test_find_or_create_never_matches_contacts_with_nothing_but_a_name(station: Station) -> None:
    first, second = made(station, Contact("Ana"), Contact("Ana"))
    assert first != second


def test_find_or_create_never_matches_across_stations(station: Station) -> None:
    [here] = made(station, ANA)
    [there] = made(StationFactory(country="US"), ANA)
    assert here != there


def test_find_or_create_compares_invalid_phones_by_their_digits(station: Station) -> None:
    first, again, other = made(
        station,
        Contact("Ana", "", "555-555-5555"),
        Contact("ana", "", "(555) 555 5555"),
        Contact("Ana", "", "555-555-5556"),
        strict=False,
    )
    assert (first == again, first == other) == (True, False)
    assert as_stored(first) == ("Ana", "", "555-555-5555", False)


def test_find_or_create_takes_equal_contacts_of_a_batch_for_one(station: Station) -> None:
    first, second, third = made(station, ANA, Contact("Bob", "bob@example.com"), ANA)
    assert first == third
    assert Customer.objects.count() == 2
    assert trail(second) == [("created", {"name": [None, "•••"], "email": [None, "•••"]})]


def test_find_or_create_never_joins_a_batch_through_what_a_match_lacks(station: Station) -> None:
    first, second, third = made(
        station,
        Contact("Ana", "ana@example.com"),
        Contact("Ana", "ana@example.com", "+12025550143"),
        Contact("Ana", "", "+12025550143"),
    )
    assert (first == second, first == third) == (True, False)
    assert as_stored(first) == ("Ana", "ana@example.com", "", True)


def test_find_or_create_fills_in_nothing_that_the_match_lacks(station: Station) -> None:
    by_email, by_phone = made(station, Contact("Ana", "ana@example.com"), Contact("Bo", "", "+12025550143"))
    before = changes_of(station)

    again = made(
        station, Contact("Ana", "ana@example.com", "+12025550144"), Contact("Bo", "bo@example.com", "+12025550143")
    )

    assert again == [by_email, by_phone]
    assert [as_stored(one) for one in again] == [("Ana", "ana@example.com", "", True), ("Bo", "", "+12025550143", True)]
    assert [len(trail(one)) for one in again] == [1, 1]
    assert changes_of(station) == before
    assert customers.search(roles.OPERATOR, "bo@example.com") == []


def test_find_or_create_takes_the_same_name_for_the_one_it_is_about_already(station: Station) -> None:
    [ana] = made(station, ANA)
    [namesake] = made(station, Contact("Ana García", "other@example.com"))

    def again(contact: Contact) -> Customer:
        return customers.find_or_create(station, [contact], strict=True, own=ana)[0]

    assert again(Contact("ana garcia", "new@example.com", "+12025550199")) == ana
    assert again(Contact("Ana García")) == ana
    assert again(Contact("Ana García", "other@example.com")) == namesake
    assert again(Contact("Ana García", "other@example.com", "+12025550143")) == ana
    assert again(Contact("Eva García", "new@example.com")) not in (ana, namesake)


@pytest.mark.parametrize(
    ("contact", "email", "phone", "is_valid"),
    [
        (Contact("Ana", "ANA@example.com", "(202) 555-0143"), "", "", True),
        (Contact("Ana"), "", "", True),
        (Contact("Ana", "new@example.com\u200b"), "new@example.com", "", True),
        (Contact("Ana", "", "202 555 0199"), "", "+12025550199", True),
        (Contact("Ana", "", "call me"), "", "call me", False),
    ],
)
def test_difference_is_what_the_customer_is_not_on_file_with(
    station: Station, contact: Contact, email: str, phone: str, is_valid: bool
) -> None:
    [ana] = made(station, ANA)
    assert customers.difference(ana, contact) == Difference(email, phone, phone_is_valid=is_valid)


def test_find_or_create_takes_the_oldest_of_several_matches(station: Station) -> None:
    elder, younger = made(station, Contact("Ana", "ana@example.com"), Contact("Ana", "eva@example.com"))
    younger.email = "ana@example.com"
    younger.save()
    assert made(station, Contact("Ana", "ana@example.com")) == [elder]


def test_find_or_create_asks_the_same_few_queries_for_any_batch(station: Station) -> None:
    def queries(first: int, count: int) -> int:
        with CaptureQueriesContext(connection) as captured:
            made(station, *(Contact(f"Ana {n}", f"ana{n}@example.com") for n in range(first, first + count)))
        return len([query for query in captured if "SAVEPOINT" not in query["sql"]])

    queries(0, 1)
    assert queries(1, 1) == queries(2, 20) == 6


@pytest.mark.parametrize(
    ("contact", "field"),
    [
        (Contact("Ana", "a" * 255), "email"),
        (Contact("Ana", "", "12"), "phone"),
        (Contact("Ana", "", "call me"), "phone"),
        (Contact("Ana", "", "+1 202-555-0143 ext. 9"), "phone"),
        (Contact("", "ana@example.com"), "name"),
        (Contact("A\x00na", "ana@example.com"), "name"),
        (Contact("A\ud800na", "ana@example.com"), "name"),
        (Contact("A" * 201), "name"),
        (Contact("A" * 10_000), "name"),
        (Contact("Ana", "a@" + "b" * 300 + ".com"), "email"),
    ],
)
def test_find_or_create_refuses_what_is_none(station: Station, contact: Contact, field: str) -> None:
    with pytest.raises(Invalid) as refusal:
        made(station, ANA, contact)
    assert list(refusal.value.fields) == [field]
    assert not Customer.objects.exists()


@pytest.mark.parametrize(
    ("contact", "field"),
    [
        (Contact("Ana", "a" * 255), "email"),
        (Contact("A\ud800na", "ana@example.com"), "name"),
        (Contact("Ana", "", "1\x00" * 4), "phone"),
        (Contact("Ana", "", "1" * 41), "phone"),
    ],
)
def test_check_refuses_what_an_import_cannot_keep(station: Station, contact: Contact, field: str) -> None:
    with pytest.raises(Invalid) as refusal:
        customers.check(station, contact, strict=False)
    assert list(refusal.value.fields) == [field]


def test_create_many_refuses_only_the_draft_whose_contact_is_none(station: Station) -> None:
    kitchen = open_station()
    contacts = [Contact("Ana", "ana@example.com"), Contact("Bob", "a" * 255), Contact("Eva", "", "call me")]
    drafts = [Draft(kitchen.code, FRIDAY, time(18), customer=contact) for contact in contacts]

    first, refused, third = services.create_many(drafts, by=roles.OPERATOR)

    assert isinstance(refused, Invalid)
    assert list(refused.fields) == ["email"]
    assert [as_stored(made.customer)[0] for made in (first, third) if isinstance(made, Booking) and made.customer] == [
        "Ana",
        "Eva",
    ]


def test_find_or_create_calls_the_nameless_by_their_contact_in_an_import(station: Station) -> None:
    found = made(station, Contact("", "ana@example.com"), Contact(" ", "", "call me"), strict=False)
    assert [as_stored(one) for one in found] == [
        ("ana@example.com", "ana@example.com", "", True),
        ("call me", "", "call me", False),
    ]


def email_of(customer: Customer) -> tuple[str, bool]:
    fresh = Customer.objects.get(pk=customer.pk)
    return fresh.email, fresh.email_is_valid


@pytest.mark.parametrize("email", ["n/a", "-", "ana@example.com; bo@example.com", "ana@", "ana at example.com"])
def test_import_keeps_a_bad_email_as_written_and_marks_it(station: Station, email: str) -> None:
    [ana] = made(station, Contact("Ana", email), strict=False)

    assert email_of(ana) == (email, False)
    assert not ana.can_be_emailed


@pytest.mark.parametrize("email", ["n/a", "ana@example.com; bo@example.com"])
def test_booking_with_a_bad_email_is_refused_outside_imports(station: Station, email: str) -> None:
    with pytest.raises(Invalid) as refusal:
        made(station, Contact("Ana", email))

    assert list(refusal.value.fields) == ["email"]


def test_bad_email_does_not_make_two_people_one(station: Station) -> None:
    first, second = made(station, Contact("A", "n/a"), Contact("A", "n/a"), strict=False)

    assert first.pk != second.pk


def test_bad_email_fills_in_no_gap(station: Station) -> None:
    made(station, Contact("Ana", "", "+12025550143"))
    [ana] = made(station, Contact("Ana", "n/a", "+12025550143"), strict=False)

    assert email_of(ana) == ("", True)


def test_edit_leaves_a_bad_email_alone_until_a_good_one_replaces_it(station: Station) -> None:
    [ana] = made(station, Contact("Ana", "n/a"), strict=False)
    customers.edit(ana.pk, {"name": "Ana García", "email": "n/a"}, by=roles.OPERATOR)
    assert email_of(ana) == ("n/a", False)

    with pytest.raises(Invalid):
        customers.edit(ana.pk, {"email": "none"}, by=roles.OPERATOR)
    customers.edit(ana.pk, {"email": "ana@example.com"}, by=roles.OPERATOR)

    assert email_of(ana) == ("ana@example.com", True)


def test_find_or_create_names_the_one_who_acts(station: Station) -> None:
    by = staff(station)
    [ana] = customers.find_or_create(station, [ANA], strict=True, by=by)
    entry = AuditEntry.objects.get(object_pk=str(ana.pk))
    assert (entry.actor, entry.actor_email, entry.station, entry.action) == (by, by.email, station, 0)
    assert entry.object_repr == f"Customer {str(ana.pk)[:8]}"


def test_edit_changes_indexes_and_audits_once(station: Station) -> None:
    by, [ana] = staff(station), made(station, ANA)
    before = changes_of(station)

    customers.edit(ana.pk, {"name": "Anita Pérez", "phone": "202 555 0199", "notes": "By the window"}, by=by)

    assert as_stored(ana) == ("Anita Pérez", "ana@example.com", "+12025550199", True)
    assert Customer.objects.get(pk=ana.pk).notes == "By the window"
    hidden = ["•••", "•••"]
    assert trail(ana)[1:] == [("edited", {"name": hidden, "phone": hidden, "notes": hidden})]
    assert changes_of(station) == before + 1
    assert [customers.search(by, q) for q in ("garcía", "0143", "perez", "0199")] == [[], [], [ana], [ana]]


def test_edit_to_the_same_writes_nothing(station: Station) -> None:
    by, [ana] = staff(station), made(station, ANA)
    before = changes_of(station)

    customers.edit(ana.pk, {"name": " Ana García ", "phone": "202 555 0143"}, by=by)

    assert (len(trail(ana)), changes_of(station)) == (1, before)


def test_edit_leaves_a_phone_kept_as_written_but_takes_no_other_such(station: Station) -> None:
    by, [ana] = staff(station), made(station, Contact("Ana", "", "555-5555"), strict=False)
    customers.edit(ana.pk, {"name": "Ana García", "phone": "555-5555"}, by=by)
    assert as_stored(ana) == ("Ana García", "", "555-5555", False)

    with pytest.raises(Invalid) as refusal:
        customers.edit(ana.pk, {"phone": "555-5556"}, by=by)
    assert list(refusal.value.fields) == ["phone"]


@pytest.mark.parametrize(
    "changes",
    [
        {"name": ""},
        {"email": "none"},
        {"name": 5},
        {"notes": None},
        {"station": "X"},
        {"notes": "a\x00b"},
        {"name": "\ud800"},
    ],
)
def test_edit_refuses_what_is_none(station: Station, changes: dict[str, Any]) -> None:
    by, [ana] = staff(station), made(station, ANA)
    with pytest.raises(Invalid) as refusal:
        customers.edit(ana.pk, changes, by=by)
    assert list(refusal.value.fields) == list(changes)
    assert len(trail(ana)) == 1


def test_edit_asks_for_the_rights_before_anything_else(station: Station) -> None:
    [ana] = made(station, ANA)
    for customer_id in (ana.pk, uuid4()):
        with pytest.raises(NotPermitted):
            customers.edit(customer_id, {"name": "Eva"}, by=person(roles.VIEWERS, station))


def test_edit_does_not_find_another_stations_customer(station: Station) -> None:
    [ana] = made(station, ANA)
    with pytest.raises(NotFound):
        customers.edit(ana.pk, {"name": "Eva"}, by=staff(StationFactory()))
    assert as_stored(ana)[0] == "Ana García"


def test_shown_hides_all_but_initials_without_the_right(station: Station) -> None:
    [ana] = made(station, ANA)
    assert customers.shown(ana, staff(station)) == ShownCustomer(
        ana.pk, "Ana García", "ana@example.com", "+12025550143"
    )
    assert customers.shown(ana, person(roles.VIEWERS, station)) == ShownCustomer(ana.pk, "A. G.", "", "")


def test_trail_of_customers_holds_nothing_personal(station: Station) -> None:
    by, [ana] = staff(station), made(station, ANA)
    customers.edit(ana.pk, {"name": "Anita Pérez", "notes": "By the window"}, by=by)
    told = str(list(AuditEntry.objects.filter(object_pk=str(ana.pk)).values()))
    assert [mark for mark in ("Ana", "Garc", "Anita", "Pérez", "5550143", "window") if mark in told] == []


def test_equal_people_of_two_stations_have_unrelated_digests(station: Station) -> None:
    [here], [there] = made(station, ANA), made(StationFactory(country="US"), ANA)
    digests = [
        {bytes(digest) for digest in BlindIndex.objects.filter(customer=one).values_list("digest", flat=True)}
        for one in (here, there)
    ]
    assert len(digests[0]) == len(digests[1]) > 0
    assert digests[0] & digests[1] == set()
