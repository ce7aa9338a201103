"""Creating, retrieving and editing bookings, and changing their status, with the API."""

from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import pytest

from accounts.customers import Contact
from accounts.models import AuditEntry, Customer, User
from bookings import services
from bookings.models import Booking
from bookings.models.status import Status
from stations.models import Station
from tests import factories
from tests.bookings.api.caller import Caller, failure, status_and_code
from tests.factories import FRIDAY, booking

LIST = "/api/bookings/"
NEW = {"station": "kitchen", "date": "2031-03-07", "slot": "18:00", "party_adults": 2}
NOBODY = {"status": 404, "error": "Not found.", "code": "not_found"}


def one(made: Booking | object) -> str:
    return f"/api/bookings/{getattr(made, 'pk', made)}/"


def step(made: Booking | object) -> str:
    return f"/api/bookings/{getattr(made, 'pk', made)}/status/"


def listed(api: Caller, **query: Any) -> list[str]:
    answer = api.get(f"{LIST}?{urlencode(query)}")
    assert answer.status_code == 200
    return [row["booking_id"] for row in answer.json()["data"]]


def ids(*made: Booking) -> list[str]:
    return [str(booking.pk) for booking in made]


# --- new -----------------------------------------------------------------------------------------------------------------


def test_create_answers_with_the_row_and_where_it_is(api: Caller, station: Station) -> None:
    answer = api.post(LIST, NEW)

    made = Booking.objects.get()
    assert (answer.status_code, answer.headers["ETag"]) == (201, '"1"')
    assert answer.headers["Location"] == f"http://testserver/api/bookings/{made.pk}/"
    assert answer.json() == {
        "success": True,
        "data": {
            "booking_id": str(made.pk),
            "customer": None,
            "date": "2031-03-07",
            "slot": "18:00",
            "total_guests": 2,
            "status": "pending",
            "total_due_cents": 0,
            "balance_due_cents": 0,
            "special_requests": None,
            "source": "",
            "created_at": made.created_at.isoformat(),
            "updated_at": made.updated_at.isoformat(),
            "station": "kitchen",
            "starts_at": "2031-03-07T17:00:00+00:00",
            "ends_at": "2031-03-07T18:00:00+00:00",
            "slots": 1,
            "version": 1,
            "needs_place": False,
            "party_adults": 2,
            "party_kids": 0,
            "deposit_due_cents": 0,
            "external_ref": "",
            "series": None,
            "held_until": None,
        },
    }


def test_create_keeps_every_field_as_it_was_sent(api: Caller, station: Station) -> None:
    body = {
        **NEW,
        "slots": 2,
        "status": "confirmed",
        "party_kids": 1,
        "special_requests": "  By the window,\n\tplease — “quiet” \u200b<b>& warm</b> 🌍  ",
        "total_due_cents": 1_000_000_000,
        "deposit_due_cents": 1,
        "source": "partner <x>",
        "external_ref": "A/1 é",
        "customer": {"name": "Ana <García>", "email": "ana@example.com", "phone": "+1 202-555-0143"},
    }

    api.post(LIST, body)

    made = Booking.objects.select_related("customer").get()
    assert {name: getattr(made, name) for name in body if name not in ("station", "date", "slot", "customer")} == {
        name: value for name, value in body.items() if name not in ("station", "date", "slot", "customer")
    }
    assert made.customer
    assert (made.customer.name, made.customer.email, made.customer.phone) == (
        "Ana <García>",
        "ana@example.com",
        "+12025550143",
    )


def test_create_for_a_known_customer_takes_their_id(api: Caller, station: Station) -> None:
    known = factories.customer(station)

    answer = api.post(LIST, {**NEW, "customer_id": str(known.pk)})

    assert answer.json()["data"]["customer"]["customer_id"] == str(known.pk)


def test_create_for_another_stations_customer_finds_nobody(api: Caller, station: Station, bar: Station) -> None:
    theirs = factories.customer(bar)

    answers = [failure(api.post(LIST, {**NEW, "customer_id": str(pk)})) for pk in (theirs.pk, uuid4())]

    assert answers[0] == answers[1]
    assert (answers[0]["status"], answers[0]["errors"]) == (404, {"customer_id": ["Not found."]})


