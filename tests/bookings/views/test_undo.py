"""Undo and redo on the pages: what is next, what it is called, when the page asks first, and the list of the last ten."""

import json
import re
from datetime import time
from typing import Any

import pytest
from django.test import Client

from accounts import roles
from accounts.auth.authentication import issue_tokens
from accounts.customers import Contact
from accounts.models import User
from bookings import services
from bookings.models import Booking, UndoStep
from bookings.models.status import Status
from bookings.privacy import erasure
from bookings.services import Place
from stations.models import Station
from tests.factories import FRIDAY, SATURDAY, booking, open_station, person

WEEK = "/calendar/week/?station=kitchen&date=2031-03-07"
NEXT_WEEK = "/calendar/week/?station=kitchen&date=2031-03-14"
JSON = {"Accept": "application/json"}
LEO, NORA = Contact("Leo Lindqvist", "leo@example.com"), Contact("Nora Silva", "nora@example.com")
PARTY = {"slots": 1, "party_adults": 2, "party_kids": 0, "total_due_cents": "0", "deposit_due_cents": "0"}


@pytest.fixture
def visitor(staff: User, client: Client) -> Client:
    client.force_login(staff)
    return client


def move(visitor: Client, made: Booking, day: str = "2031-03-08", slot: str = "19:00") -> Any:
    version = Booking.objects.get(pk=made.pk).version
    words = {"date": day, "slot": slot, "version": version, "next": WEEK}
    return visitor.post(f"/bookings/{made.pk}/move/", words, headers=JSON)


def step(visitor: Client, made: Booking, status: str) -> Any:
    version = Booking.objects.get(pk=made.pk).version
    return visitor.post(f"/bookings/{made.pk}/step/", {"status": status, "version": version}, follow=True)


def edit(visitor: Client, made: Booking, **words: Any) -> Any:
    version = Booking.objects.get(pk=made.pk).version
    return visitor.post(f"/bookings/{made.pk}/edit/", {**PARTY, "version": version, **words}, follow=True)


def undo(visitor: Client, here: str = WEEK, **words: Any) -> Any:
    return visitor.post("/bookings/undo/", {"next": here, **words}, headers=JSON)


def redo(visitor: Client, here: str = WEEK, **words: Any) -> Any:
    return visitor.post("/bookings/redo/", {"next": here, **words}, headers=JSON)


def named(answer: Any) -> dict[str, str]:
    """What the form in the notice of an answer sends."""
    html = answer.json()["notice"] if answer.headers["Content-Type"] == "application/json" else answer.content.decode()
    return dict(re.findall(r'<input type="hidden" name="(booking|version)" value="([^"]*)">', html))


def where(made: Booking) -> tuple[str, str]:
    made.refresh_from_db()
    return f"{made.date}", f"{made.slot:%H:%M}"


def test_undo_after_a_cancellation_restores_that_guest_and_moves_nobody(visitor: Client, station: Station) -> None:
    george, leo = booking(station), booking(station, customer=LEO)
    move(visitor, george)
    cancelled = step(visitor, leo, "cancelled")

    answer = undo(visitor)

    assert "Undo: cancel Leo Lindqvist" in cancelled.content.decode()
    assert answer.json()["text"] == "Undone: Leo Lindqvist is confirmed again."
    assert "Redo: cancel Leo Lindqvist" in answer.json()["notice"]
    leo.refresh_from_db()
    assert (leo.status, where(george)) == ("confirmed", ("2031-03-08", "19:00"))


def test_undo_after_an_edit_brings_back_what_was_there(visitor: Client, station: Station) -> None:
    lily = booking(station)
    nora = booking(station, customer=NORA, party_adults=2, special_requests="Window")
    move(visitor, lily)
    edit(visitor, nora, party_adults=5, special_requests="Terrace")

    answer = undo(visitor)

    expected = "Undone: Nora Silva is as before. Party changed from 5 to 2. Special requests changed."
    assert answer.json()["text"] == expected
    nora.refresh_from_db()
    assert (nora.party_adults, nora.special_requests) == (2, "Window")
    assert where(lily) == ("2031-03-08", "19:00")


