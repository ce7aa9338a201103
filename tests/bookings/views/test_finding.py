"""Finding customers, by search and while typing: for those with the right, and so often a minute and no more."""

import re
from typing import Any

import pytest
from django.test import Client

from accounts import roles
from accounts.models import User
from bookings.views import search
from stations.models import Station
from tests.factories import customer, open_station, person

FIND = "/bookings/new/find/"
SEARCH = "/calendar/search/"


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
    texts = [re.sub(r"<[^>]+>", " ", "".join(parts)) for parts in found]
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
        "No customer found. Try the first three letters of a name, a full email, or the last four digits of a phone number."
    ]


def test_search_over_the_limit_keeps_the_words_to_search_for_again(
    visitor: Client, station: Station, settings: Any
) -> None:
    settings.SEARCH_RATE_LIMIT = "1/day"
    visitor.post(SEARCH, {"q": "García"})

    html = visitor.post(SEARCH, {"q": "García"}).content.decode()

    assert re.findall(r'name="q" value="([^"]*)"', html) == ["García"]
    assert re.findall(r"<h1>(.*?)</h1>", html) == ["Find a customer"]


@pytest.mark.parametrize("address", [FIND, SEARCH])
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
