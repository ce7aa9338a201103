"""Week, month, day, agenda and stations: what each shows, what it comes to, and how few questions it asks."""

import re
from datetime import date, time
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
from bookings.models.status import Status
from bookings.services.timetable_changes import timetable_change
from bookings.views import rendered_calendar
from stations import timetable_queries, visible_stations
from stations.models import Station
from tests.factories import (
    FRIDAY,
    SATURDAY,
    ExceptionFactory,
    UserFactory,
    booking,
    bookings,
    open_station,
    person,
)

pytestmark = pytest.mark.looks

KINDS = ("week", "month", "day", "agenda", "stations")
PHONE = "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Mobile Safari/537.36"


@pytest.fixture
def visitor(staff: User, client: Client) -> Client:
    client.force_login(staff)
    return client


def show(visitor: Client, kind: str, **words: str) -> str:
    asked = {"station": "kitchen", "date": "2031-03-07", **words}
    return str(visitor.get(f"/calendar/{kind}/", asked).content.decode())


def displaced(made: Booking) -> None:
    made.holds.all().delete()
    Booking.objects.filter(pk=made.pk).update(needs_place=True)


def shown(html: str) -> list[str]:
    return re.findall(r'data-booking-id="([^"]+)"', html)


@pytest.mark.parametrize(
    ("kind", "days"), [("week", [2, 8]), ("month", [1, 31]), ("day", [7, 7]), ("agenda", [2, 8]), ("stations", [])]
)
def test_view_shows_its_own_days(visitor: Client, station: Station, kind: str, days: list[int]) -> None:
    made = {day: str(booking(station, date(2031, 3, day)).pk) for day in (1, 2, 7, 8, 31)}

    assert shown(show(visitor, kind)) == [made[day] for day in made if days and days[0] <= day <= days[1]]


@pytest.mark.parametrize(
    ("kind", "before", "after", "carry"),
    [
        ("week", "2031-02-23", "2031-03-09", "7d"),
        ("day", "2031-03-06", "2031-03-08", "1d"),
        ("agenda", "2031-02-23", "2031-03-09", "7d"),
        ("stations", "2031-02-23", "2031-03-09", "7d"),
        ("month", "2031-02-28", "2031-04-01", "1m"),
    ],
)
def test_view_turns_its_pages(
    visitor: Client, station: Station, kind: str, before: str, after: str, carry: str
) -> None:
    html = show(visitor, kind)

    found = re.findall(r'href="([^"]+)" rel="(prev|next)" data-carry="([^"]+)"', html)
    base = f"/calendar/{kind}/?station=kitchen&amp;date="
    assert found == [(base + before, "prev", f"-{carry}"), (base + after, "next", carry)]


@pytest.mark.parametrize("day", ["1900-01-01", "2999-12-31"])
@pytest.mark.parametrize("kind", KINDS)
def test_view_stands_at_the_ends_of_the_calendar(visitor: Client, station: Station, kind: str, day: str) -> None:
    assert "<h1>" in show(visitor, kind, date=day)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "stations"])
def test_totals_leave_out_the_cancelled_and_the_displaced(visitor: Client, station: Station, kind: str) -> None:
    money: dict[str, Any] = {"total_due_cents": 10_050, "deposit_due_cents": 50}
    booking(station, party_adults=2, party_kids=1, **money)
    booking(station, party_adults=4, status=Status.COMPLETED, **money)
    services.change_status(booking(station, **money).pk, Status.CANCELLED, by=roles.OPERATOR)
    displaced(booking(station, slot=time(20), **money))

    told = re.sub(r"<[^>]+>", "", re.findall(r'class="totals">(.*?)</p>', show(visitor, kind))[0])

    assert told == "2 parties · 7 guests · 200,00\N{NO-BREAK SPACE}€ due"


@pytest.mark.parametrize("kind", ["day", "agenda"])
def test_list_names_the_day_of_an_end_past_midnight(client: Client, db: None, kind: str) -> None:
    bar = open_station(hours=[20, 23], minutes=120, code="bar")
    booking(bar, slot=time(20))
    booking(bar, slot=time(23))
    client.force_login(person(roles.STAFF, bar))

    more = re.findall(r'<p class="more">(.*?)</p>', show(client, kind, station="bar"), re.DOTALL)

    assert [re.findall(r"<span>(.*?)</span>", one) for one in more] == [
        ["confirmed"],
        ["until Sat 8 Mar 01:00", "confirmed"],
    ]


def test_totals_of_a_month_are_of_its_own_days(visitor: Client, station: Station) -> None:
    booking(station, date(2031, 3, 31))
    booking(station, date(2031, 4, 1))

    assert "<b>1</b> party" in show(visitor, "month")