def test_undo_of_a_new_booking_cancels_it_and_redo_brings_it_back(visitor: Client, station: Station) -> None:
    new = {
        **PARTY,
        "station": "kitchen",
        "date": "2031-03-07",
        "slot": "18:00",
        "status": "confirmed",
        "name": "Nora Silva",
    }
    visitor.post("/bookings/new/", {**new, "email": "nora@example.com"})
    made = Booking.objects.get()

    undone = undo(visitor)
    after_undo = Booking.objects.get().status
    redone = redo(visitor)

    assert undone.json()["text"] == "Undone: the booking of Nora Silva, 18:00, Fri 7 Mar, is cancelled."
    assert redone.json()["text"] == "Booked: Nora Silva, 2 guests, Fri 7 Mar 18:00."
    assert (after_undo, Booking.objects.get(pk=made.pk).status) == ("cancelled", "confirmed")


def unassigned(station: Station, **fields: Any) -> Booking:
    made = booking(station, **fields)
    made.holds.all().delete()
    Booking.objects.filter(pk=made.pk).update(needs_place=True)
    return made


def test_undo_of_a_reseated_booking_leaves_it_unassigned_again(visitor: Client, station: Station) -> None:
    other, lost = booking(station), unassigned(station, customer=NORA)
    move(visitor, other, slot="20:00")
    reseated = move(visitor, lost)

    answer = undo(visitor)

    assert reseated.json()["text"] == "Nora Silva moved to 19:00, Sat 8 Mar."
    assert answer.json()["text"] == "Undone: Nora Silva is unassigned again."
    lost.refresh_from_db()
    assert (lost.needs_place, lost.date, lost.holds.count()) == (True, FRIDAY, 0)
    assert where(other) == ("2031-03-08", "20:00")


def test_undo_takes_back_one_change_after_the_other_also_of_one_booking(visitor: Client, station: Station) -> None:
    made = booking(station)
    for slot in ("19:00", "20:00", "21:00"):
        move(visitor, made, slot=slot)

    found = []
    for _turn in range(3):
        assert undo(visitor).json()["moved"]
        found.append(where(made))

    assert found == [("2031-03-08", "20:00"), ("2031-03-08", "19:00"), ("2031-03-07", "18:00")]
    assert undo(visitor).json()["error"] == "Nothing to undo."


def test_redo_does_again_what_was_undone_in_its_order(visitor: Client, station: Station) -> None:
    made = booking(station)
    for slot in ("19:00", "20:00"):
        move(visitor, made, slot=slot)
    for _turn in range(2):
        undo(visitor)

    found = []
    for _turn in range(2):
        assert redo(visitor).json()["moved"]
        found.append(where(made))

    assert found == [("2031-03-08", "19:00"), ("2031-03-08", "20:00")]
    assert redo(visitor).json()["error"] == "Nothing to redo."


def test_new_change_leaves_nothing_to_redo(visitor: Client, station: Station) -> None:
    first, second = booking(station), booking(station)
    move(visitor, first)
    undo(visitor)
    move(visitor, second, slot="20:00")

    assert redo(visitor).json()["error"] == "Nothing to redo."
    assert where(first) == ("2031-03-07", "18:00")


def test_undo_reaches_back_ten_changes(visitor: Client, station: Station) -> None:
    made = booking(station)
    for turn in range(12):
        move(visitor, made, slot="20:00" if turn % 2 else "19:00")

    done = [undo(visitor).status_code for _turn in range(11)]

    assert done == [200] * 10 + [400]
    assert UndoStep.objects.count() == 10


def test_button_of_an_older_notice_undoes_nothing_else(visitor: Client, station: Station) -> None:
    """Pressed in a tab whose notice is about an older change: neither that nor the last one is undone unasked."""
    first, second = booking(station), booking(station, customer=NORA)
    older = named(move(visitor, first))
    move(visitor, second, slot="20:00")

    answer = undo(visitor, **older)

    assert (answer.status_code, answer.json()["code"]) == (409, "not_last")
    assert "Undo: move Nora Silva" in answer.json()["actions"]
    assert (where(first), where(second)) == (("2031-03-08", "19:00"), ("2031-03-08", "20:00"))


