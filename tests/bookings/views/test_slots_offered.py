"""Which slots pages offer, for a new booking and for a move: none that would be refused, and the likely one first."""

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client

from accounts import roles
from bookings import services
from bookings.models import Booking
from bookings.services import Place
from stations.models import Opening, Station
from tests.factories import FRIDAY, SATURDAY, ExceptionFactory, booking, bookings, open_station, person

pytestmark = pytest.mark.looks

THURSDAY = FRIDAY - timedelta(days=1)
EVENING = datetime(2031, 3, 7, 18, 30, tzinfo=UTC)
"""19:30 in Berlin, on Friday: the slot of 19:00 is running."""


def at(moment: datetime) -> Any:
    return time_machine.travel(moment, tick=False)


def visitor_of(station: Station) -> Client:
    client = Client()
    client.force_login(person(roles.STAFF, station))
    return client


def new_form(client: Client, **query: Any) -> str:
    return client.get("/bookings/new/", {"station": "kitchen", **query}).content.decode()


def offered(html: str) -> list[tuple[str, str, str]]:
    """The slots to choose from: the value, its attributes and its words."""
    [select] = re.findall(r'<select name="slot".*?</select>', html, re.DOTALL)
    return re.findall(r'<option value="([\d:]*)"([ \w]*)>([^<]*)</option>', select)


def day_of(html: str) -> str:
    [day] = re.findall(r'<input type="date" name="date" value="([^"]+)"', html)
    return str(day)


def test_new_booking_begins_with_the_slot_that_is_running_and_offers_none_that_has_ended(station: Station) -> None:
    with at(EVENING):
        html = new_form(visitor_of(station), date="2031-03-07")

    assert (day_of(html), offered(html)) == (
        "2031-03-07",
        [
            ("19:00", " selected", "19:00 · 3 of 3 free"),
            ("20:00", "", "20:00 · 3 of 3 free"),
            ("21:00", "", "21:00 · 3 of 3 free"),
        ],
    )


def test_new_booking_that_takes_what_the_form_preselects_is_made(station: Station) -> None:
    with at(EVENING):
        client = visitor_of(station)
        form = client.get("/bookings/new/", {"station": "kitchen"}).context["form"]
        words = {field.name: field.value() for field in form if field.value() not in (None, "")}

        answer = client.post("/bookings/new/", {**words, "station": "kitchen"})

    made = Booking.objects.get()
    assert (answer.status_code, made.date, made.slot) == (302, FRIDAY, time(19))


def test_new_booking_passes_over_full_and_closed_slots_which_cannot_be_chosen(station: Station) -> None:
    bookings(3, station, slot=time(19))
    ExceptionFactory(station=station, slot=time(20), reason="Stocktaking")

    with at(EVENING):
        html = new_form(visitor_of(station), date="2031-03-07")

    assert offered(html) == [
        ("19:00", " disabled", "19:00 · full"),
        ("20:00", " disabled", "20:00 · closed: Stocktaking"),
        ("21:00", " selected", "21:00 · 3 of 3 free"),
    ]


@pytest.mark.parametrize("asked", [{}, {"date": "2031-03-07"}, {"date": "2031-03-01"}])
def test_new_booking_after_the_last_slot_of_today_begins_with_the_next_day(
    station: Station, asked: dict[str, str]
) -> None:
    with at(EVENING + timedelta(hours=3)):
        html = new_form(visitor_of(station), **asked)

    assert (day_of(html), offered(html)[0]) == ("2031-03-08", ("17:00", " selected", "17:00 · 3 of 3 free"))
    assert ("The next free slot is Sat 8 Mar 2031 17:00." in html) == bool(asked)


def test_new_booking_on_a_day_ahead_stays_there(station: Station) -> None:
    for hour in range(17, 22):
        bookings(3, station, SATURDAY, time(hour))

    with at(EVENING):
        html = new_form(visitor_of(station), date="2031-03-08")

    assert day_of(html) == "2031-03-08"
    assert offered(html) == [
        ("", " selected", "No free slots on this day. Choose another date."),
        *((f"{hour}:00", " disabled", f"{hour}:00 · full") for hour in range(17, 22)),
    ]