def test_stations_tell_how_full_each_day_of_each_is(visitor: Client, station: Station, staff: User) -> None:
    court = open_station(code="court", name="Court", hours=[9], capacity=2)
    staff.stations.add(court)
    booking(station)
    booking(court, SATURDAY, slot=time(9))
    ExceptionFactory(station=court, date=FRIDAY, reason="Stocktaking")

    html = show(visitor, "stations")

    def cell(name: str, day: str) -> str:
        found = re.search(rf">{name}, {day}: </span>(.*?)</a>", html, re.DOTALL)
        assert found
        return re.sub(r'<span [^>]*aria-hidden="true">[^<]*</span>|<[^>]+>', "", found[1]).strip()

    assert cell("Kitchen", "Friday 7 March") == "17:00 – 22:00: 1 of 15"
    assert cell("Court", "Friday 7 March") == "closed: Stocktaking"
    assert cell("Court", "Saturday 8 March") == "09:00 – 10:00: 1 of 2"


def test_stations_are_offered_to_those_with_several(visitor: Client, station: Station, staff: User) -> None:
    assert 'data-key="s"' not in show(visitor, "week")
    staff.stations.add(open_station(code="court"))
    assert 'data-key="s"' in show(visitor, "week")


def test_stations_show_nobody_elses(visitor: Client, station: Station) -> None:
    open_station(code="secret", name="Secret Club")

    assert "Secret Club" not in show(visitor, "stations")


def statements(visitor: Client, kind: str, **words: str) -> list[str]:
    """All that a page asks the database, who it is for and where they may look, too. What begins and ends a transaction asks
    nothing, nor does what ends row-level security: in production the transaction ends it."""
    with CaptureQueriesContext(connection) as queries:
        show(visitor, kind, **words)
    asked = [query["sql"] for query in queries.captured_queries]
    ends = "set_config('role', 'none', true)"
    return [sql for sql in asked if not sql.startswith(("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE")) and ends not in sql]


@pytest.mark.parametrize("kind", KINDS)
def test_view_asks_the_same_few_queries_for_any_number_of_bookings(
    visitor: Client, station: Station, staff: User, kind: str
) -> None:
    staff.stations.add(*(open_station(capacity=600) for _n in range(3)))
    hall = staff.stations.exclude(code="kitchen").earliest("pk")
    asked = []
    show(visitor, kind, station=hall.code)
    for more in (1, 49, 450):
        bookings(more, hall, customer=Contact("Ana García", "ana@example.com"))
        asked.append(len(statements(visitor, kind, station=hall.code)))

    assert len(set(asked)) == 1
    assert asked[0] <= 7


@pytest.mark.parametrize("kind", ["week", "month", "day", "agenda"])
def test_view_asks_four_questions_three_more_where_nothing_is_kept_and_two_where_it_is_rendered(
    client: Client, station: Station, kind: str
) -> None:
    client.force_login(person(roles.MANAGERS, station, open_station()))
    displaced(booking(station))
    show(client, kind)  # from here on the session knows what was seen last
    visible_stations._cached.cache_clear()
    timetable_queries._cached.cache_clear()

    asked = []
    for _again in range(2):
        rendered_calendar.clear()
        asked.append(len(statements(client, kind)))

    assert [*asked, len(statements(client, kind))] == [7, 4, 2]


def test_view_of_somebody_with_all_stations_asks_for_them_too(client: Client, station: Station) -> None:
    client.force_login(UserFactory(is_superuser=True))
    show(client, "week")
    rendered_calendar.clear()

    assert len(statements(client, "week")) == 5


@pytest.mark.parametrize("kind", KINDS)
def test_view_shows_a_station_as_it_was_last_changed(visitor: Client, station: Station, kind: str) -> None:
    show(visitor, kind)
    with timetable_change(station, by=roles.OPERATOR):
        Station.objects.update(name="Bistro", first_weekday=(FRIDAY.weekday() + 1) % 7)

    html = show(visitor, kind)

    assert "Kitchen" not in html
    assert "Bistro" in html


@pytest.mark.parametrize(("browser", "view"), [("", "week"), (PHONE, "agenda")])
def test_home_is_the_week_and_on_a_phone_the_agenda_until_a_view_is_chosen(
    visitor: Client, station: Station, browser: str, view: str
) -> None:
    assert visitor.get("/", headers={"User-Agent": browser}).headers["Location"] == f"/calendar/{view}/"
    show(visitor, "day")
    assert visitor.get("/", headers={"User-Agent": browser}).headers["Location"] == "/calendar/day/"


@pytest.mark.parametrize("kind", KINDS)
def test_viewer_sees_initials_and_no_contact(client: Client, station: Station, kind: str) -> None:
    booking(station, customer=Contact("Ana García", "ana@example.com", "+4930901820"), special_requests="Nuts")
    client.force_login(person(roles.VIEWERS, station))

    html = show(client, kind)

    assert [word for word in ("García", "ana@example.com", "901820", "Nuts") if word in html] == []


def test_day_and_agenda_tell_wishes_and_no_contact(visitor: Client, station: Station) -> None:
    booking(station, customer=Contact("Ana García", "", "+4930901820"), special_requests="Nuts <b>")

    for kind in ("day", "agenda"):
        html = show(visitor, kind)
        found = {word: word in html for word in ("Ana García", "901820", "Nuts &lt;b&gt;")}
        assert found == {"Ana García": True, "901820": False, "Nuts &lt;b&gt;": True}
