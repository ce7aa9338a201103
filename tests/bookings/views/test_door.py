"""The door: who is due, here and gone, with one tap each."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta

import pytest
import time_machine
from django.test import Client

from accounts import roles
from accounts.customers import Contact
from accounts.models import AuditEntry, User
from bookings import services
from bookings.errors import SlotFull
from bookings.models import Booking
from bookings.models.status import Status
from stations.errors import NoSuchSlot
from stations.models import Opening, Station
from tests.factories import FRIDAY, SATURDAY, ExceptionFactory, booking, bookings, open_station, person

HALF_PAST_SEVEN = datetime(2031, 3, 7, 18, 30, tzinfo=UTC)
"""In Berlin, on Friday: the slot of 19:00 is running."""
DOOR = "/calendar/door/?station=kitchen"
NORA = Contact("Nora Silva", "nora@example.com")


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(HALF_PAST_SEVEN, tick=False) as traveller:
        yield traveller


@pytest.fixture
def visitor(clock: time_machine.Traveller, staff: User, client: Client) -> Client:
    client.force_login(staff)
    return client


def lists(visitor: Client, address: str = DOOR) -> dict[str, list[str]]:
    """The keys of the bookings in each list."""
    html = visitor.get(address).content.decode()
    sections = re.findall(r'<section aria-labelledby="door-(\w+)"(.*?)</section>', html, re.DOTALL)
    return {name: re.findall(r'data-booking-id="([^"]+)"', section) for name, section in sections}


def row(visitor: Client, made: Booking) -> str:
    html = visitor.get(DOOR).content.decode()
    [found] = re.findall(rf'<tr [^>]*data-booking-id="{made.pk}".*?</tr>', html, re.DOTALL)
    return str(found)


def press(visitor: Client, made: Booking, change: str, **headers: str) -> str:
    address = f"/calendar/door/{made.pk}/"
    return str(visitor.post(address, {"change": change}, follow=True, headers=headers).content.decode())


# --- who is where -----------------------------------------------------------------------------------------------------------


def test_bookings_of_the_day_are_due_here_or_gone(visitor: Client, station: Station) -> None:
    made = {status: booking(station, slot=time(18), status=status) for status in (Status.PENDING, Status.ARRIVED)}
    made |= {status: booking(station, slot=time(17), status=status) for status in (Status.NO_SHOW, Status.CANCELLED)}
    made[Status.COMPLETED] = booking(station, slot=time(18), status=Status.COMPLETED)
    later = booking(station, slot=time(20))
    booking(station, SATURDAY)

    assert lists(visitor) == {
        "due": [str(made[Status.PENDING].pk), str(later.pk)],
        "here": [str(made[Status.ARRIVED].pk)],
        "gone": [str(made[Status.NO_SHOW].pk), str(made[Status.COMPLETED].pk)],
    }


def test_who_is_late_is_told_by_how_much(visitor: Client, station: Station, clock: time_machine.Traveller) -> None:
    made = booking(station, slot=time(19))
    assert "30 min late" in row(visitor, made)

    clock.move_to(HALF_PAST_SEVEN + timedelta(minutes=1))
    assert "31 min late" in row(visitor, made)

    clock.move_to(HALF_PAST_SEVEN + timedelta(hours=1))
    assert "1 h 30 min late" in row(visitor, made)


def test_nobody_is_late_before_their_time_or_once_they_are_here(visitor: Client, station: Station) -> None:
    for made in (booking(station, slot=time(20)), booking(station, slot=time(19), status=Status.ARRIVED)):
        assert "late" not in row(visitor, made).replace('class="late"', "")


def test_guests_who_stay_past_midnight_are_still_here(visitor: Client, clock: time_machine.Traveller) -> None:
    night = open_station(hours=[23], minutes=120, code="bar")
    made = booking(night, slot=time(23), status=Status.ARRIVED)
    clock.move_to(datetime(2031, 3, 7, 23, 30, tzinfo=UTC))
    visitor.force_login(person(roles.STAFF, night))

    assert lists(visitor, "/calendar/door/?station=bar")["here"] == [str(made.pk)]


def test_party_requests_and_amount_are_in_the_row(visitor: Client, station: Station) -> None:
    made = booking(
        station, slot=time(20), customer=NORA, party_adults=4, special_requests="Window", total_due_cents=4_500
    )

    text = re.sub(r"<[^>]+>", " ", row(visitor, made))

    assert all(word in text for word in ("20:00", "Nora Silva", " 4 ", "Window", "45,00"))


def test_buttons_are_those_that_can_be_pressed(visitor: Client, station: Station) -> None:
    expected = {
        Status.PENDING: ["arrived"],
        Status.CONFIRMED: ["arrived", "no_show"],
        Status.ARRIVED: ["completed"],
        Status.COMPLETED: ["arrived"],
        Status.NO_SHOW: ["arrived"],
    }
    for status, steps in expected.items():
        made = booking(station, slot=time(17), status=status)
        assert re.findall(r'data-step="(\w+)"', row(visitor, made)) == steps
        assert set(steps) <= {*status.facts.steps}
        Booking.objects.all().delete()


def test_tomorrow_has_no_steps_yet(visitor: Client, station: Station) -> None:
    booking(station, SATURDAY)

    html = visitor.get(f"{DOOR}&date={SATURDAY}").content.decode()

    assert "data-booking-id" in html
    assert "data-step" not in html


def test_viewers_see_the_door_without_buttons(visitor: Client, station: Station) -> None:
    booking(station, slot=time(20), customer=NORA, special_requests="Window", total_due_cents=4_500)
    visitor.force_login(person(roles.VIEWERS, station))

    html = visitor.get(DOOR).content.decode()

    assert "data-booking-id" in html
    assert not any(
        word in html for word in ("data-step", 'form="door"', "walk-in-sizes", "Nora", "Window", "45.00", "45,00")
    )


# --- one tap ----------------------------------------------------------------------------------------------------------------


def test_arrived_left_and_missing_take_one_tap_each_and_are_undone_by_name(visitor: Client, station: Station) -> None:
    made = booking(station, slot=time(19), customer=NORA)

    page = press(visitor, made, "arrived 1")

    assert "Nora Silva has arrived." in page
    assert "Undo: mark Nora Silva as arrived" in page
    assert lists(visitor)["here"] == [str(made.pk)]
    assert "is marked as completed" in press(visitor, made, "completed 2")
    assert lists(visitor)["gone"] == [str(made.pk)]
    assert [entry.event for entry in AuditEntry.objects.filter(object_pk=str(made.pk))].count("status") == 2


def test_script_gets_the_notice_as_json(visitor: Client, station: Station) -> None:
    made = booking(station, slot=time(19), customer=NORA)

    answer = visitor.post(f"/calendar/door/{made.pk}/", {"change": "no_show 1"}, headers={"Accept": "application/json"})

    assert (answer.status_code, answer.json()["moved"]) == (200, True)
    assert "Nora Silva is marked as a no-show." in answer.json()["text"]


def test_number_of_guests_is_counted_and_children_stay(visitor: Client, station: Station) -> None:
    made = booking(station, slot=time(19), party_adults=2, party_kids=1)

    press(visitor, made, "guests 4 1")

    made.refresh_from_db()
    assert (made.party_adults, made.party_kids) == (3, 1)


@pytest.mark.parametrize("change", ["", "arrived", "gone 1", "guests 0 1", "guests 1", "arrived 0x1", "guests 99999 1"])
def test_what_no_button_sends_is_refused_and_the_door_shown_again(
    visitor: Client, station: Station, change: str
) -> None:
    made = booking(station, slot=time(19))

    page = press(visitor, made, change)

    assert "Something went wrong. Please try again." in page
    assert "data-door" in page
    made.refresh_from_db()
    assert made.version == 1


def test_older_version_is_refused_with_who_changed_it(visitor: Client, station: Station) -> None:
    made = booking(station, slot=time(19), customer=NORA)
    services.edit(made.pk, {"party_adults": 5}, by=person(roles.STAFF, station, email="max@example.com"))

    assert "max@example.com has changed this booking" in press(visitor, made, "no_show 1")
    made.refresh_from_db()
    assert made.status == Status.CONFIRMED


def test_booking_of_another_station_is_not_found(visitor: Client) -> None:
    made = booking(open_station(code="court"), slot=time(19))

    answer = visitor.post(f"/calendar/door/{made.pk}/", {"change": "arrived 1"})

    assert answer.status_code == 404
    made.refresh_from_db()
    assert made.status == Status.CONFIRMED


# --- walk-ins ---------------------------------------------------------------------------------------------------------------


def test_walk_in_is_seated_in_the_running_slot(visitor: Client, station: Station) -> None:
    page = visitor.post("/calendar/door/walk-in/", {"station": "kitchen", "guests": 3}, follow=True).content.decode()

    made = Booking.objects.get()
    assert (made.status, made.date, made.slot, made.total_guests) == (Status.ARRIVED, FRIDAY, time(19), 3)
    assert (made.source, made.holds.count()) == ("walk-in", 1)
    assert lists(visitor)["here"] == [str(made.pk)]
    assert "Booked: " in page


def test_walk_in_is_refused_where_the_slot_is_full(visitor: Client, station: Station, staff: User) -> None:
    bookings(3, station, slot=time(19))

    with pytest.raises(SlotFull):
        services.seat_walk_in("kitchen", 2, by=staff)
    page = visitor.post("/calendar/door/walk-in/", {"station": "kitchen", "guests": 3}, follow=True).content.decode()

    assert "Target time slot is fully booked" in page
    assert Booking.objects.count() == 3


def test_walk_in_is_refused_where_no_slot_is_running(
    clock: time_machine.Traveller, station: Station, staff: User
) -> None:
    clock.move_to(datetime(2031, 3, 7, 8, tzinfo=UTC))

    with pytest.raises(NoSuchSlot, match="closed now"):
        services.seat_walk_in("kitchen", 2, by=staff)


def test_walk_in_is_refused_where_the_slot_is_closed(visitor: Client, station: Station) -> None:
    ExceptionFactory(station=station, date=FRIDAY, slot=time(19), reason="Stocktaking")

    page = visitor.post("/calendar/door/walk-in/", {"station": "kitchen", "guests": 3}, follow=True).content.decode()

    assert "Stocktaking" in page
    assert not Booking.objects.exists()


def test_walk_in_after_midnight_is_seated_in_last_nights_slot(clock: time_machine.Traveller, db: None) -> None:
    night = open_station(hours=[23], minutes=120, code="bar")
    clock.move_to(datetime(2031, 3, 7, 23, 30, tzinfo=UTC))

    made = services.seat_walk_in("bar", 2, by=person(roles.STAFF, night))

    assert (made.date, made.slot) == (FRIDAY, time(23))


@pytest.mark.parametrize("sent", [{}, {"station": "kitchen"}, {"station": "kitchen", "guests": "0"}, {"guests": "2"}])
def test_walk_in_without_station_or_guests_is_refused(visitor: Client, station: Station, sent: dict[str, str]) -> None:
    visitor.post("/calendar/door/walk-in/", sent)

    assert not Booking.objects.exists()


def test_walk_in_at_another_station_is_not_found(visitor: Client) -> None:
    open_station(code="court")

    answer = visitor.post("/calendar/door/walk-in/", {"station": "court", "guests": 2})

    assert answer.status_code == 404
    assert not Booking.objects.exists()


def test_walk_in_sent_twice_is_one_party(visitor: Client, station: Station) -> None:
    html = visitor.get(DOOR).content.decode()
    [key] = re.findall(r'name="form_key" value="([^"]+)"', html[html.index('id="walk-in"') :])[:1]

    for _n in range(2):
        visitor.post("/calendar/door/walk-in/", {"station": "kitchen", "guests": 3, "form_key": key})

    assert Booking.objects.count() == 1


def test_door_of_a_station_without_opening_hours_is_empty(visitor: Client, station: Station) -> None:
    Opening.objects.all().delete()

    assert lists(visitor) == {"due": [], "here": [], "gone": []}
