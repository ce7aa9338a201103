"""What the hand asks and is told: the outlook, the ways on, taking back; and the part of a page that costs nothing unchanged."""

import json
from datetime import time
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts import roles
from accounts.customers import Contact
from accounts.models import User
from bookings import services
from bookings.models import Booking
from bookings.services import Place
from bookings.workflow import Status
from stations.models import Station
from tests.factories import FRIDAY, SATURDAY, booking, open_station, person

WEEK = "/calendar/week/?station=kitchen&date=2031-03-07"
JSON = {"Accept": "application/json"}


@pytest.fixture
def visitor(staff: User, client: Client) -> Client:
    client.force_login(staff)
    return client


def move(visitor: Client, made: Booking, slot: str, version: int) -> Any:
    words = {"date": "2031-03-08", "slot": slot, "version": version, "next": WEEK}
    return visitor.post(f"/bookings/{made.pk}/move/", words, headers=JSON)


def undo(visitor: Client, **words: Any) -> Any:
    return visitor.post("/bookings/undo/", words, headers=JSON)


def where(made: Booking) -> tuple[str, str]:
    made.refresh_from_db()
    return f"{made.date}", f"{made.slot:%H:%M}"


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
def test_outlook_of_dates_that_are_none_is_refused(visitor: Client, station: Station, dates: str) -> None:
    answer = visitor.get(f"/bookings/{booking(station).pk}/outlook/{dates}")

    assert (answer.status_code, answer.json()) == (400, {"error": "Those dates could not be read."})


def test_outlook_is_the_calendars_own_range(visitor: Client, station: Station) -> None:
    made = booking(station)

    places = visitor.get(f"/bookings/{made.pk}/outlook/?first=2031-03-07&last=2031-03-08").json()["places"]

    assert places[1:3] == [
        {"date": "2031-03-07", "slot": "18:00", "code": "", "after": "", "says": "Friday 18:00, where it is"},
        {"date": "2031-03-07", "slot": "19:00", "code": "", "after": "1 of 3", "says": "Friday 19:00, 0 of 3 taken"},
    ]
    assert len(places) == 10


def test_outlook_at_another_station_is_for_those_who_see_it(visitor: Client, station: Station, staff: User) -> None:
    made, other = booking(station), open_station(code="bar")
    address = f"/bookings/{made.pk}/outlook/?station=bar&first=2031-03-07&last=2031-03-07"

    assert visitor.get(address).status_code == 404
    staff.stations.add(other)
    assert visitor.get(address).status_code == 200


def test_outlook_of_what_cannot_be_moved_says_so(visitor: Client, station: Station) -> None:
    made = booking(station, status=Status.COMPLETED)

    answer = visitor.get(f"/bookings/{made.pk}/outlook/?first=2031-03-07&last=2031-03-07")

    assert (answer.status_code, answer.json()) == (400, {"error": "Cannot reschedule completed bookings"})


def test_stale_move_brings_two_ways_on(visitor: Client, station: Station) -> None:
    made = booking(station)
    services.reschedule(made.pk, to=Place(SATURDAY, time(20)), by=person(roles.STAFF, station, email="sam@example.com"))

    answer = move(visitor, made, "17:00", version=1)

    said = answer.json()
    assert (answer.status_code, said["moved"], said["code"]) == (409, False, "stale")
    assert "Move it to Saturday 8 March 17:00 all the same" in said["ways"]
    assert "Leave it on Saturday 8 March 20:00" in said["ways"]
    assert 'name="version" value="2"' in said["ways"]


def test_stale_move_where_the_clock_has_twelve_hours_keeps_day_and_hour_apart(visitor: Client, staff: User) -> None:
    made = booking(open_station(code="diner", country="US"))
    staff.stations.add(made.station)
    services.reschedule(made.pk, to=Place(SATURDAY, time(20)), by=roles.OPERATOR)

    ways = move(visitor, made, "17:00", version=1).json()["ways"]

    assert "Move it to Saturday March 8, 5\N{NARROW NO-BREAK SPACE}PM all the same" in ways


