"""Rescheduling bookings with the API."""

from datetime import UTC, date, datetime, time
from typing import Any
from uuid import uuid4

import pytest
import time_machine

from accounts import roles
from accounts.models import AuditEntry, User
from bookings import services
from bookings.models import Booking
from bookings.models.status import Status
from stations.models import Station
from tests import factories
from tests.bookings.api.caller import Caller, failure, status_and_code
from tests.factories import FRIDAY, SATURDAY, ExceptionFactory, booking

TO = {"date": "2031-03-08", "slot": "19:00"}


def address(made: Booking | object) -> str:
    return f"/api/bookings/admin/{getattr(made, 'pk', made)}"


def moved(made: Booking, **changed: Any) -> dict[str, Any]:
    return {
        "booking_id": str(made.pk),
        "date": "2031-03-08",
        "slot": "19:00",
        "station": "kitchen",
        "status": "confirmed",
        "version": 2,
        "message": "The booking is now on 2031-03-08 at 19:00.",
        **changed,
    }


def place_of(made: Booking) -> tuple[date, time, int]:
    made.refresh_from_db()
    return made.date, made.slot, made.version


def test_reschedule_answers_with_the_new_place_and_version(api: Caller, station: Station) -> None:
    made = booking(station)

    answer = api.patch(address(made), TO)

    assert (answer.status_code, answer.json()) == (200, {"success": True, "data": moved(made)})
    assert answer.headers["ETag"] == '"2"'
    assert place_of(made) == (SATURDAY, time(19), 2)


def test_reschedule_to_the_same_place_writes_nothing(api: Caller, station: Station) -> None:
    made = booking(station, SATURDAY, time(19))
    entries = AuditEntry.objects.count()

    answer = api.patch(address(made), TO)

    assert (answer.status_code, answer.json()["data"]) == (200, moved(made, version=1))
    assert (place_of(made), AuditEntry.objects.count()) == ((SATURDAY, time(19), 1), entries)


def test_reschedule_to_another_station_of_the_callers_goes_there(station: Station, bar: Station) -> None:
    made = booking(station)

    answer = Caller(factories.staff(station, bar)).patch(address(made), {**TO, "station": "bar"})

    assert answer.json()["data"] == moved(made, station="bar")


def test_reschedule_is_recorded_as_the_tokens_owners(api: Caller, staff: User, station: Station) -> None:
    answer = api.patch(address(booking(station)), TO)

    entry = AuditEntry.objects.get(event="rescheduled")
    assert (entry.actor, entry.channel, entry.remote_addr, entry.cid) == (
        staff,
        "jwt",
        "127.0.0.1",
        answer.headers["X-Request-Id"],
    )


def test_reschedule_by_the_browsers_session_is_recorded_as_such(staff: User, station: Station) -> None:
    Caller(staff, session=True).patch(address(booking(station)), TO)

    entry = AuditEntry.objects.get(event="rescheduled")
    assert (entry.actor, entry.channel) == (staff, "api")


@pytest.mark.parametrize("spelling", ["{0.hex}", "{0}"])
def test_reschedule_takes_an_id_in_any_spelling(api: Caller, station: Station, spelling: str) -> None:
    made = booking(station)

    assert api.patch(address(spelling.format(made.pk).upper()), TO).status_code == 200


# --- refusals of the rules -----------------------------------------------------------------------------------------------


def refused(code: str, error: str, **more: Any) -> dict[str, Any]:
    return {"status": 400, "error": error, "code": code, **more}


@pytest.mark.parametrize(
    ("status", "word"),
    [
        (Status.CANCELLED, "cancelled"),
        (Status.COMPLETED, "completed"),
        (Status.ARRIVED, "arrived"),
        (Status.NO_SHOW, "no-show"),
    ],
)
def test_reschedule_of_a_booking_that_is_over_is_refused(
    api: Caller, station: Station, status: Status, word: str
) -> None:
    made = booking(station, status=status)

    assert failure(api.patch(address(made), TO)) == refused("not_reschedulable", f"Cannot reschedule {word} bookings")


