"""The week and the month page, as any browser gets them, scripts or none."""

import re
from collections import Counter
from datetime import UTC, date, datetime, time
from typing import Any

import pytest
import time_machine
from django.test import Client

from accounts import roles
from accounts.customers import Contact
from accounts.models import User
from bookings import services
from bookings.models.status import Status
from stations.models import Opening, Station
from tests.factories import FRIDAY, SATURDAY, ExceptionFactory, booking, customer, open_station, person

VIEWS = ("week", "month")


@pytest.fixture
def visitor(staff: User, client: Client) -> Client:
    client.force_login(staff)
    return client


def show(visitor: Client, view: str = "week", **query: Any) -> str:
    answer = visitor.get(f"/calendar/{view}/", {"station": "kitchen", "date": "2031-03-07", **query})
    assert answer.status_code == 200
    return answer.content.decode()


def ids(html: str) -> list[str]:
    return re.findall(r'data-booking-id="([^"]+)"', html)


@pytest.mark.parametrize("view", VIEWS)
def test_calendar_shows_each_booking_of_its_range_once_with_its_hooks(
    visitor: Client, station: Station, view: str
) -> None:
    made = booking(station, customer=Contact("Ana García", "ana@example.com"), slots=2)
    other = booking(station, SATURDAY, time(19))
    booking(station, date(2031, 5, 1))

    html = show(visitor, view)

    assert Counter(ids(html)) == {str(made.pk): 1, str(other.pk): 1}
    hooks = 'data-date="2031-03-07" data-slot="18:00" data-status="confirmed" data-version="1"'
    assert f'data-booking-id="{made.pk}" {hooks}' in html
    assert "Ana García" in html


def test_week_has_a_place_to_drop_for_every_slot(visitor: Client, station: Station) -> None:
    ExceptionFactory(station=station, date=FRIDAY)

    places = re.findall(r'data-drop-date="([^"]+)" data-drop-slot="([^"]+)"', show(visitor))

    assert len(places) == len(set(places)) == 7 * 5
    assert ("2031-03-07", "18:00") in places


def test_month_has_a_place_to_drop_for_every_day_of_its_weeks(visitor: Client, station: Station) -> None:
    places = re.findall(r'data-drop-date="([^"]+)"', show(visitor, "month"))

    assert (places[0], places[-1], len(places)) == ("2031-02-23", "2031-04-05", 42)


@pytest.mark.parametrize(("weekday", "first"), [(6, "2031-03-02"), (0, "2031-03-03"), (5, "2031-03-01")])
def test_week_begins_on_the_stations_first_day(visitor: Client, station: Station, weekday: int, first: str) -> None:
    Station.objects.update(first_weekday=weekday)

    assert re.search(r'data-drop-date="([^"]+)"', show(visitor))[1] == first  # type: ignore[index]


def test_week_says_how_full_each_slot_is_and_why_one_is_closed(visitor: Client, station: Station) -> None:
    booking(station)
    booking(station, slot=time(18), slots=2)
    ExceptionFactory(station=station, date=SATURDAY, reason="Stocktaking")

    html = show(visitor)

    assert '<span class="figure" aria-hidden="true">2/3</span><span class="visually-hidden">2 of 3</span>' in html
    assert "closed: Stocktaking" in html
    assert '<div class="long lane-0 h2" data-over-date="2031-03-07">' in html


def test_week_draws_a_slot_as_full_as_its_guests_are(visitor: Client, station: Station) -> None:
    Opening.objects.update(guest_capacity=10)
    booking(station, party_adults=8)

    html = show(visitor)

    [friday] = re.findall(r'data-drop-date="2031-03-07" data-drop-slot="18:00">(.*?)</td>', html, re.DOTALL)
    assert re.findall(r'class="load level-(\d+) of-guests"', friday) == ["8"]


def test_week_greys_what_is_over_today_and_takes_no_booking_there(
    client: Client, station: Station, staff: User
) -> None:
    with time_machine.travel(datetime(2031, 3, 7, 18, 30, tzinfo=UTC), tick=False):
        client.force_login(staff)
        html = show(client)

    squares = re.findall(
        r'<td class="([^"]+)"[^>]*date="2031-03-07" data-drop-slot="(\d\d)[^>]*>(.*?)</td>', html, re.DOTALL
    )
    assert {slot: ("is-past" in kind, "is-now" in kind, 'class="add"' in square) for kind, slot, square in squares} == {
        "17": (True, False, False),
        "18": (True, False, False),
        "19": (False, True, True),
        "20": (False, False, True),
        "21": (False, False, True),
    }


