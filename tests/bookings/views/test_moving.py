"""What a page requests during a drag: move options, and actions after a refusal; and updates of a part of the page."""

from datetime import time
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts import roles
from accounts.models import User
from bookings import services
from bookings.models import Booking, UndoStep
from bookings.models.status import Status
from bookings.services import Place
from stations.models import Station
from tests.factories import SATURDAY, booking, open_station, person

WEEK = "/calendar/week/?station=kitchen&date=2031-03-07"
JSON = {"Accept": "application/json"}


@pytest.fixture
def visitor(staff: User, client: Client) -> Client:
    client.force_login(staff)
    return client


def move(visitor: Client, made: Booking, slot: str, version: int) -> Any:
    words = {"date": "2031-03-08", "slot": slot, "version": version, "next": WEEK}
    return visitor.post(f"/bookings/{made.pk}/move/", words, headers=JSON)


@pytest.mark.parametrize(
    "dates",
    [
        "",
        "?first=2031-03-07",
        "?first=x&last=y",
        "?first=2031-03-07&last=2031-03-06",
        "?first=2031-03-01&last=2031-04-12",
    ],
)
def test_move_options_of_dates_that_are_none_is_refused(visitor: Client, station: Station, dates: str) -> None:
    answer = visitor.get(f"/bookings/{booking(station).pk}/move-options/{dates}")

    assert (answer.status_code, answer.json()) == (
        400,
        {"success": False, "error": "Request 1 to 42 days.", "code": "invalid", "request_id": answer["X-Request-Id"]},
    )


def test_move_options_is_the_calendars_own_range(visitor: Client, station: Station) -> None:
    made = booking(station)

    options = visitor.get(f"/bookings/{made.pk}/move-options/?first=2031-03-07&last=2031-03-08").json()["options"]

    assert options[1:3] == [
        {"date": "2031-03-07", "slot": "18:00", "code": "", "label": "", "description": "Friday 18:00, current slot"},
        {
            "date": "2031-03-07",
            "slot": "19:00",
            "code": "",
            "label": "1 of 3",
            "description": "Friday 19:00, 0 of 3 taken",
        },
    ]
    assert len(options) == 10


def test_move_options_at_another_station_is_for_those_who_see_it(
    visitor: Client, station: Station, staff: User
) -> None:
    made, other = booking(station), open_station(code="bar")
    address = f"/bookings/{made.pk}/move-options/?station=bar&first=2031-03-07&last=2031-03-07"

    assert visitor.get(address).status_code == 404
    staff.stations.add(other)
    assert visitor.get(address).status_code == 200


def test_move_options_of_what_cannot_be_moved_says_so(visitor: Client, station: Station) -> None:
    made = booking(station, status=Status.COMPLETED)

    answer = visitor.get(f"/bookings/{made.pk}/move-options/?first=2031-03-07&last=2031-03-07")

    assert (answer.status_code, answer.json()) == (
        400,
        {
            "success": False,
            "error": "Cannot reschedule completed bookings",
            "code": "not_reschedulable",
            "request_id": answer["X-Request-Id"],
        },
    )


def test_stale_move_brings_two_ways_on(visitor: Client, station: Station) -> None:
    made = booking(station)
    services.reschedule(made.pk, to=Place(SATURDAY, time(20)), by=person(roles.STAFF, station, email="sam@example.com"))

    answer = move(visitor, made, "17:00", version=1)

    said = answer.json()
    assert (answer.status_code, said["moved"], said["code"]) == (409, False, "stale")
    assert "Move it to Saturday 8 March 17:00 anyway" in said["actions"]
    assert "Keep it on Saturday 8 March 20:00" in said["actions"]
    assert 'name="version" value="2"' in said["actions"]


def test_stale_move_where_the_clock_has_twelve_hours_keeps_day_and_hour_apart(visitor: Client, staff: User) -> None:
    made = booking(open_station(code="diner", country="US"))
    staff.stations.add(made.station)
    services.reschedule(made.pk, to=Place(SATURDAY, time(20)), by=roles.OPERATOR)

    actions = move(visitor, made, "17:00", version=1).json()["actions"]

    assert "Move it to Saturday March 8, 5\N{NARROW NO-BREAK SPACE}PM anyway" in actions


def test_stale_move_of_what_was_cancelled_meanwhile_offers_no_way_on(visitor: Client, station: Station) -> None:
    made = booking(station)
    services.change_status(made.pk, Status.CANCELLED, by=roles.OPERATOR)

    assert move(visitor, made, "17:00", version=1).json()["actions"] == ""


def part(visitor: Client, tag: str = "", address: str = WEEK) -> Any:
    return visitor.get(address, headers={"X-Part": "calendar", "If-None-Match": tag})


def test_part_is_the_calendar_without_the_frame(visitor: Client, station: Station) -> None:
    made = booking(station)

    html = part(visitor).content.decode()

    assert str(made.pk) in html
    assert [word for word in ("<html", "<header", 'role="status"') if word in html] == []


@pytest.mark.parametrize("kind", ["week", "month"])
def test_part_unchanged_costs_no_look_at_a_booking(visitor: Client, station: Station, kind: str) -> None:
    booking(station)
    address = f"/calendar/{kind}/?station=kitchen&date=2031-03-07"
    tag = part(visitor, address=address).headers["ETag"]

    with CaptureQueriesContext(connection) as asked:
        answer = part(visitor, tag, address)

    assert (answer.status_code, answer.content, answer.headers["ETag"]) == (304, b"", tag)
    tables = " ".join(query["sql"] for query in asked.captured_queries)
    assert [name for name in ("bookings_booking", "bookings_hold", "accounts_customer") if name in tables] == []


def test_part_is_new_once_anything_it_shows_has_changed(visitor: Client, station: Station, staff: User) -> None:
    made = booking(station)
    tags = [part(visitor).headers["ETag"]]
    for change in (
        lambda: services.reschedule(made.pk, to=Place(SATURDAY, time(19)), by=roles.OPERATOR),
        lambda: staff.stations.add(open_station(code="bar")),
        lambda: staff.groups.set(person(roles.VIEWERS, station).groups.all()),
    ):
        change()
        answer = part(visitor, tags[-1])
        assert answer.status_code == 200
        tags.append(answer.headers["ETag"])

    assert len(set(tags)) == 4


def test_part_leaves_the_notice_for_the_page(visitor: Client, station: Station) -> None:
    made = booking(station)
    visitor.post(f"/bookings/{made.pk}/move/", {"date": "2031-03-08", "slot": "19:00", "version": 1, "next": WEEK})

    assert "Walk-in moved" not in part(visitor).content.decode()
    assert "Walk-in moved" in visitor.get(WEEK).content.decode()


def test_notice_of_a_move_does_not_read_the_undo_step_that_it_has_written(visitor: Client, station: Station) -> None:
    made = booking(station)

    with CaptureQueriesContext(connection) as asked:
        answer = move(visitor, made, "19:00", version=1)

    selects = [query["sql"] for query in asked.captured_queries if query["sql"].startswith("SELECT")]
    assert "Undo: move Walk-in" in answer.json()["notice"]
    assert [sql for sql in selects if UndoStep._meta.db_table in sql] == []