def test_reschedule_to_the_past_is_refused(api: Caller, station: Station) -> None:
    body = {"date": "2020-03-06", "slot": "18:00"}

    assert failure(api.patch(address(booking(station)), body)) == refused("past", "Cannot reschedule to past dates")


def test_reschedule_into_a_slot_that_has_begun_is_refused(staff: User, station: Station) -> None:
    """Staff's pages take it until it ends; programs rely on this."""
    made = booking(station, slot=time(21))
    with time_machine.travel(datetime(2031, 3, 7, 17, tzinfo=UTC), tick=False):
        answer = Caller(staff).patch(address(made), {"date": "2031-03-07", "slot": "18:00"})

    assert failure(answer) == refused("past", "Cannot reschedule to past dates")


def test_reschedule_to_a_slot_that_is_not_there_is_refused(api: Caller, station: Station) -> None:
    body = {"date": "2031-03-08", "slot": "18:15"}
    sentence = "There is no slot at 18:15 on Sat 8 Mar 2031. Choose another slot."

    assert failure(api.patch(address(booking(station)), body)) == refused("no_such_slot", sentence)


def test_reschedule_to_a_closed_slot_is_refused_with_its_reason(api: Caller, station: Station) -> None:
    ExceptionFactory(station=station, date=SATURDAY, reason="Stocktaking")
    sentence = "19:00 on Sat 8 Mar 2031 is closed: Stocktaking"

    assert failure(api.patch(address(booking(station)), TO)) == refused("slot_closed", sentence)


def test_reschedule_to_a_full_slot_is_refused_and_changes_nothing(api: Caller, station: Station) -> None:
    made = booking(station)
    for _n in range(3):
        booking(station, SATURDAY, time(19))

    answer = api.patch(address(made), TO)

    assert failure(answer) == refused("slot_full", "Target time slot is fully booked")
    assert place_of(made) == (FRIDAY, time(18), 1)


def test_reschedule_to_a_station_with_the_same_reference_names_the_booking_there(
    station: Station, bar: Station
) -> None:
    made, there = booking(station, external_ref="A-1"), booking(bar, external_ref="A-1")

    answer = Caller(factories.staff(station, bar)).patch(address(made), {**TO, "station": "bar"})

    assert failure(answer) == {
        "status": 409,
        "error": "This station already has a booking with that reference.",
        "code": "duplicate",
        "data": {"booking_id": str(there.pk)},
    }


# --- malformed requests --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "code", "errors"),
    [
        ({}, "required", {"date": ["This field is required."], "slot": ["This field is required."]}),
        ({"date": "2031-03-08"}, "required", {"slot": ["This field is required."]}),
        ({"slot": "19:00"}, "required", {"date": ["This field is required."]}),
        (
            {"date": "8.3.2031", "slot": "7pm"},
            "invalid_date",
            {
                "date": ["Invalid date format. Use YYYY-MM-DD"],
                "slot": ["Invalid time slot format. Use HH:MM (e.g., 18:00)"],
            },
        ),
        ({**TO, "version": 3}, "invalid", {"version": ["Unknown field."]}),
    ],
)
def test_reschedule_names_each_field_at_fault(
    api: Caller, station: Station, body: Any, code: str, errors: dict[str, list[str]]
) -> None:
    said = failure(api.patch(address(booking(station)), body))

    assert (said["status"], said["code"], said["errors"]) == (400, code, errors)


# --- versions ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seen", ['"1"', "*", ' "1" '])
def test_reschedule_of_the_version_seen_goes_through(api: Caller, station: Station, seen: str) -> None:
    assert api.patch(address(booking(station)), TO, If_Match=seen).status_code == 200


def test_reschedule_of_another_version_answers_with_what_is_there_and_who_changed_it(
    api: Caller, station: Station
) -> None:
    made = booking(station)
    other = factories.staff(station)
    services.reschedule(made.pk, to=services.Place(SATURDAY, time(20)), by=other)

    said = failure(api.patch(address(made), TO, If_Match='"1"'))

    [row] = api.get("/api/bookings/admin/weekly?date_from=2031-03-08&date_to=2031-03-08").json()["data"]
    changed_at = datetime.fromisoformat(said["data"].pop("changed_at"))
    assert changed_at == AuditEntry.objects.get(event="rescheduled").timestamp
    assert said == {
        "status": 412,
        "error": "Someone else has changed this booking. Check it before you change it.",
        "code": "stale",
        "data": {**row, "changed_by": other.email, "change": "Fri 7 Mar 2031 18:00 → Sat 8 Mar 2031 20:00"},
    }


