"""Finding customers, by search and while typing: for those with the right, and so often a minute and no more."""

import re
from html import unescape
from typing import Any

import pytest
from django.test import Client

from accounts import roles
from accounts.models import User
from bookings.views import search
from stations.models import Station
from tests.bookings.views.test_permissions_offered import holder_of
from tests.factories import FRIDAY, booking, customer, open_station, person

FIND = "/bookings/new/find/"
SEARCH = "/calendar/search/"
LIVE = "/calendar/search/hits/"


@pytest.fixture
def visitor(staff: User, client: Client) -> Client:
    client.force_login(staff)
    return client


def found(visitor: Client, q: str, station: str = "kitchen") -> str:
    answer = visitor.post(FIND, {"q": q, "station": station})
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.mark.parametrize("q", ["gar", "GARCIA", "ana@example.com", "+49 30 901820", "030 90 18 20", "1820"])
def test_finder_takes_name_beginnings_e_mail_and_phone(visitor: Client, station: Station, q: str) -> None:
    known = customer(station, "Ana García", "ana@example.com", "+4930901820")

    assert f'data-customer="{known.pk}" data-name="Ana García"' in found(visitor, q)


@pytest.mark.parametrize("q", ["", "ga", "x" * 301, "nobody", "\x00"])
def test_finder_of_nobody_is_empty(visitor: Client, station: Station, q: str) -> None:
    customer(station, "Ana García", "ana@example.com")

    assert "data-customer" not in found(visitor, q)


def test_finder_knows_only_the_station_that_is_booked_at(visitor: Client, station: Station, staff: User) -> None:
    bar = open_station(code="bar")
    customer(bar, "Ana García", "ana@example.com")

    assert "data-customer" not in found(visitor, "García", "bar")
    staff.stations.add(bar)
    assert "data-customer" not in found(visitor, "García", "kitchen")
    assert "data-customer" in found(visitor, "García", "bar")


def test_finder_offers_a_handful(visitor: Client, station: Station) -> None:
    for number in range(12):
        customer(station, f"Ana Sample {number}", f"ana{number}@example.com")

    assert found(visitor, "ana").count("data-customer") == search.MAX_SUGGESTIONS


def test_names_are_escaped_where_they_are_offered(visitor: Client, station: Station) -> None:
    customer(station, 'Ana "><script>alert(1)</script>', "ana@example.com")

    html = found(visitor, "ana")

    assert "<script" not in html
    assert "&quot;&gt;&lt;script&gt;" in html


def sentences(answer: Any) -> list[str]:
    """All that is said of what was searched for: the refusal, and what stands in the list of hits or in its place."""
    html = answer.content.decode()
    found = re.findall(
        r'role="alert">(.*?)</div>|<ul class="hits">(.*?)</ul>|^<p class="quiet">(.*?)</p>', html, re.DOTALL
    )
    texts = [unescape(re.sub(r"<[^>]+>", " ", "".join(parts))) for parts in found]
    return [" ".join(text.split()) for text in texts if text.strip()]


@pytest.mark.parametrize("q", ["", "   ", "x" * 301, "\x00"])
def test_search_for_nothing_says_what_to_enter_and_not_that_nobody_was_found(
    visitor: Client, station: Station, q: str
) -> None:
    answer = visitor.post(SEARCH, {"q": q})

    assert answer.status_code == 400
    assert sentences(answer) == ["Enter a name, an email or a phone number of up to 300 characters."]


def test_search_that_finds_nobody_says_how_to_search(visitor: Client, station: Station) -> None:
    answer = visitor.post(SEARCH, {"q": "nobody"})

    assert answer.status_code == 200
    assert sentences(answer) == [
        "No customer found. Try three letters of a name, four of an email, the last four digits of a phone number, or a booking's"
        " reference. New booking for “nobody”"
    ]


def test_search_over_the_limit_keeps_the_words_to_search_for_again(
    visitor: Client, station: Station, settings: Any
) -> None:
    settings.SEARCH_RATE_LIMIT = "1/day"
    visitor.post(SEARCH, {"q": "García"})

    html = visitor.post(SEARCH, {"q": "García"}).content.decode()

    assert re.findall(r'name="q" value="([^"]*)"', html) == ["García"]
    assert re.findall(r"<h1>(.*?)</h1>", html) == ["Find a customer"]