def test_displaced_bookings_stand_beside_the_grid(visitor: Client, station: Station) -> None:
    made = booking(station, date(2031, 9, 9))
    made.holds.all().delete()
    made.needs_place = True
    made.save()

    html = show(visitor)

    assert "1 unassigned" in html
    assert ids(html) == [str(made.pk)]


@pytest.mark.parametrize("status", ["arrived", "completed", "no_show"])
def test_displaced_booking_that_is_done_with_stands_in_the_grid_again(
    visitor: Client, station: Station, status: str
) -> None:
    """Nobody can or need give it another place: beside the grid it would stand for ever."""
    made = booking(station, status=status)
    made.holds.all().delete()
    made.needs_place = True
    made.save()

    for view in VIEWS:
        html = show(visitor, view)
        assert "Unassigned" not in html
        assert ids(html) == [str(made.pk)]


def test_booking_whose_slot_the_timetable_has_no_more_is_still_shown(visitor: Client, station: Station) -> None:
    made = booking(station, slot=time(18), slots=2)
    station.openings.all().delete()

    assert ids(show(visitor)) == ids(show(visitor, "month")) == [str(made.pk)]


@pytest.mark.parametrize("view", VIEWS)
def test_address_filters_by_status_and_customer(visitor: Client, station: Station, view: str) -> None:
    known = customer(station)
    hers = booking(station, customer_id=known.pk)
    waiting = booking(station, status=Status.PENDING)

    assert ids(show(visitor, view, status="pending")) == [str(waiting.pk)]
    assert ids(show(visitor, view, customer=known.pk)) == [str(hers.pk)]
    assert "Showing bookings for Ana García." in show(visitor, view, customer=known.pk)


def test_address_without_a_date_shows_the_stations_today(client: Client, station: Station, staff: User) -> None:
    Station.objects.update(time_zone="Pacific/Auckland")
    with time_machine.travel(datetime(2031, 3, 7, 12, tzinfo=UTC), tick=False):
        client.force_login(staff)
        html = client.get("/", follow=True).content.decode()

    assert re.search(r'<input[^>]* name="date" value="([^"]+)"', html)[1] == "2031-03-08"  # type: ignore[index]


@pytest.mark.parametrize(
    "query",
    [
        {"date": "0000-01-01"},
        {"date": "9999-12-31"},
        {"date": "20310307"},
        {"date": "\x00"},
        {"status": "nonsense"},
        {"customer": "nonsense"},
        {"date": "1900-01-01"},
        {"date": "2999-12-31"},
        {"date": "x" * 10_000},
    ],
)
@pytest.mark.parametrize("view", VIEWS)
def test_unreadable_address_shows_what_can_be_shown(
    visitor: Client, station: Station, view: str, query: dict[str, str]
) -> None:
    answer = visitor.get(f"/calendar/{view}/", {"station": "kitchen", **query})

    assert answer.status_code == 200


@pytest.mark.parametrize("view", VIEWS)
def test_another_stations_calendar_and_customer_are_not_there(visitor: Client, station: Station, view: str) -> None:
    other = open_station(code="elsewhere", name="Elsewhere")
    theirs = customer(other)

    assert visitor.get(f"/calendar/{view}/", {"station": "elsewhere"}).status_code == 404
    assert visitor.get(f"/calendar/{view}/", {"customer": str(theirs.pk)}).status_code == 404
    assert "Elsewhere" not in show(visitor, view)


@pytest.mark.parametrize("view", VIEWS)
def test_viewers_see_initials_and_can_change_nothing(client: Client, station: Station, view: str) -> None:
    client.force_login(person(roles.VIEWERS, station))
    booking(station, customer=Contact("Ana García", "ana@example.com"), special_requests="Nuts!")

    html = show(client, view)

    assert "A. G." in html
    assert [
        word
        for word in ("García", "ana@example.com", "Nuts!", "data-movable", "Move to", "bookings/new")
        if word in html
    ] == []


@pytest.mark.parametrize("view", VIEWS)
def test_hostile_names_are_escaped(visitor: Client, station: Station, view: str) -> None:
    booking(
        station, customer=Contact('<img src=x onerror="x">', "a@example.com"), special_requests='"><script>x</script>'
    )

    html = show(visitor, view)

    assert "<img src=x" not in html
    assert "<script>x" not in html


def test_nobody_without_a_station_sees_a_calendar(client: Client, db: None) -> None:
    client.force_login(person(roles.STAFF))

    answer = client.get("/calendar/week/")

    assert "You don't have a station yet." in answer.content.decode()


def test_integrators_have_no_pages(client: Client, station: Station) -> None:
    client.force_login(person(roles.INTEGRATORS, station))

    assert client.get("/calendar/week/").status_code == 403