@pytest.mark.parametrize("seen", ['"2"', '"01"', '"abc"', 'W/"1"', '"99999999999999999999"', '""'])
def test_reschedule_of_a_tag_that_is_not_the_current_version_is_stale(api: Caller, station: Station, seen: str) -> None:
    assert status_and_code(api.patch(address(booking(station)), TO, If_Match=seen)) == (412, "stale")


@pytest.mark.parametrize("seen", ["1", "", '"1', '"1", "2"', "W/1", '"1" "2"', "*, *", '"1"\x01'])
def test_reschedule_with_a_malformed_tag_is_refused(api: Caller, station: Station, seen: str) -> None:
    said = failure(api.patch(address(booking(station)), TO, If_Match=seen))

    sentence = 'Name one version in quotes, such as "3", or * for any.'
    assert said == refused("invalid", f"If-Match: {sentence}", errors={"If-Match": [sentence]})


# --- the order in which a request is looked at -----------------------------------------------------------------------------


def test_reschedule_looks_for_the_booking_before_the_body(api: Caller, station: Station, bar: Station) -> None:
    theirs = booking(bar)

    bodies: list[Any] = [TO, {}, {"date": 1}, []]
    answers = [
        failure(api.patch(address(pk), body, If_Match=seen))
        for pk in (theirs.pk, uuid4(), "none")
        for body in bodies
        for seen in ("*", '"7"', "7")
    ]

    nothing = {"status": 404, "error": "Not found.", "code": "not_found"}
    assert answers == [nothing] * len(answers)


def test_reschedule_looks_for_the_station_before_the_body(api: Caller, station: Station, bar: Station) -> None:
    made = booking(station)
    bodies: list[Any] = [{**TO, "station": "bar"}, {**TO, "station": "none"}, {"date": "x", "station": "bar"}]

    assert [status_and_code(api.patch(address(made), body)) for body in bodies] == [(404, "not_found")] * 3


def test_reschedule_looks_at_the_body_before_the_version(api: Caller, station: Station) -> None:
    assert status_and_code(api.patch(address(booking(station)), {}, If_Match='"7"')) == (400, "required")


def test_reschedule_looks_at_the_version_before_the_rules(api: Caller, station: Station) -> None:
    made = booking(station, status=Status.CANCELLED)

    assert status_and_code(api.patch(address(made), TO, If_Match='"7"')) == (412, "stale")


def test_reschedule_looks_at_the_rules_in_their_order(api: Caller, station: Station) -> None:
    past_and_nowhere = {"date": "2020-03-06", "slot": "18:15"}
    cancelled, made = booking(station, status=Status.CANCELLED), booking(station)
    ExceptionFactory(station=station, date=SATURDAY)

    codes = [
        status_and_code(api.patch(address(cancelled), past_and_nowhere))[1],
        status_and_code(api.patch(address(made), past_and_nowhere))[1],
        status_and_code(api.patch(address(made), {"date": "2031-03-08", "slot": "18:15"}))[1],
        status_and_code(api.patch(address(made), TO))[1],
    ]

    assert codes == ["not_reschedulable", "past", "no_such_slot", "slot_closed"]


def test_reschedule_wants_the_right_to_change_bookings(viewer: Caller, station: Station) -> None:
    assert failure(viewer.patch(address(booking(station)), {})) == {
        "status": 403,
        "error": "You don't have permission to do this. Ask a manager.",
        "code": "permission_denied",
    }


def test_reschedule_wants_a_station_to_hold_the_right_at(station: Station) -> None:
    nowhere = Caller(factories.person(roles.STAFF))

    assert status_and_code(nowhere.patch(address(booking(station)), TO)) == (403, "permission_denied")