@pytest.mark.parametrize("address", [FIND, SEARCH, LIVE])
def test_searches_beyond_sixty_a_minute_wait(visitor: Client, station: Station, address: str, settings: Any) -> None:
    settings.SEARCH_RATE_LIMIT = "2/day"
    customer(station, "Ana García", "ana@example.com")
    for _turn in range(2):
        assert "García" in visitor.post(address, {"q": "García", "station": "kitchen"}).content.decode()

    refused = visitor.post(address, {"q": "García", "station": "kitchen"})

    assert refused.status_code == 429
    assert sentences(refused) == [f"Too many searches. Try again in {refused.headers['Retry-After']} seconds."]
    other = Client()
    other.force_login(person(roles.STAFF, station))
    assert other.post(address, {"q": "García", "station": "kitchen"}).status_code == 200


# --- the live list of the search field ------------------------------------------------------------------------------------------


def live(visitor: Client, q: str, station: str = "kitchen") -> str:
    answer = visitor.post(LIVE, {"q": q, "station": station})
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def test_live_hit_opens_the_next_booking_and_a_new_one(visitor: Client, station: Station) -> None:
    known = customer(station, "Ana García", "ana@example.com", "+4930901820")
    booking(station, FRIDAY.replace(year=2022), customer_id=known.pk)
    upcoming = booking(station, customer_id=known.pk)

    html = live(visitor, "1820")

    assert f'data-open="/bookings/{upcoming.pk}/contact/" data-found-by="phone"' in html
    assert f'data-open="/bookings/new/?station=kitchen&amp;customer={known.pk}"' in html
    for words in ("next Fri 7 Mar 2031 18:00", "last Mon 7 Mar 2022 18:00", "1 visit<", "</span>1820</span>"):
        assert words in html, words


def test_live_hits_name_the_station_only_if_it_is_another_one(visitor: Client, station: Station, staff: User) -> None:
    bar = open_station(code="bar", name="Bar")
    staff.stations.add(bar)
    for at in (station, bar):
        customer(at, "Ana García", "ana@example.com")

    html = live(visitor, "ana")

    assert ("<bdi>Bar</bdi>" in html, "<bdi>Kitchen</bdi>" in html) == (True, False)


def test_live_list_of_nobody_offers_a_new_booking_to_those_who_may_book(
    visitor: Client, station: Station, client: Client
) -> None:
    assert "New booking for “Bo &amp; Li”" in live(visitor, "Bo & Li")
    client.force_login(holder_of([roles.VIEW, roles.PII, roles.PAGES], station))
    html = live(client, "Bo & Li")
    assert ("No customer found." in html, "New booking" in html) == (True, False)


@pytest.mark.parametrize("q", ["", "   ", "x" * 301, "\x00"])
def test_live_list_of_nothing_is_empty(visitor: Client, station: Station, q: str) -> None:
    html = live(visitor, q)

    assert ("role=" in html, "No customer" in html) == (False, False)


def test_live_list_shows_eight_and_leads_to_all(visitor: Client, station: Station) -> None:
    for number in range(9):
        customer(station, f"Ana Sample {number}", f"ana{number}@example.com")

    html = live(visitor, "ana")

    assert (html.count('class="hit"'), "data-submit" in html) == (search.MAX_SUGGESTIONS, True)


def test_search_page_offers_nobody_beside_a_refusal(visitor: Client, station: Station, settings: Any) -> None:
    settings.SEARCH_RATE_LIMIT = "1/day"
    for address in (SEARCH, LIVE):
        visitor.post(address, {"q": "Bo"})
        html = visitor.post(address, {"q": "Bo"}).content.decode()
        assert ("Too many searches." in html, "No customer" in html, "New booking" in html) == (True, False, False)


def test_search_page_shows_what_tells_namesakes_apart(visitor: Client, station: Station) -> None:
    known = customer(station, "Ana García", "ana@example.com", "+4930901820")
    upcoming = booking(station, customer_id=known.pk)

    html = " ".join(visitor.post(SEARCH, {"q": "ana"}).content.decode().split())

    for words in (
        "1820",
        "next Fri 7 Mar 2031 18:00",
        "Open the next booking",
        f'action="/bookings/{upcoming.pk}/contact/"',
    ):
        assert words in html, words


@pytest.mark.parametrize(
    ("language", "words"),
    [("es", ["próxima", "última", "2 visitas"]), ("de", ["nächste", "letzte", "2 Besuche"])],
)
def test_live_hits_speak_the_language_of_the_page(
    visitor: Client, station: Station, language: str, words: list[str]
) -> None:
    known = customer(station)
    for year in (2021, 2022, 2031):
        booking(station, FRIDAY.replace(year=year), customer_id=known.pk)

    html = visitor.post(LIVE, {"q": "ana"}, headers={"Accept-Language": language}).content.decode()

    assert [word for word in words if word not in html] == []