def test_new_booking_for_a_day_that_is_over_has_nothing_to_choose(station: Station) -> None:
    """As the script asks when somebody chooses that date."""
    with at(EVENING):
        html = new_form(visitor_of(station), date="2031-03-06", slot="18:00")

    assert (day_of(html), offered(html)) == (
        "2031-03-06",
        [("", " selected", "No free slots on this day. Choose another date.")],
    )


@pytest.mark.parametrize(("slot", "chosen"), [("20:00", "20:00"), ("18:00", "19:00"), ("3:00", "19:00"), ("", "19:00")])
def test_new_booking_from_a_cell_begins_with_its_slot_or_the_next_free_one(
    station: Station, slot: str, chosen: str
) -> None:
    with at(EVENING):
        html = new_form(visitor_of(station), date="2031-03-07", slot=slot)

    assert [value for value, attributes, _words in offered(html) if "selected" in attributes] == [chosen]


def test_new_booking_in_a_slot_that_ended_meanwhile_says_so_and_chooses_no_other(station: Station) -> None:
    words = {"station": "kitchen", "date": "2031-03-07", "slot": "18:00", "slots": 1, "party_adults": 2}
    words |= {"party_kids": 0, "status": "confirmed"}

    with at(EVENING):
        answer = visitor_of(station).post("/bookings/new/", words)

    html = answer.content.decode()
    assert (answer.status_code, Booking.objects.count()) == (400, 0)
    assert "This slot has ended. Choose another one." in html
    assert [(value, words) for value, _attributes, words in offered(html)] == [
        ("", "Choose a slot"),
        ("19:00", "19:00 · 3 of 3 free"),
        ("20:00", "20:00 · 3 of 3 free"),
        ("21:00", "21:00 · 3 of 3 free"),
    ]


@pytest.fixture
def night_bar(db: None) -> Station:
    """Open from 22:00 in slots of three hours: the second of a day begins at 01:00."""
    return open_station(hours=[1, 22], minutes=180, code="kitchen", name="Kitchen")


def test_new_booking_after_midnight_begins_with_yesterdays_slot_that_is_running(night_bar: Station) -> None:
    with at(datetime(2031, 3, 7, 23, 30, tzinfo=UTC)):  # half past midnight
        html = new_form(visitor_of(night_bar))

    assert (day_of(html), offered(html)) == ("2031-03-07", [("22:00", " selected", "22:00 · 3 of 3 free")])


def test_week_offers_yesterdays_slot_while_it_runs_past_midnight(night_bar: Station) -> None:
    with at(datetime(2031, 3, 7, 23, 30, tzinfo=UTC)):
        html = visitor_of(night_bar).get("/calendar/week/?station=kitchen&date=2031-03-08").content.decode()

    squares = re.findall(
        r'<td class="([^"]+)"[^>]*date="(2031-03-0\d)" data-drop-slot="(\d\d)[^>]*>(.*?)</td>', html, re.DOTALL
    )
    found = {(day, slot): (kind, 'class="add"' in square) for kind, day, slot, square in squares}
    assert [found["2031-03-07", slot] for slot in ("01", "22")] == [
        ("slot is-past", False),
        ("slot is-open is-now", True),
    ]


def test_station_that_takes_no_bookings_offers_none(station: Station) -> None:
    Station.objects.update(is_active=False)
    client = visitor_of(station)

    assert offered(new_form(client)) == [("", " selected", "This station takes no new bookings.")]
    week = client.get("/calendar/week/?station=kitchen&date=2031-03-07").content.decode()
    assert "bookings/new" not in week


# --- moves ---------------------------------------------------------------------------------------------------------------


def move_list(client: Client, made: Booking, **query: str) -> list[tuple[str, str, str]]:
    """The slots that “Move to…” lists: the value, its attributes and its words."""
    html = client.get(f"/bookings/{made.pk}/move/", query).content.decode()
    found = re.findall(r'<button name="slot" value="([\d:]+)"([^>]*)>(.*?)</button>', html, re.DOTALL)
    return [(slot, flags, " ".join(re.sub(r"<[^>]+>", "", words).split())) for slot, flags, words in found]


HOME = ' disabled aria-current="true"'