def test_stale_move_of_what_was_cancelled_meanwhile_offers_no_way_on(visitor: Client, station: Station) -> None:
    made = booking(station)
    services.change_status(made.pk, Status.CANCELLED, by=roles.OPERATOR)

    assert move(visitor, made, "17:00", version=1).json()["ways"] == ""


def test_undo_takes_back_moves_from_the_last_to_the_first_also_of_one_booking(
    visitor: Client, station: Station
) -> None:
    made = booking(station)
    for version, slot in enumerate(("19:00", "20:00", "21:00"), start=1):
        move(visitor, made, slot, version)

    found = []
    for _turn in range(3):
        assert undo(visitor).json()["moved"]
        found.append(where(made))

    assert found == [("2031-03-08", "20:00"), ("2031-03-08", "19:00"), ("2031-03-07", "18:00")]
    assert undo(visitor).json()["error"] == "There is no move left to undo."


def test_undo_keeps_the_last_ten_moves(visitor: Client, station: Station) -> None:
    made = booking(station)
    for version in range(1, 13):
        move(visitor, made, "19:00" if version % 2 else "20:00", version)

    done = [undo(visitor).status_code for _turn in range(11)]

    assert done == [200] * 10 + [400]


def test_undo_of_one_move_leaves_the_others(visitor: Client, station: Station) -> None:
    first, second = booking(station), booking(station)
    move(visitor, first, "19:00", 1)
    move(visitor, second, "20:00", 1)

    undo(visitor, booking=first.pk, version=2)

    assert (where(first), where(second)) == (("2031-03-07", "18:00"), ("2031-03-08", "20:00"))
    assert undo(visitor, booking=first.pk, version=2).status_code == 400
    assert undo(visitor).status_code == 200


def test_undo_into_a_place_that_was_taken_meanwhile_is_refused(visitor: Client, station: Station) -> None:
    made = booking(station)
    move(visitor, made, "19:00", 1)
    for _n in range(3):
        booking(station)

    answer = undo(visitor)

    assert (answer.status_code, answer.json()["code"]) == (400, "slot_full")
    assert where(made) == ("2031-03-08", "19:00")


def test_undo_without_scripts_says_a_refusal_on_the_page(visitor: Client, station: Station) -> None:
    answer = visitor.post("/bookings/undo/", {"next": WEEK}, follow=True)

    assert answer.redirect_chain == [(WEEK, 302)]
    assert "There is no move left to undo." in answer.content.decode()
    assert "There is no move left to undo." not in visitor.get(WEEK).content.decode()


def test_move_to_another_station_is_taken_back_there(visitor: Client, station: Station, staff: User) -> None:
    bar = open_station(code="bar")
    staff.stations.add(bar)
    made = booking(station, customer=Contact("Ana García", "ana@example.com"))
    words = {"station": "bar", "date": "2031-03-08", "slot": "19:00", "version": 1, "next": WEEK}
    visitor.post(f"/bookings/{made.pk}/move/", words, headers=JSON)

    assert undo(visitor).status_code == 200
    made.refresh_from_db()
    assert (made.station, made.date) == (station, FRIDAY)


def test_same_place_again_is_no_move_to_take_back(visitor: Client, station: Station) -> None:
    made = booking(station, SATURDAY, slot=time(19))

    assert move(visitor, made, "19:00", version=1).json()["moved"]
    assert undo(visitor).status_code == 400


def test_session_keeps_moves_without_personal_data(visitor: Client, station: Station) -> None:
    made = booking(station, customer=Contact("Ana García", "ana@example.com", "+49 30 901820"))
    move(visitor, made, "19:00", 1)

    kept = json.dumps(dict(visitor.session.items()))

    assert str(made.pk) in kept
    assert [word for word in ("Ana", "García", "ana@", "901820") if word in kept] == []


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

    assert "Moved to" not in part(visitor).content.decode()
    assert "Moved to" in visitor.get(WEEK).content.decode()
