"""The form of a new booking: its parts, what it shows of a customer, prefilled forms and bookings made again."""

import re
from datetime import UTC, date, datetime, time
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.test import Client

from accounts import roles
from accounts.customers import Contact
from accounts.models import User
from bookings import services
from bookings.models import Booking
from bookings.models.status import Status
from bookings.privacy import erasure
from stations.models import Station
from tests.bookings.views.test_permissions_offered import holder_of
from tests.factories import FRIDAY, SATURDAY, ExceptionFactory, booking, customer, open_station, person

pytestmark = pytest.mark.looks

NORA = Contact("Nora Silva", "nora@example.com", "+49 30 9011030")
NEW, FOR, CHECK = "/bookings/new/", "/bookings/new/for/", "/bookings/new/check/"
PLACE: dict[str, Any] = {"station": "kitchen", "date": "2031-03-07", "slot": "18:00", "slots": 1}
PARTY = {"party_adults": 2, "party_kids": 0, "status": "confirmed"}
WARNING = "Nora Silva already has a booking at that time (Fri 7 Mar 18:00, 4 guests)."


@pytest.fixture
def visitor(staff: User, client: Client) -> Client:
    client.force_login(staff)
    return client


def form_of(response: Any) -> dict[str, Any]:
    """The values that a form starts with, without empty ones."""
    form = response.context["form"]
    return {field.name: field.value() for field in form if field.value() not in (None, "")}


# --- the form ------------------------------------------------------------------------------------------------------------


def test_fields_come_in_the_order_of_a_call_and_the_rest_under_more(visitor: Client, station: Station) -> None:
    html = visitor.get(NEW, {"station": "kitchen"}).content.decode()

    form = re.sub(r"<template.*?</template>", "", html.partition('class="booking-form"')[2], flags=re.DOTALL)
    names = re.findall(
        r'<(?:input|select|textarea)(?! type="hidden")[^>]*? name="(\w+)"', form.partition("<details")[0]
    )
    assert list(dict.fromkeys(names)) == [
        *("date", "slot", "party_adults", "party_adults_more", "phone", "name", "special_requests"),
    ]


@pytest.mark.parametrize(
    ("words", "opened"), [({}, False), ({"party_kids": 1}, True), ({"total_due_cents": "x"}, True)]
)
def test_more_is_open_if_it_holds_a_value_or_an_error(
    visitor: Client, station: Station, words: dict[str, Any], opened: bool
) -> None:
    answer = visitor.post(NEW, {**PLACE, **PARTY, "phone": "nonsense", **words})

    assert answer.status_code == 400
    assert ('<details class="extras" open>' in answer.content.decode()) == opened


@pytest.mark.parametrize(("words", "adults"), [({"party_adults": 4}, 4), ({"party_adults_more": 12}, 12),
                                               ({"party_adults": 2, "party_adults_more": 12}, 12)])  # fmt: skip
def test_party_is_a_chip_or_the_number_beside_them(
    visitor: Client, station: Station, words: dict[str, Any], adults: int
) -> None:
    answer = visitor.post(NEW, {**PLACE, "party_kids": 0, "status": "confirmed", **words})

    assert answer.status_code == 302
    assert Booking.objects.get().party_adults == adults


def test_party_that_no_chip_has_stays_in_the_form(visitor: Client, station: Station) -> None:
    html = visitor.post(NEW, {**PLACE, **PARTY, "party_adults_more": 12, "phone": "x"}).content.decode()

    assert re.search(r'name="party_adults_more"[^>]* value="12"', html)
    assert not re.search(r'name="party_adults" value="\d+"\s+checked', html)


@pytest.mark.parametrize(
    ("query", "focused"),
    [
        ({}, 'name="phone"'),
        ({"customer": "known"}, 'name="party_adults" value="2"'),
        ({"date": "2031-03-08"}, 'name="date"'),
    ],
)
def test_first_field_to_fill_in_has_the_focus(
    visitor: Client, station: Station, query: dict[str, str], focused: str
) -> None:
    ExceptionFactory(station=station, date=SATURDAY)
    known = customer(station)

    query = {name: str(known.pk) if value == "known" else value for name, value in query.items()}
    html = visitor.get(NEW, {"station": "kitchen", **query}).content.decode()

    [field] = re.findall(r"<input[^>]*\sautofocus[^>]*>", html)
    assert focused in " ".join(field.split())


# --- a booking at the same time ----------------------------------------------------------------------------------------------


@pytest.fixture
def at_six(station: Station) -> Booking:
    return booking(station, customer=NORA, party_adults=4, special_requests="Window")


