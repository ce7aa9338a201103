"""A button pressed twice, a form sent twice: the second answer is the first one's, and nothing is written."""

from datetime import time
from typing import Any

import pytest
from django.test import Client

from accounts import roles
from accounts.customers import Contact
from accounts.models import User
from bookings import services
from bookings.models import Booking, UndoStep
from bookings.models.status import Status
from bookings.services import Place
from stations.models import Station
from tests.factories import SATURDAY, booking, person

WEEK = "/calendar/week/?station=kitchen&date=2031-03-07"
JSON = {"Accept": "application/json"}
NORA = Contact("Nora Silva", "nora@example.com")
PARTY = {"slots": 1, "party_adults": 2, "party_kids": 0, "total_due_cents": "0", "deposit_due_cents": "0"}


@pytest.fixture
def visitor(staff: User, client: Client) -> Client:
    client.force_login(staff)
    return client


@pytest.mark.usefixtures("on_friday")
def test_step_pressed_twice_says_twice_that_the_guest_has_arrived(visitor: Client, station: Station) -> None:
    made = booking(station, customer=NORA)
    words = {"status": "arrived", "version": 1}

    answers = [visitor.post(f"/bookings/{made.pk}/step/", words, follow=True) for _press in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]
    for answer in answers:
        assert "Nora Silva has arrived." in answer.content.decode()
        assert "Undo: mark Nora Silva as arrived" in answer.content.decode()
    assert Booking.objects.get().version == 2


@pytest.mark.usefixtures("on_friday")
def test_step_that_a_colleague_took_already_says_so_and_offers_no_undo(visitor: Client, station: Station) -> None:
    made = booking(station, customer=NORA)
    services.change_status(made.pk, Status.ARRIVED, by=person(roles.STAFF, station))

    html = visitor.post(f"/bookings/{made.pk}/step/", {"status": "arrived", "version": 1}, follow=True).content.decode()

    assert "Nora Silva has arrived." in html
    assert "Undo:" not in html
    assert Booking.objects.get().version == 2


def test_move_sent_twice_answers_twice_alike(visitor: Client, station: Station) -> None:
    made = booking(station, customer=NORA)
    words = {"date": "2031-03-08", "slot": "19:00", "version": 1, "next": WEEK}

    answers = [visitor.post(f"/bookings/{made.pk}/move/", words, headers=JSON).json() for _press in range(2)]

    assert [answer["text"] for answer in answers] == ["Nora Silva moved from 18:00, Fri 7 Mar to 19:00, Sat 8 Mar."] * 2
    assert "Undo: move Nora Silva" in answers[1]["notice"]
    assert Booking.objects.get().version == 2


def test_move_to_where_a_colleague_moved_it_already_says_so(visitor: Client, station: Station) -> None:
    made = booking(station, customer=NORA)
    services.reschedule(made.pk, to=Place(SATURDAY, time(19)), by=person(roles.STAFF, station))
    words = {"date": "2031-03-08", "slot": "19:00", "version": 1, "next": WEEK}

    answer = visitor.post(f"/bookings/{made.pk}/move/", words, headers=JSON).json()

    assert (answer["moved"], answer["text"]) == (True, "Nora Silva is at 19:00, Sat 8 Mar.")
    assert "Undo" not in answer["notice"]


def test_same_place_again_writes_nothing_to_undo(visitor: Client, station: Station) -> None:
    made = booking(station, SATURDAY, slot=time(19), customer=NORA)
    words = {"date": "2031-03-08", "slot": "19:00", "version": 1, "next": WEEK}

    answer = visitor.post(f"/bookings/{made.pk}/move/", words, headers=JSON).json()

    assert (answer["moved"], answer["text"]) == (True, "Nora Silva is at 19:00, Sat 8 Mar.")
    assert not UndoStep.objects.exists()


def test_edit_sent_twice_answers_twice_alike(visitor: Client, station: Station) -> None:
    made = booking(station, customer=NORA, party_adults=2)
    words = {**PARTY, "party_adults": 5, "version": 1}

    answers = [visitor.post(f"/bookings/{made.pk}/edit/", words, follow=True) for _press in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]
    for answer in answers:
        assert "Nora Silva: Party changed from 2 to 5." in answer.content.decode()
    assert Booking.objects.get().version == 2


def test_edit_that_changes_nothing_says_so(visitor: Client, station: Station) -> None:
    made = booking(station, customer=NORA, party_adults=2)

    answer = visitor.post(f"/bookings/{made.pk}/edit/", {**PARTY, "version": 1}, follow=True)

    assert "Nora Silva: nothing to change." in answer.content.decode()
    assert not UndoStep.objects.exists()


@pytest.mark.parametrize("address", ["step", "move", "edit"])
def test_what_a_colleague_changed_otherwise_is_a_conflict(visitor: Client, station: Station, address: str) -> None:
    made = booking(station, customer=NORA, party_adults=2)
    services.edit(made.pk, {"party_adults": 3}, by=person(roles.STAFF, station, email="sam@example.com"))
    words: dict[str, dict[str, Any]] = {
        "step": {"status": "arrived"},
        "move": {"date": "2031-03-08", "slot": "19:00"},
        "edit": {**PARTY, "party_adults": 5},
    }

    answer = visitor.post(f"/bookings/{made.pk}/{address}/", {**words[address], "version": 1})

    assert "sam@example.com has changed this booking" in answer.content.decode()
    assert Booking.objects.get().version == 2