def test_create_at_another_station_finds_no_station(api: Caller, station: Station, bar: Station) -> None:
    bodies = [{**NEW, "station": "bar"}, {**NEW, "station": "none"}, {"station": "bar"}]

    assert [failure(api.post(LIST, body)) for body in bodies] == [NOBODY] * 3


def test_create_with_a_taken_reference_names_the_booking(api: Caller, station: Station) -> None:
    there = booking(station, external_ref="A-1")

    said = failure(api.post(LIST, {**NEW, "external_ref": "A-1"}))

    assert said == {
        "status": 409,
        "error": "This station already has a booking with that reference.",
        "code": "duplicate",
        "data": {"booking_id": str(there.pk)},
    }


@pytest.mark.parametrize(
    ("changed", "code", "errors"),
    [
        ({"station": ""}, "invalid", {"station": ["This field may not be blank."]}),
        ({"party_adults": 0}, "invalid", {"party_adults": ["A party has at least one guest."]}),
        (
            {"deposit_due_cents": 1},
            "invalid",
            {"deposit_due_cents": ["The deposit cannot be more than the total."]},
        ),
        ({"status": "completed"}, "invalid", {"status": ["Use one of: pending, confirmed, arrived."]}),
        (
            {"customer": {"name": "Ana", "phone": "12"}},
            "invalid",
            {
                "customer.phone": [
                    "This is not a phone number. Enter it with its country code, such as +1 202 555 0143."
                ]
            },
        ),
        (
            {"customer": {"name": "Ana", "email": "ana"}},
            "invalid",
            {"customer.email": ["Enter a valid email address."]},
        ),
        (
            {"customer": {"title": "Dr"}},
            "required",
            {"customer.name": ["This field is required."], "customer.title": ["Unknown field."]},
        ),
        (
            {"customer": {"name": "Ana"}, "customer_id": "00000000-0000-0000-0000-000000000000"},
            "invalid",
            {"customer_id": ["Give either a customer or a customer_id."]},
        ),
    ],
)
def test_create_names_the_field_at_fault(
    api: Caller, station: Station, changed: dict[str, Any], code: str, errors: dict[str, list[str]]
) -> None:
    said = failure(api.post(LIST, {**NEW, **changed}))

    assert (said["status"], said["code"], said["errors"]) == (400, code, errors)
    assert not Booking.objects.exists()


def test_create_asks_the_same_rules_as_every_door(api: Caller, station: Station) -> None:
    for _n in range(3):
        booking(station)
    bodies = [NEW, {**NEW, "slot": "18:15"}, {**NEW, "date": "2020-03-06"}]

    said = [status_and_code(api.post(LIST, body)) for body in bodies]

    assert said == [(400, "slot_full"), (400, "no_such_slot"), (400, "past")]


# --- one -----------------------------------------------------------------------------------------------------------------


def test_read_answers_with_the_row_and_its_version(api: Caller, station: Station) -> None:
    made = booking(station)

    answer = api.get(one(made))

    assert (answer.headers["ETag"], answer.json()["data"]["booking_id"]) == ('"1"', str(made.pk))


def test_edit_changes_what_is_sent_and_nothing_else(api: Caller, station: Station) -> None:
    made = booking(station, special_requests="Quiet", source="website")

    answer = api.patch(one(made), {"party_adults": 4}, If_Match='"1"')

    row = answer.json()["data"]
    assert (answer.status_code, answer.headers["ETag"]) == (200, '"2"')
    assert (row["total_guests"], row["special_requests"], row["source"], row["version"]) == (4, "Quiet", "website", 2)


def test_edit_of_nothing_writes_nothing(api: Caller, station: Station) -> None:
    assert api.patch(one(booking(station)), {}).json()["data"]["version"] == 1


def test_edit_takes_the_customer_away_for_null(api: Caller, station: Station) -> None:
    made = booking(station, customer=Contact("Ana García", "ana@example.com"))

    assert api.patch(one(made), {"customer": None}).json()["data"]["customer"] is None


@pytest.mark.parametrize("name", ["station", "date", "slot", "status", "version"])
def test_edit_refuses_what_has_an_address_of_its_own(api: Caller, station: Station, name: str) -> None:
    said = failure(api.patch(one(booking(station)), {name: "x"}))

    assert said["errors"] == {name: ["Unknown field."]}


