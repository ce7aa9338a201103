"""Names that run from right to left, on pages and in emails that do not."""

import re
from typing import Any

import pytest
from django.template.loader import render_to_string
from django.test import Client

from accounts import roles
from accounts.customers import Contact
from accounts.models import User
from bookings import services
from bookings.icalendar import events
from bookings.mails import rendering
from bookings.models import Booking
from bookings.models.mail_state import Kind
from stations.models import Station
from tests.factories import FRIDAY, ExceptionFactory, booking, customer, open_station, person

pytestmark = pytest.mark.looks

SARA = "שרה כהן"
ISOLATED = f"\u2068{SARA}\u2069"
WEEK = "/calendar/week/?station=kitchen&date=2031-03-07"


@pytest.fixture
def visitor(staff: User, client: Client) -> Client:
    client.force_login(staff)
    return client


@pytest.fixture
def made(station: Station) -> Booking:
    return booking(station, customer=Contact(SARA, "sara@example.com"), source=SARA, special_requests=SARA)


def page(client: Client, address: str, **words: Any) -> str:
    answer = client.post(address, words) if words else client.get(address)
    return str(answer.content.decode())


@pytest.mark.parametrize("kind", ["week", "month", "day", "agenda"])
def test_card_has_the_name_alone_in_its_own_direction(visitor: Client, made: Booking, kind: str) -> None:
    html = page(visitor, f"/calendar/{kind}/?station=kitchen&date=2031-03-07")

    assert re.findall(r'<span dir="auto" class="name"><span>(.*?)</span>', html) == [SARA]


@pytest.mark.parametrize(
    ("address", "words", "shown"),
    [
        ("/bookings/{pk}/", {}, f"<bdi>{SARA}</bdi>"),
        ("/bookings/{pk}/", {}, f'<dd dir="auto">{SARA}</dd>'),
        ("/calendar/search/", {"q": SARA}, f'<strong dir="auto">{SARA}</strong>'),
        ("/bookings/new/find/", {"q": SARA, "station": "kitchen"}, f'<strong dir="auto">{SARA}</strong>'),
        ("/bookings/new/?customer={customer}", {}, f'<strong dir="auto" data-known-name>{SARA}</strong>'),
        ("/bookings/{pk}/move/", {}, f"<h1>Move {ISOLATED}</h1>"),
        (WEEK + "&customer={customer}", {}, f"Showing bookings for {ISOLATED}."),
    ],
)
def test_page_keeps_a_name_apart_from_what_stands_around_it(
    visitor: Client, made: Booking, address: str, words: dict[str, str], shown: str
) -> None:
    html = page(visitor, address.format(pk=made.pk, customer=made.customer_id), **words)

    assert shown in html


def test_notice_keeps_a_name_apart(visitor: Client, made: Booking) -> None:
    answer = visitor.post(
        f"/bookings/{made.pk}/move/",
        {"date": "2031-03-08", "slot": "19:00", "version": 1},
        headers={"Accept": "application/json"},
    )

    assert answer.json()["text"] == f"{ISOLATED} moved from 18:00, Fri 7 Mar to 19:00, Sat 8 Mar."


def test_reason_of_a_closure_stays_behind_its_colon(visitor: Client, made: Booking, station: Station) -> None:
    ExceptionFactory(station=station, date=FRIDAY.replace(day=8), reason=SARA)

    assert f"closed: {ISOLATED}" in page(visitor, WEEK)
    assert f"closed: {ISOLATED}" in page(visitor, f"/bookings/{made.pk}/move/?date=2031-03-08")


def test_fields_for_names_take_the_direction_of_what_is_typed(visitor: Client, station: Station) -> None:
    html = page(visitor, "/bookings/new/?station=kitchen")

    names = re.findall(r'<(?:input|textarea)[^>]* name="(\w+)"[^>]*dir="auto"', html)
    assert set(names) >= {"name", "source", "external_ref", "special_requests"}


def test_email_keeps_names_apart_in_text_and_html(station: Station, made: Booking) -> None:
    bar = open_station(code="bar", name=SARA)
    moved = services.reschedule(made.pk, to=services.Place(FRIDAY, made.slot, "bar"), by=roles.OPERATOR).booking
    moved.requests_are_external = False

    words = rendering.render(moved, Kind.MADE, None)

    lines = words.text.split("\n")
    assert words.subject == f"Your booking at {ISOLATED}: Friday 7 March 2031, 18:00"
    assert (lines[0], lines[5], lines[7]) == (
        f"Hello {ISOLATED},",
        f"Where: {ISOLATED}",
        f"Your special requests: {ISOLATED}",
    )
    assert f"<p>Hello {ISOLATED},</p>" in words.html
    assert words.html.count(f'<td dir="auto">{SARA}</td>') == 2
    assert f'<p dir="auto">{bar.name}</p>' in words.html


@pytest.mark.usefixtures("on_friday")
def test_feed_keeps_a_name_apart_from_the_number_of_guests(visitor: Client, made: Booking) -> None:
    html = visitor.post("/feeds/", {"details": "on"}).content.decode()
    [secret] = set(re.findall(r"/feeds/([\w-]{43})\.ics", html))
    file = b"".join(Client().get(f"/feeds/{secret}.ics").streaming_content).decode()  # type: ignore[attr-defined]

    assert f"SUMMARY:{ISOLATED} · 1" in file.replace("\r\n ", "")
    assert events.line(ISOLATED) == ISOLATED


def test_account_keeps_names_and_stations_apart(visitor: Client, staff: User, station: Station) -> None:
    User.objects.filter(pk=staff.pk).update(name=SARA)
    Station.objects.filter(pk=station.pk).update(name=SARA)

    html = page(visitor, "/accounts/me/")

    assert f"<dd><bdi>{SARA}</bdi> <a" in html
    assert f'<dd dir="auto">{SARA}</dd>' in html
    assert re.findall(r"<title>(.*?) · \d", page(visitor, WEEK)) == [ISOLATED]


@pytest.mark.parametrize("email", ["reset", "set_password"])
def test_email_about_an_account_keeps_the_name_apart(db: None, email: str) -> None:
    text = render_to_string(f"mails/{email}.txt", {"user": User(name=SARA), "link": "https://book.example.com/"})

    assert text.split("\n")[0] == f"Hello {ISOLATED},"


def test_admin_shows_names_in_their_own_direction(client: Client, station: Station) -> None:
    known = customer(station, SARA, "sara@example.com")
    client.force_login(person(roles.MANAGERS, station))

    shown = page(client, "/admin/accounts/customer/")

    assert f"Erase {ISOLATED} at Kitchen?" in page(client, f"/admin/accounts/customer/{known.pk}/erase/")
    assert f">{SARA}</a>" in shown
    assert '<link rel="stylesheet" href="/static/css/admin.css">' in shown
    assert 'dir="auto"' in page(client, f"/admin/accounts/customer/{known.pk}/change/").partition('name="notes"')[2]