def test_undo_pressed_twice_undoes_once(visitor: Client, station: Station) -> None:
    first, second = booking(station), booking(station)
    move(visitor, first)
    notice = named(move(visitor, second, slot="20:00"))

    answers = [undo(visitor, **notice).json() for _press in range(2)]

    assert [answer["text"] for answer in answers] == ["Undone: Walk-in is back at 18:00, Fri 7 Mar."] * 2
    assert (where(first), where(second)) == (("2031-03-08", "19:00"), ("2031-03-07", "18:00"))


def test_redo_pressed_twice_redoes_once(visitor: Client, station: Station) -> None:
    made = booking(station)
    for slot in ("19:00", "20:00"):
        move(visitor, made, slot=slot)
    undo(visitor)
    notice = named(undo(visitor))

    answers = [redo(visitor, **notice).json()["moved"] for _press in range(2)]

    assert answers == [True, True]
    assert where(made) == ("2031-03-08", "19:00")


@pytest.mark.parametrize("words", [{"booking": "x"}, {"booking": "\x00", "version": "\x00"}, {"version": "9" * 5000}])
def test_undo_of_a_change_that_is_none_undoes_nothing(visitor: Client, station: Station, words: dict[str, str]) -> None:
    made = booking(station)
    move(visitor, made)

    answer = undo(visitor, "/nowhere/", **words)

    assert not answer.json()["moved"]
    assert where(made) == ("2031-03-08", "19:00")


def test_undo_into_a_place_that_was_taken_meanwhile_is_refused_by_name(visitor: Client, station: Station) -> None:
    made = booking(station, customer=NORA)
    move(visitor, made)
    for _n in range(3):
        booking(station)

    answer = undo(visitor)

    assert (answer.status_code, answer.json()["code"]) == (400, "slot_full")
    assert answer.json()["error"] == "Not undone: move Nora Silva. Target time slot is fully booked"
    assert where(made) == ("2031-03-08", "19:00")


def test_undo_of_what_a_colleague_changed_since_says_who_and_reaches_no_older_change(
    visitor: Client, station: Station
) -> None:
    older, made = booking(station), booking(station, customer=NORA)
    move(visitor, older)
    move(visitor, made, slot="20:00")
    services.reschedule(made.pk, to=Place(SATURDAY, time(17)), by=person(roles.STAFF, station, email="sam@example.com"))

    answers = [undo(visitor) for _press in range(2)]

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(409, "stale")] * 2
    assert "Not undone: move Nora Silva. sam@example.com has changed this booking" in answers[0].json()["error"]
    assert (where(older), where(made)) == (("2031-03-08", "19:00"), ("2031-03-08", "17:00"))


def test_undo_at_a_station_that_was_taken_away_changes_nothing_and_names_nobody(
    visitor: Client, station: Station, staff: User
) -> None:
    bar = open_station(code="bar")
    staff.stations.add(bar)
    here, there = booking(station), booking(bar, customer=NORA)
    move(visitor, here)
    move(visitor, there)
    staff.stations.remove(bar)

    answer, listed = undo(visitor), visitor.get("/bookings/undo/").content.decode()

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert "Nora" not in answer.content.decode() + listed
    assert "A booking that you no longer have access to." in listed
    assert (where(here), where(there)) == (("2031-03-08", "19:00"), ("2031-03-08", "19:00"))


def test_undo_without_the_right_to_change_is_refused(visitor: Client, station: Station, staff: User) -> None:
    made = booking(station)
    move(visitor, made)
    staff.groups.set(person(roles.VIEWERS, station).groups.all())

    assert undo(visitor).status_code == 403
    assert where(made) == ("2031-03-08", "19:00")


def test_move_to_another_station_is_undone_there_for_the_same_customer(
    visitor: Client, station: Station, staff: User
) -> None:
    """Without email and phone nobody could tell afterwards that it is the same person."""
    staff.stations.add(open_station(code="bar", name="Bar"))
    made = booking(station, customer=Contact("Nora Silva"))
    words = {"station": "bar", "date": "2031-03-08", "slot": "19:00", "version": 1, "next": WEEK}
    moved = visitor.post(f"/bookings/{made.pk}/move/", words, headers=JSON)

    asked, undone = undo(visitor), undo(visitor, confirm="yes")

    assert moved.json()["text"] == "Nora Silva moved from 18:00, Fri 7 Mar to 19:00, Sat 8 Mar, Bar."
    assert "Undo: move Nora Silva from 19:00, Sat 8 Mar to 18:00, Fri 7 Mar, Kitchen?" in asked.json()["ask"]
    assert undone.json()["text"] == "Undone: Nora Silva is back at 18:00, Fri 7 Mar, Kitchen."
    back = Booking.objects.get(pk=made.pk)
    assert (back.station, back.date, back.customer_id) == (station, FRIDAY, made.customer_id)