def test_edit_of_another_version_answers_with_the_current_row(api: Caller, staff: User, station: Station) -> None:
    made = booking(station)
    services.edit(made.pk, {"party_kids": 1}, by=staff)

    said = failure(api.patch(one(made), {"party_adults": 3}, If_Match='"1"'))

    assert (said["status"], said["code"], said["data"]["version"]) == (412, "stale", 2)
    assert (said["data"]["changed_by"], said["data"]["change"]) == (staff.email, "Edited: children")


# --- steps ---------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("on_friday")
def test_step_answers_with_the_row(api: Caller, station: Station) -> None:
    made = booking(station)

    answer = api.post(step(made), {"status": "arrived"}, If_Match='"1"')

    assert (answer.status_code, answer.json()["data"]["status"], answer.headers["ETag"]) == (200, "arrived", '"2"')


def test_step_to_the_status_that_it_has_already_writes_nothing(api: Caller, station: Station) -> None:
    made = booking(station, status=Status.ARRIVED)

    answer = api.post(step(made), {"status": "arrived"})

    assert (answer.status_code, answer.json()["data"]["status"], answer.headers["ETag"]) == (200, "arrived", '"1"')
    assert not AuditEntry.objects.filter(event="status").exists()


@pytest.mark.parametrize(("status", "word"), [("arrived", "arrived"), ("no_show", "no-show")])
def test_step_before_the_day_of_the_booking_is_too_early(api: Caller, station: Station, status: str, word: str) -> None:
    made = booking(station)

    assert failure(api.post(step(made), {"status": status})) == {
        "status": 400,
        "error": f"A booking cannot be marked as {word} before its day, Fri 7 Mar 2031.",
        "code": "too_early",
    }
    assert Booking.objects.get(pk=made.pk).version == 1


def test_step_that_the_workflow_lacks_is_refused(api: Caller, station: Station) -> None:
    made = booking(station, status=Status.COMPLETED)

    assert failure(api.post(step(made), {"status": "pending"})) == {
        "status": 400,
        "error": "A booking that is completed cannot become pending.",
        "code": "invalid_step",
    }


def test_step_of_another_version_is_stale(api: Caller, station: Station) -> None:
    assert status_and_code(api.post(step(booking(station)), {"status": "arrived"}, If_Match='"2"')) == (412, "stale")


@pytest.mark.parametrize("body", [{}, {"status": None}, {"status": ["arrived"]}, {"status": "gone"}, {"status": 1}])
def test_step_wants_one_of_the_statuses(api: Caller, station: Station, body: Any) -> None:
    said = failure(api.post(step(booking(station)), body))

    assert (said["status"], list(said["errors"])) == (400, ["status"])


# --- whoever may not -----------------------------------------------------------------------------------------------------


def test_viewers_read_and_never_write(viewer: Caller, station: Station) -> None:
    made = booking(station, FRIDAY, customer=Contact("Ana García", "ana@example.com"), special_requests="Quiet")

    assert viewer.get(one(made)).json()["data"]["customer"]["name"] == "A. G."
    assert status_and_code(viewer.post(LIST, NEW)) == (403, "permission_denied")
    assert status_and_code(viewer.patch(one(made), {})) == (403, "permission_denied")
    assert status_and_code(viewer.post(step(made), {"status": "arrived"})) == (403, "permission_denied")


def test_another_stations_booking_is_not_found_whatever_is_asked(api: Caller, station: Station, bar: Station) -> None:
    theirs = booking(bar)
    calls = [("GET", one, ""), ("PATCH", one, "{}"), ("PATCH", one, "no json"), ("POST", step, '{"status":"arrived"}')]

    said = [
        failure(api.call(method, address(pk), content, **({"If_Match": '"9"'} if method != "GET" else {})))
        for pk in (theirs.pk, uuid4(), "x", "%00", "١٢٣")
        for method, address, content in calls
    ]

    assert said == [NOBODY] * len(said)
    assert AuditEntry.objects.filter(object_pk=str(theirs.pk)).count() == 1
    assert not Customer.objects.exists()