def test_search_is_posted_and_its_hits_stand_in_addresses_by_id(visitor: Client, station: Station) -> None:
    known = customer(station)
    booking(station, customer_id=known.pk)
    customer(open_station(), "Ana Other", "other@example.com")

    html = visitor.post("/calendar/search/", {"q": "ana"}).content.decode()

    assert f"date=2031-03-07&amp;customer={known.pk}" in html
    assert "Ana Other" not in html
    assert not re.search(r'href="[^"]*(Garc|ana@)', html)
    assert visitor.get("/calendar/search/").status_code == 405


def test_pages_with_personal_data_are_not_kept_by_caches(visitor: Client, station: Station) -> None:
    answer = visitor.get("/calendar/week/")

    assert "no-store" in answer["Cache-Control"]
    policy = answer["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy


def test_page_has_no_inline_script_or_style(visitor: Client, station: Station) -> None:
    made = booking(station)
    for address in ("/calendar/week/", "/calendar/month/", f"/bookings/{made.pk}/", "/bookings/new/"):
        html = visitor.get(address, {"date": "2031-03-07"}).content.decode()
        assert not re.search(r"<style|<script(?![^>]*src=)|\sstyle=|\son\w+=|https?://(?!testserver)", html), address


@pytest.mark.parametrize("view", [*VIEWS, "day", "agenda"])
def test_cancelled_bookings_are_shown_only_when_asked_for(visitor: Client, station: Station, view: str) -> None:
    kept, gone = booking(station), booking(station, slot=time(19))
    services.change_status(gone.pk, Status.CANCELLED, by=roles.OPERATOR)

    assert ids(show(visitor, view)) == [str(kept.pk)]
    assert {*ids(show(visitor, view, status="all"))} == {str(kept.pk), str(gone.pk)}
    assert ids(show(visitor, view, status="cancelled")) == [str(gone.pk)]


def test_month_shows_three_bookings_of_a_day_and_the_others_on_request(visitor: Client, station: Station) -> None:
    Opening.objects.update(capacity=9)
    made = [booking(station) for _number in range(6)]
    four = [booking(station, SATURDAY) for _number in range(4)]

    html = show(visitor, "month")

    shown, _button, rest = html.partition(
        '<button type="button" class="plain more-button" popovertarget="more-2031-03-07">'
    )
    assert [number for number in ids(shown) if number in {str(one.pk) for one in made}] == [
        str(one.pk) for one in made[:3]
    ]
    assert rest.strip().startswith("+3 more")
    assert Counter(ids(html)) == dict.fromkeys([str(one.pk) for one in (*made, *four)], 1)
    assert "more-2031-03-08" not in html  # the button would take the place of the fourth card


def test_card_names_day_time_guests_and_status_for_screen_readers(visitor: Client, station: Station) -> None:
    booking(station, customer=Contact("George Abernathy"), party_adults=4, special_requests="Window")

    html = show(visitor)

    assert 'aria-label="Friday 7 March 18:00, George Abernathy, 4 guests, confirmed, has special requests"' in html
    assert '<span>George Abernathy</span><span class="short">G. Abernathy</span>' in html


@pytest.mark.parametrize("name", ["Madonna", "Bo Li", "A. Abernathy"])
def test_name_that_is_short_has_no_shorter_form(visitor: Client, station: Station, name: str) -> None:
    booking(station, customer=Contact(name))

    assert f'class="name">{name}</span>' in show(visitor)


def test_list_of_unassigned_bookings_is_open_where_one_is_of_the_days_shown(visitor: Client, station: Station) -> None:
    made = booking(station)
    made.holds.all().delete()
    made.needs_place = True
    made.save()

    assert '<details class="unassigned" id="unassigned" open>' in show(visitor)
    assert '<details class="unassigned" id="unassigned">' in show(visitor, date="2031-05-01")


def test_day_folds_what_has_passed_today(client: Client, station: Station, staff: User) -> None:
    booking(station)
    with time_machine.travel(datetime(2031, 3, 7, 18, 30, tzinfo=UTC), tick=False):
        client.force_login(staff)
        html, week = show(client, "day"), show(client, "week")

    [line] = re.findall(r'<label for="show-earlier">(.*?)</label>', html)
    assert line.strip() == "17:00 – 19:00: 1 party"
    [earlier] = re.findall(r'<tbody class="earlier">(.*?)</tbody>', html)
    assert re.findall(r'data-drop-slot="([^"]+)"', earlier) == ["17:00", "18:00"]
    assert "show-earlier" not in week