def test_known_customer_with_a_booking_at_that_time_is_warned_about_at_once(visitor: Client, at_six: Booking) -> None:
    query = {"station": "kitchen", "customer": str(at_six.customer_id), "date": "2031-03-07"}

    pages = [visitor.get(NEW, {**query, "slot": slot}).content.decode() for slot in ("18:00", "19:00")]

    assert [WARNING in html for html in pages] == [True, False]


@pytest.mark.parametrize(
    ("slot", "slots", "warned"),
    [("18:00", 1, True), ("17:00", 2, True), ("17:00", 1, False), ("19:00", 1, False), ("3:00", 1, False)],
)
def test_check_tells_which_slots_overlap(visitor: Client, at_six: Booking, slot: str, slots: int, warned: bool) -> None:
    query = {**PLACE, "customer": str(at_six.customer_id), "slot": slot, "slots": slots}

    html = visitor.get(CHECK, query).content.decode()

    assert (WARNING in html, str(at_six.pk) in html, "Last request:" in html) == (warned, warned, True)


@pytest.mark.parametrize("words", [{"date": "x"}, {"slot": "x"}, {"slots": "0"}, {"date": ""}])
def test_check_of_no_slot_warns_of_nothing(visitor: Client, at_six: Booking, words: dict[str, str]) -> None:
    answer = visitor.get(CHECK, {**PLACE, "customer": str(at_six.customer_id), **words})

    assert (answer.status_code, WARNING in answer.content.decode()) == (200, False)


def test_check_shows_nothing_of_others_customers(visitor: Client, station: Station) -> None:
    other = open_station(code="elsewhere")
    theirs = customer(other)

    assert visitor.get(CHECK, {**PLACE, "customer": str(theirs.pk)}).status_code == 404
    assert visitor.get(CHECK, {**PLACE, "station": "elsewhere"}).status_code == 404
    assert visitor.get(CHECK, {**PLACE, "customer": "nonsense"}).status_code == 404


def test_cancelled_booking_is_no_reason_to_warn(visitor: Client, at_six: Booking) -> None:
    services.change_status(at_six.pk, Status.CANCELLED, by=roles.OPERATOR)

    assert WARNING not in visitor.get(CHECK, {**PLACE, "customer": str(at_six.customer_id)}).content.decode()


@pytest.mark.parametrize("known", [True, False])
def test_second_booking_at_that_time_is_made_once_it_was_shown(visitor: Client, at_six: Booking, known: bool) -> None:
    who = {"customer": str(at_six.customer_id)} if known else {"name": "Nora Silva", "phone": "030 9011030"}
    words = {**PLACE, **PARTY, **who, "warns_of_overlaps": True}

    refused = visitor.post(NEW, words)
    assert (refused.status_code, Booking.objects.count()) == (400, 1)
    html = refused.content.decode()
    assert WARNING in html
    assert "Nothing is booked yet. Press Book again to make this booking as well." in html
    seen = re.findall(r'name="known_overlap" value="([^"]+)"', html)
    assert seen == [str(at_six.pk)]
    again = visitor.post(NEW, {**words, "known_overlap": seen})

    assert (again.status_code, Booking.objects.count()) == (302, 2)


@pytest.mark.parametrize("seen", [["x"], [""], ["-" * 36], [str(uuid4())]])
def test_booking_that_was_not_shown_is_warned_about(visitor: Client, at_six: Booking, seen: list[str]) -> None:
    words = {**PLACE, **PARTY, "customer": str(at_six.customer_id), "known_overlap": seen}
    words["warns_of_overlaps"] = True

    assert (visitor.post(NEW, words).status_code, Booking.objects.count()) == (400, 1)


def test_program_that_shows_no_warnings_books_without(visitor: Client, at_six: Booking) -> None:
    words = {**PLACE, **PARTY, "customer": str(at_six.customer_id)}

    assert (visitor.post(NEW, words).status_code, Booking.objects.count()) == (302, 2)


def test_two_walk_ins_at_the_same_time_are_no_reason_to_warn(visitor: Client, station: Station) -> None:
    booking(station)

    assert visitor.post(NEW, {**PLACE, **PARTY, "warns_of_overlaps": True}).status_code == 302


def test_last_request_is_for_those_who_may_read_it(client: Client, at_six: Booking) -> None:
    client.force_login(holder_of([roles.VIEW, roles.CHANGE, roles.PAGES], at_six.station))

    html = client.get(CHECK, {**PLACE, "customer": str(at_six.customer_id)}).content.decode()

    assert ("N. S. already has a booking" in html, "Window" in html) == (True, False)