def test_undo_without_scripts_says_a_refusal_on_the_page(visitor: Client, station: Station) -> None:
    answer = visitor.post("/bookings/undo/", {"next": WEEK}, follow=True)

    assert answer.redirect_chain == [(WEEK, 302)]
    assert "Nothing to undo." in answer.content.decode()
    assert "Nothing to undo." not in visitor.get(WEEK).content.decode()


def test_undo_without_scripts_says_a_refusal_that_names_somebody_in_its_own_answer(
    visitor: Client, station: Station
) -> None:
    made = booking(station, customer=NORA)
    move(visitor, made)
    for _n in range(3):
        booking(station)

    answer = visitor.post("/bookings/undo/", {"next": WEEK})

    assert answer.status_code == 400
    assert "Not undone: move Nora Silva. Target time slot is fully booked" in answer.content.decode()


def test_list_names_the_changes_and_undoes_the_last_alone(visitor: Client, station: Station) -> None:
    nora, leo = booking(station, customer=NORA, party_adults=2), booking(station, customer=LEO)
    move(visitor, nora)
    edit(visitor, nora, party_adults=5)
    step(visitor, leo, "cancelled")
    undo(visitor)

    html = visitor.get("/bookings/undo/").content.decode()

    lines = re.findall(r'<a href="/bookings/[^"]*">([^<]+)</a>', html[html.index('class="hits changes') :])
    assert lines == [
        "Cancelled: Leo Lindqvist, 18:00, Fri 7 Mar.",
        "Nora Silva: Party changed from 2 to 5.",
        "Nora Silva moved from 18:00, Fri 7 Mar to 19:00, Sat 8 Mar.",
    ]
    assert re.findall("<button>((?:Undo|Redo): [^<]+)</button>", html) == [
        "Redo: cancel Leo Lindqvist",
        "Undo: edit Nora Silva",
    ]


def test_without_the_right_to_personal_data_customers_are_initials(
    visitor: Client, station: Station, staff: User
) -> None:
    made = booking(station, customer=NORA, special_requests="Window", party_adults=2)
    edit(visitor, made, special_requests="Terrace", party_adults=2)
    group = staff.groups.get()
    group.permissions.remove(group.permissions.get(codename=roles.PII.partition(".")[2]))

    answers = [
        visitor.get("/bookings/undo/").content.decode(),
        undo(visitor, NEXT_WEEK).content.decode(),
        undo(visitor).content.decode(),
    ]

    assert [word in answer for answer in answers for word in ("Nora", "Silva", "Window", "Terrace")] == [False] * 12
    assert "Undo: edit N. S." in answers[0]


def test_stack_is_the_sessions_own(visitor: Client, station: Station, staff: User) -> None:
    made = booking(station)
    move(visitor, made)
    second = Client()
    second.force_login(staff)

    assert undo(second).json()["error"] == "Nothing to undo."
    assert undo(visitor).json()["moved"]


def test_stack_ends_with_the_session(visitor: Client, station: Station, staff: User) -> None:
    move(visitor, booking(station))
    visitor.post("/accounts/logout/")
    visitor.force_login(staff)

    assert undo(visitor).json()["error"] == "Nothing to undo."


def test_stack_is_not_anothers_even_under_its_id(visitor: Client, station: Station) -> None:
    made = booking(station)
    move(visitor, made)
    thief = Client()
    thief.force_login(person(roles.STAFF, station))
    session = thief.session
    session["undo_stack"] = visitor.session["undo_stack"]
    session.save()

    assert undo(thief).json()["error"] == "Nothing to undo."
    assert where(made) == ("2031-03-08", "19:00")


