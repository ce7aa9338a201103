"""The week to paint in the admin: what it sends is checked, saved as a whole, and never saved over another person's change."""

import json
import re
from datetime import time
from typing import Any

import pytest
from django.test import Client

from accounts.models import AuditEntry, User
from bookings.models import Booking
from stations.models import Opening, Station
from tests.factories import FRIDAY, UserFactory, booking, open_station

pytestmark = pytest.mark.looks

FRIDAYS: list[list[Any]] = [[4, "18:00", 60, 2, None], [4, "19:00", 60, 2, 8]]


@pytest.fixture
def station(db: None) -> Station:
    station = open_station(hours=[], code="kitchen", name="Kitchen")
    Opening.objects.create(station=station, weekday=4, start=time(18), minutes=60, capacity=2)
    return station


def url(station: Station) -> str:
    return f"/admin/stations/station/{station.pk}/hours/"


def words(station: Station, slots: Any, **changes: Any) -> dict[str, Any]:
    """What the page sends: what was painted over the one slot that it was opened with."""
    loaded = json.dumps(FRIDAYS[:1])
    said = {"first_date": "2031-03-01", "slots": json.dumps(slots), "loaded": loaded}
    return {**said, "timetable_version": station.timetable_version, "latest_entry": 0, **changes}


def hours() -> list[tuple[int, str, int, int | None, str]]:
    """Each opening: weekday, start, capacity, guest capacity and first date."""
    rows = Opening.objects.order_by("weekday", "start")
    return [(one.weekday, f"{one.start:%H:%M}", one.capacity, one.guest_capacity, str(one.first_date)) for one in rows]


def painted(html: str) -> list[list[Any]]:
    [value] = re.findall(r'name="slots" value="([^"]*)"', html)
    slots: list[list[Any]] = json.loads(value.replace("&quot;", '"'))
    return slots


def test_page_has_the_week_from_a_date_on(admin: Client, station: Station) -> None:
    Opening.objects.create(station=station, weekday=0, start=time(9), minutes=30, capacity=1, first_date="2031-03-10")

    earlier = admin.get(url(station), {"first_date": "2031-03-01"}).content.decode()
    later = admin.get(url(station), {"first_date": "2031-03-10"}).content.decode()

    assert (painted(earlier), painted(later)) == (FRIDAYS[:1], [[0, "09:00", 30, 1, None], *FRIDAYS[:1]])


def test_what_is_painted_is_saved_and_recorded(admin: Client, station: Station, manager: User) -> None:
    answer = admin.post(url(station), words(station, FRIDAYS))

    assert (answer.status_code, answer.headers["Location"]) == (302, f"/admin/stations/station/{station.pk}/change/")
    assert hours() == [(4, "18:00", 2, None, "None"), (4, "19:00", 2, 8, "2031-03-01")]
    station.refresh_from_db()
    assert station.timetable_version == 2
    entry = AuditEntry.objects.filter(object_repr="Friday 19:00").get()
    assert (entry.actor, entry.channel, entry.station) == (manager, "admin", station)


def test_bookings_that_would_lose_their_time_are_named_and_nothing_is_changed(admin: Client, station: Station) -> None:
    made = booking(station, FRIDAY)

    html = admin.post(url(station), words(station, [])).content.decode()

    assert "1 booking would lose its time:" in html
    assert f'<a href="/bookings/{made.pk}/move/">Walk-in, Fri 7 Mar 2031 18:00</a>, 1 guest' in html
    assert (painted(html), hours()) == ([], [(4, "18:00", 2, None, "None")])


def test_bookings_are_displaced_where_the_manager_says_so(admin: Client, station: Station) -> None:
    booking(station, FRIDAY)

    admin.post(url(station), words(station, [], displace="on"))

    assert Booking.objects.get().needs_place
    assert [str(one.last_date) for one in Opening.objects.all()] == ["2031-02-28"]


def test_change_by_somebody_else_meanwhile_is_kept_together_with_what_was_painted(
    admin: Client, station: Station
) -> None:
    stale = words(station, FRIDAYS)
    other = Client()
    other.force_login(UserFactory(is_superuser=True, email="root@example.com"))
    other.post(url(station), words(station, [FRIDAYS[0], [0, "09:00", 60, 1, None]]))
    station.refresh_from_db()

    refused = admin.post(url(station), stale).content.decode()
    merged = [[0, "09:00", 60, 1, None], *FRIDAYS]
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', refused))
    again = {name: value.replace("&quot;", '"') for name, value in fields.items()}

    assert "changed the opening hours in the meantime" in refused
    assert painted(refused) == merged
    assert len(hours()) == 2
    assert admin.post(url(station), again).status_code == 302
    assert [one[:2] for one in hours()] == [(0, "09:00"), (4, "18:00"), (4, "19:00")]


@pytest.mark.parametrize(
    "slots",
    [
        "", "x", "null", "7", "{}", '"[]"', "[1]", "[[]]", "[[4]]", "[" * 10_000, '[[7, "18:00", 60, 2, null]]',
        '[[7, "18:00", 60, 7, null]]',
        '[[-1, "18:00", 60, 2, null]]', '[["4", "18:00", 60, 2, null]]', '[[4.0, "18:00", 60, 2, null]]',
        '[[true, "18:00", 60, 2, null]]', '[[4, "24:00", 60, 2, null]]', '[[4, "18:00:30", 60, 2, null]]',
        '[[4, 18, 60, 2, null]]', '[[4, "18:00", 0, 2, null]]', '[[4, "18:00", 1441, 2, null]]',
        '[[4, "18:00", 60, 0, null]]', '[[4, "18:00", 60, 100000, null]]', '[[4, "18:00", 60, 2, 0]]',
        '[[4, "18:00", 60, 2, "8"]]', '[[4, "18:00", 60, 2, null, 1]]', '[[4, "\\u0000", 60, 2, null]]',
        '[[4, "18:00", 60, 2, null], [4, "18:30", 60, 2, null]]',
    ],
)  # fmt: skip
def test_slots_that_cannot_be_are_refused(admin: Client, station: Station, slots: str) -> None:
    answer = admin.post(url(station), {**words(station, []), "slots": slots})

    assert answer.status_code == 200
    assert "Nothing was changed." in answer.content.decode()
    assert hours() == [(4, "18:00", 2, None, "None")]


@pytest.mark.parametrize("first", ["", "x", "0001-01-01", "9999-12-31"])
def test_date_that_cannot_be_is_refused(admin: Client, station: Station, first: str) -> None:
    shown = admin.get(url(station), {"first_date": first})
    posted = admin.post(url(station), words(station, FRIDAYS, first_date=first))

    assert (shown.status_code, posted.status_code) == (200, 200)
    assert len(hours()) == 1


def test_hours_of_another_station_are_not_there(admin: Client, station: Station) -> None:
    other = open_station(code="elsewhere")

    assert admin.get(url(other)).status_code == 404
    assert admin.post(url(other), words(other, [])).status_code == 404