def test_move_lists_no_slot_that_has_ended_and_marks_the_bookings_own(station: Station) -> None:
    made = booking(station, slot=time(20))
    bookings(3, station, slot=time(21))

    with at(EVENING):
        found = move_list(visitor_of(station), made)

    assert found == [
        ("19:00", "", "19:00 3 of 3 free"),
        ("20:00", HOME, "20:00 current time"),
        ("21:00", " disabled", "21:00 full"),
    ]


def test_move_list_does_not_count_the_booking_itself(station: Station) -> None:
    made = booking(station, slot=time(18), slots=2)
    booking(station, slot=time(19))

    assert move_list(visitor_of(station), made) == [
        ("17:00", "", "17:00 3 of 3 free"),
        ("18:00", HOME, "18:00 current time"),
        ("19:00", "", "19:00 2 of 3 free"),
        ("20:00", "", "20:00 3 of 3 free"),
        ("21:00", " disabled", "21:00 no such slot"),
    ]


def test_move_list_has_no_room_for_a_party_that_does_not_fit(station: Station) -> None:
    Opening.objects.update(guest_capacity=6)
    made = booking(station, party_adults=4)
    booking(station, SATURDAY, slot=time(20), party_adults=4)

    found = {slot: (flags, words) for slot, flags, words in move_list(visitor_of(station), made, date="2031-03-08")}

    assert found["20:00"] == (" disabled", "20:00 room for 2 guests")


def test_move_list_of_a_booking_that_is_overdue_begins_with_today(station: Station) -> None:
    made = booking(station, THURSDAY)

    with at(EVENING):
        assert [slot for slot, _flags, _words in move_list(visitor_of(station), made)] == ["19:00", "20:00", "21:00"]


def test_move_list_of_a_day_that_is_over_is_empty(station: Station) -> None:
    made = booking(station, SATURDAY)

    with at(EVENING):
        answer = visitor_of(station).get(f"/bookings/{made.pk}/move/", {"date": "2031-03-06"})

    assert 'name="slot"' not in answer.content.decode()
    assert "No free slots on this day. Choose another date." in answer.content.decode()


def test_move_offers_no_station_that_takes_no_bookings(station: Station) -> None:
    idle, bar = open_station(name="Idle", is_active=False), open_station(name="Bar")
    made = booking(station)
    client = Client()
    client.force_login(person(roles.STAFF, station, idle, bar))

    html = client.get(f"/bookings/{made.pk}/move/").content.decode()

    assert re.findall(r"<option value=[^>]*>([^<]+)</option>", html) == ["Bar", "Kitchen"]


@pytest.mark.parametrize("accept", ["application/json", "text/html"])
def test_move_into_the_running_slot_is_taken_until_it_ends(station: Station, accept: str) -> None:
    made = booking(station, slot=time(21))
    words = {"date": "2031-03-07", "slot": "19:00", "version": 1}

    with at(EVENING):
        answer = visitor_of(station).post(f"/bookings/{made.pk}/move/", words, headers={"Accept": accept})

    made.refresh_from_db()
    assert (answer.status_code, made.slot) == (200 if accept == "application/json" else 302, time(19))


def test_move_into_a_slot_that_has_just_ended_is_refused(station: Station) -> None:
    made = booking(station, slot=time(21))
    words = {"date": "2031-03-07", "slot": "18:00", "version": 1}

    with at(EVENING):
        answer = visitor_of(station).post(f"/bookings/{made.pk}/move/", words, headers={"Accept": "application/json"})

    assert (answer.status_code, answer.json()["code"]) == (400, "past")


def test_move_options_foretells_that_the_running_slot_takes_a_move(station: Station) -> None:
    made = booking(station, slot=time(21))

    with at(EVENING):
        options = (
            visitor_of(station)
            .get(f"/bookings/{made.pk}/move-options/?first=2031-03-07&last=2031-03-07")
            .json()["options"]
        )

    assert [(one["slot"], one["code"], one["label"]) for one in options] == [
        ("17:00", "past", "past"),
        ("18:00", "past", "past"),
        ("19:00", "", "1 of 3"),
        ("20:00", "", "1 of 3"),
        ("21:00", "", ""),
    ]