def test_session_keeps_no_personal_data_of_any_change(visitor: Client, station: Station) -> None:
    made = booking(
        station, customer=Contact("Ana García", "ana@example.com", "+49 30 901820"), special_requests="Window"
    )
    kept = []
    move(visitor, made)
    version = Booking.objects.get().version
    visitor.post(f"/bookings/{made.pk}/edit/", {**PARTY, "version": version, "special_requests": "Terrace"})
    kept.append(json.dumps(dict(visitor.session.items())))
    visitor.post("/bookings/undo/", {"next": WEEK})
    kept.append(json.dumps(dict(visitor.session.items())))

    assert all(str(made.pk) in text for text in kept)
    marks = ("Ana", "García", "ana@", "901820", "Window", "Terrace")
    assert [mark for mark in marks for text in kept if mark in text] == []


def test_erasing_a_customer_deletes_the_steps_that_hold_their_data(visitor: Client, station: Station) -> None:
    made, other = booking(station, customer=NORA, special_requests="Window"), booking(station, customer=LEO)
    edit(visitor, made, special_requests="Terrace")
    step(visitor, made, "cancelled")
    step(visitor, other, "completed")
    assert made.customer_id

    erasure.erase(made.customer_id, by=person(roles.MANAGERS, station))

    assert list(UndoStep.objects.values_list("booking", flat=True)) == [other.pk]


@pytest.mark.usefixtures("on_friday")
@pytest.mark.parametrize(
    ("before", "after", "done", "undone"),
    [
        ("pending", "confirmed", "Nora Silva is confirmed.", "Undone: Nora Silva is pending again."),
        ("confirmed", "arrived", "Nora Silva has arrived.", "Undone: Nora Silva is confirmed again."),
        ("confirmed", "no_show", "Nora Silva is marked as a no-show.", "Undone: Nora Silva is confirmed again."),
        (
            "arrived",
            "completed",
            "Nora Silva is marked as completed.",
            "Undone: Nora Silva is marked as arrived again.",
        ),
        ("no_show", "arrived", "Nora Silva has arrived.", "Undone: Nora Silva is marked as a no-show again."),
        ("completed", "confirmed", "Nora Silva is confirmed.", "Undone: Nora Silva is marked as completed again."),
        ("cancelled", "confirmed", "Nora Silva is confirmed.", "Undone: Nora Silva is cancelled again."),
        (
            "confirmed",
            "cancelled",
            "Cancelled: Nora Silva, 18:00, Fri 7 Mar.",
            "Undone: Nora Silva is confirmed again.",
        ),
    ],
)
def test_every_step_is_said_and_undone(
    visitor: Client, station: Station, before: str, after: str, done: str, undone: str
) -> None:
    made = booking(station, customer=NORA, status=Status(before))

    said = step(visitor, made, after).content.decode()

    assert done in said
    assert undo(visitor).json()["text"] == undone
    assert Booking.objects.get().status == before


def test_times_are_written_by_the_stations_custom(visitor: Client, staff: User) -> None:
    made = booking(open_station(code="diner", country="US"), customer=NORA)
    staff.stations.add(made.station)

    text = move(visitor, made, day="2031-03-07", slot="17:00").json()["text"].replace("\N{NARROW NO-BREAK SPACE}", " ")

    assert text == "Nora Silva moved from 6 PM to 5 PM, Fri Mar 7."


def test_what_is_changed_by_the_api_in_the_same_session_can_be_undone(visitor: Client, station: Station) -> None:
    made = booking(station, customer=NORA)
    visitor.patch(f"/api/bookings/admin/{made.pk}", {"date": "2031-03-08", "slot": "19:00"}, "application/json")

    assert undo(visitor).json()["text"] == "Undone: Nora Silva is back at 18:00, Fri 7 Mar."


def test_what_is_changed_by_a_token_is_on_no_stack(visitor: Client, station: Station, staff: User) -> None:
    made = booking(station)
    headers = {"Authorization": f"Bearer {issue_tokens(staff)['access']}"}
    Client().patch(
        f"/api/bookings/admin/{made.pk}", {"date": "2031-03-08", "slot": "19:00"}, "application/json", headers=headers
    )

    assert where(made) == ("2031-03-08", "19:00")
    assert undo(visitor).json()["error"] == "Nothing to undo."
