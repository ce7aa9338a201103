"""Undo asks before it changes a booking that the person does not see: on which pages, and in which words."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from bookings.models import Booking
from stations.models import Station
from tests.bookings.views.test_undo import NEXT_WEEK, NORA, WEEK, edit, move, redo, step, unassigned, undo, where
from tests.factories import SATURDAY, booking, open_station

pytestmark = pytest.mark.looks


@pytest.fixture
def visitor(staff: User, client: Client) -> Client:
    client.force_login(staff)
    return client


@pytest.mark.parametrize(
    "here",
    [
        NEXT_WEEK,
        "/calendar/day/?station=kitchen&date=2031-03-07",
        "/calendar/week/?station=bar&date=2031-03-07",
        "/calendar/week/?station=kitchen&date=2031-03-07&status=pending",
        "/calendar/stations/?station=kitchen&date=2031-03-07",
        "/calendar/search/",
        "/bookings/new/",
        "",
        "//evil.example.com/calendar/week/",
    ],
)
def test_undo_of_what_the_page_does_not_show_asks_first(
    visitor: Client, station: Station, staff: User, here: str
) -> None:
    staff.stations.add(open_station(code="bar"))
    made = booking(station, SATURDAY, customer=NORA)
    move(visitor, made)

    answer = undo(visitor, here)

    assert (answer.status_code, answer.json()["moved"]) == (200, False)
    assert "Undo: move Nora Silva from 19:00 to 18:00, Sat 8 Mar?" in answer.json()["ask"]
    assert where(made) == ("2031-03-08", "19:00")
    assert undo(visitor, here, confirm="yes").json()["moved"]
    assert where(made) == ("2031-03-08", "18:00")


@pytest.mark.parametrize(
    "here",
    [
        WEEK,
        "/calendar/month/?station=kitchen&date=2031-03-31",
        "/calendar/agenda/?station=kitchen&date=2031-03-08&status=confirmed",
        "/calendar/day/?station=kitchen&date=2031-03-08",
        f"{NEXT_WEEK}&booking=ID",
        "/bookings/ID/",
        "/bookings/undo/",
    ],
)
def test_undo_of_what_the_page_shows_does_not_ask(visitor: Client, station: Station, here: str) -> None:
    made = booking(station, SATURDAY)
    move(visitor, made)

    assert undo(visitor, here.replace("ID", str(made.pk))).json()["moved"]


def test_redo_of_what_the_page_does_not_show_asks_first(visitor: Client, station: Station) -> None:
    made = booking(station, SATURDAY, customer=NORA)
    move(visitor, made)
    undo(visitor)

    answer = redo(visitor, NEXT_WEEK)

    assert "Redo: move Nora Silva from 18:00 to 19:00, Sat 8 Mar?" in answer.json()["ask"]
    assert where(made) == ("2031-03-08", "18:00")


def cancel(visitor: Client, made: Booking) -> None:
    step(visitor, made, "cancelled")


def enlarge(visitor: Client, made: Booking) -> None:
    edit(visitor, made, party_adults=5)


@pytest.mark.parametrize(
    ("change", "question"),
    [
        (cancel, "Undo: cancel Nora Silva, 18:00, Fri 7 Mar?"),
        (enlarge, "Undo: edit Nora Silva, 18:00, Fri 7 Mar? Party changed from 5 to 2."),
        (move, "Undo: move Nora Silva from 19:00, Sat 8 Mar to 18:00, Fri 7 Mar?"),
    ],
)
def test_question_says_whom_and_what(
    visitor: Client, station: Station, change: Callable[[Client, Booking], Any], question: str
) -> None:
    change(visitor, booking(station, customer=NORA, party_adults=2))

    assert question in undo(visitor, NEXT_WEEK).json()["ask"]


def test_question_about_a_reseated_booking_says_that_it_becomes_unassigned(visitor: Client, station: Station) -> None:
    move(visitor, unassigned(station, customer=NORA))

    question = "Undo: move Nora Silva to 19:00, Sat 8 Mar? The booking becomes unassigned again."
    assert question in undo(visitor, NEXT_WEEK).json()["ask"]


def test_undo_without_scripts_asks_on_a_page_of_its_own_and_goes_back(visitor: Client, station: Station) -> None:
    made = booking(station, SATURDAY, customer=NORA)
    move(visitor, made)

    asked = visitor.post("/bookings/undo/", {"next": NEXT_WEEK})
    html = asked.content.decode()
    sent = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', html[html.index("data-undo") :]))
    answer = visitor.post("/bookings/undo/", {**sent, "next": NEXT_WEEK}, follow=True)

    assert asked.status_code == 200
    assert "Undo: move Nora Silva from 19:00 to 18:00, Sat 8 Mar?" in html
    assert answer.redirect_chain == [(NEXT_WEEK, 302)]
    assert "Undone: Nora Silva is back at 18:00, Sat 8 Mar." in answer.content.decode()
    assert where(made) == ("2031-03-08", "18:00")