# --- the next free slots -------------------------------------------------------------------------------------------------


def next_free(client: Client, made: Booking) -> list[tuple[str, str]]:
    """Those of the booking's page, as date and slot."""
    html = client.get(f"/bookings/{made.pk}/").content.decode()
    return re.findall(r'name="date" value="([^"]+)">.*?name="slot" value="([^"]+)"', html, re.DOTALL)


def test_next_free_slots_are_those_around_the_bookings_own_time_and_then_on_other_days(db: None) -> None:
    station = open_station(hours=[12, 13, 14, 17, 18, 19, 20, 21], code="kitchen")
    made = booking(station, slot=time(19))

    assert next_free(visitor_of(station), made) == [
        ("2031-03-07", "20:00"),
        ("2031-03-07", "18:00"),
        ("2031-03-07", "21:00"),
        ("2031-03-08", "19:00"),
        ("2031-03-09", "19:00"),
        ("2031-03-10", "19:00"),
    ]


def test_next_free_slots_pass_over_what_is_full_closed_or_past(station: Station) -> None:
    made = booking(station, slot=time(20))
    bookings(3, station, slot=time(21))
    ExceptionFactory(station=station, date=SATURDAY)

    with at(EVENING):
        found = next_free(visitor_of(station), made)

    assert found == [("2031-03-07", "19:00"), *((f"2031-03-{day:02}", "20:00") for day in (9, 10, 11, 12, 13))]


def test_next_free_slots_where_no_other_day_has_that_time_are_the_nearest_of_each_day(db: None) -> None:
    station = open_station(hours=[12, 20], code="kitchen")
    Opening.objects.create(station=station, weekday=FRIDAY.weekday(), start=time(19), minutes=60, capacity=3)
    made = booking(station, slot=time(19))

    assert next_free(visitor_of(station), made) == [
        ("2031-03-07", "20:00"),
        ("2031-03-07", "12:00"),
        ("2031-03-14", "19:00"),
        ("2031-03-08", "20:00"),
        ("2031-03-08", "12:00"),
        ("2031-03-09", "20:00"),
    ]


def test_next_free_slots_reach_past_midnight(night_bar: Station) -> None:
    made = booking(night_bar, slot=time(22))

    assert next_free(visitor_of(night_bar), made)[:3] == [
        ("2031-03-08", "01:00"),
        ("2031-03-07", "01:00"),
        ("2031-03-08", "22:00"),
    ]


def test_next_free_slots_of_a_booking_that_is_overdue_begin_with_today(station: Station) -> None:
    made = booking(station, date(2031, 3, 1), slot=time(20))

    with at(EVENING):
        assert next_free(visitor_of(station), made)[:2] == [("2031-03-07", "20:00"), ("2031-03-08", "20:00")]


def test_next_free_slot_that_is_running_is_taken(station: Station) -> None:
    made = booking(station, slot=time(20))

    with at(EVENING):
        client = visitor_of(station)
        assert ("2031-03-07", "19:00") in next_free(client, made)
        client.post(f"/bookings/{made.pk}/move/", {"date": "2031-03-07", "slot": "19:00", "version": 1})

    made.refresh_from_db()
    assert made.slot == time(19)


def test_admin_moves_a_booking_into_the_running_slot(station: Station) -> None:
    made = booking(station, slot=time(21))
    with at(EVENING):
        client = Client()
        client.force_login(person(roles.MANAGERS, station))
        form = client.get(f"/admin/bookings/booking/{made.pk}/change/").context["adminform"].form
        words = {field.name: field.value() for field in form if field.value() not in (None, "")}

        answer = client.post(f"/admin/bookings/booking/{made.pk}/change/", {**words, "slot": "19:00"})

    made.refresh_from_db()
    assert (answer.status_code, made.slot) == (302, time(19))


def test_service_takes_the_running_slot_only_where_it_is_asked_to(station: Station) -> None:
    made = booking(station, slot=time(21))
    with at(EVENING):
        moved = services.reschedule(made.pk, to=Place(FRIDAY, time(19)), by=roles.OPERATOR, allow_running=True).booking

    assert moved.slot == time(19)