# --- for a search without a hit ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ("Bo Li", "name"),
        ("030 9011099", "phone"),
        ("+49 30 901", "phone"),
        ("bo@example.com", "email"),
        ("T0038", "name"),
    ],
)
def test_what_was_typed_without_a_hit_goes_into_the_right_field(
    visitor: Client, station: Station, typed: str, field: str
) -> None:
    answer = visitor.post(FOR, {"q": typed, "station": "kitchen"})

    values = form_of(answer)
    assert answer.status_code == 200
    assert {name: values[name] for name in ("name", "phone", "email") if name in values} == {field: typed}
    assert '<form method="post" action="/bookings/new/"' in answer.content.decode()


def test_form_for_nobody_known_cannot_be_opened_at_others_stations(visitor: Client, station: Station) -> None:
    open_station(code="elsewhere")

    assert visitor.post(FOR, {"q": "Bo Li", "station": "elsewhere"}).status_code == 404
    assert visitor.get(FOR).status_code == 405


# --- book again ----------------------------------------------------------------------------------------------------------------


def again(made: Booking, now: datetime) -> dict[str, Any]:
    client = Client()
    with time_machine.travel(now, tick=False):
        client.force_login(person(roles.STAFF, made.station))
        return form_of(client.get(NEW, {"again": str(made.pk)}))


def test_booking_is_made_again_a_week_later_for_the_same_party(visitor: Client, station: Station) -> None:
    made = booking(station, FRIDAY, time(19), customer=NORA, party_adults=5, party_kids=2, slots=2)

    answer = visitor.get(NEW, {"again": str(made.pk)})

    wanted = {"date": date(2031, 3, 14), "slot": "19:00", "party_adults": 5, "party_kids": 2, "slots": 2}
    assert {name: form_of(answer)[name] for name in wanted} == wanted
    assert answer.context["known"].customer_id == made.customer_id


@pytest.mark.parametrize(
    ("now", "day", "slot"),
    [
        (datetime(2031, 4, 2, tzinfo=UTC), date(2031, 4, 4), "19:00"),
        (datetime(2031, 4, 4, 12, tzinfo=UTC), date(2031, 4, 4), "19:00"),
        (datetime(2031, 4, 4, 19, tzinfo=UTC), date(2031, 4, 11), "19:00"),
        (datetime(2031, 2, 1, tzinfo=UTC), date(2031, 3, 14), "19:00"),
    ],
)
def test_booking_of_long_ago_is_made_again_on_its_next_weekday(
    station: Station, now: datetime, day: date, slot: str
) -> None:
    values = again(booking(station, FRIDAY, time(19)), now)

    assert (values["date"], values["slot"]) == (day, slot)


def test_booking_is_made_again_in_the_next_week_with_room(station: Station) -> None:
    made = booking(station, FRIDAY, time(19))
    for day in (14, 21):
        ExceptionFactory(station=station, date=FRIDAY.replace(day=day), slot=time(19))

    values = again(made, datetime(2031, 3, 7, tzinfo=UTC))

    assert (values["date"], values["slot"]) == (date(2031, 3, 28), "19:00")


def test_booking_whose_time_is_gone_is_made_again_at_the_next_free_one(station: Station) -> None:
    made = booking(station, FRIDAY, time(19))
    station.openings.filter(start=time(19)).delete()

    values = again(made, datetime(2031, 3, 7, tzinfo=UTC))

    assert (values["date"], values["slot"]) == (FRIDAY, "17:00")


def test_booking_of_an_erased_customer_is_made_again_without_them(visitor: Client, station: Station) -> None:
    made = booking(station, FRIDAY.replace(year=2021), customer=NORA, status=Status.COMPLETED)
    assert made.customer_id
    erasure.erase(made.customer_id, by=roles.OPERATOR)

    assert visitor.get(NEW, {"again": str(made.pk)}).context["known"] is None


@pytest.mark.parametrize("key", ["nonsense", "00000000-0000-4000-8000-000000000000", "theirs"])
def test_only_bookings_that_one_sees_can_be_made_again(visitor: Client, station: Station, key: str) -> None:
    theirs = booking(open_station(code="elsewhere"))

    assert visitor.get(NEW, {"again": str(theirs.pk) if key == "theirs" else key}).status_code == 404


def test_book_again_is_offered_to_those_who_may_book(client: Client, station: Station) -> None:
    made = booking(station)
    offers = {}
    for group in (roles.VIEWERS, roles.STAFF):
        client.force_login(person(group, station))
        offers[group] = f"?again={made.pk}" in client.get(f"/bookings/{made.pk}/").content.decode()

    assert offers == {roles.VIEWERS: False, roles.STAFF: True}
    Station.objects.update(is_active=False)
    assert "?again=" not in client.get(f"/bookings/{made.pk}/").content.decode()
