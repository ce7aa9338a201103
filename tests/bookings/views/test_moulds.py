"""Pages fill moulds: what is filled in is text, whatever it looks like, a mould is made once for all that look alike, and holds
nothing of anybody's."""

import re
from typing import Any

import pytest
from django.test import Client

from accounts import roles
from accounts.customers import Contact
from accounts.models import User
from bookings.calendar.rendering import compiled_templates
from stations.models import Station
from tests.factories import FRIDAY, ExceptionFactory, booking, customer, open_station, person

KINDS = ("week", "month", "day", "agenda", "stations")
WEEK = f"/calendar/week/?station=kitchen&date={FRIDAY}"
HOSTILE = f"\ue000date\ue001 {compiled_templates.ID} %(date)s %s <b>&\"'"
ESCAPED = f"\ue000date\ue001 {compiled_templates.ID} %(date)s %s &lt;b&gt;&amp;&quot;&#x27;"


def names(client: Client) -> list[str]:
    return re.findall(r'class="name">([^<]*)</span>', client.get(WEEK).content.decode())


def test_mould_takes_a_name_for_a_name(client: Client, staff: User, station: Station) -> None:
    client.force_login(staff)
    booking(station, customer=Contact(HOSTILE))

    assert names(client) == [ESCAPED]


@pytest.mark.parametrize("kind", KINDS)
def test_page_takes_what_people_wrote_for_text_wherever_it_stands(
    client: Client, staff: User, station: Station, kind: str
) -> None:
    staff.stations.add(open_station())
    Station.objects.update(name=HOSTILE)
    ExceptionFactory(station=station, reason=HOSTILE)
    known = customer(station, HOSTILE)
    booking(station, FRIDAY.replace(day=6), customer_id=known.pk, special_requests=HOSTILE)
    client.force_login(staff)
    session = client.session
    session.update({"refused": HOSTILE, "notice": {"text": HOSTILE, "undo": None}})
    session.save()

    address = f'/calendar/{kind}/?station=kitchen&date={FRIDAY}&customer={known.pk}&raw="<b>&'
    html = client.get(address).content.decode()

    assert [raw for raw in ("<b>&", "&customer=") if raw in html] == []
    assert html.count(ESCAPED) >= 6


def test_mould_is_made_once_for_cards_that_look_alike(client: Client, staff: User, station: Station) -> None:
    client.force_login(staff)
    booking(station, customer=Contact("Ana García"))
    booking(station, FRIDAY.replace(day=6))
    client.get(WEEK)
    before = compiled_templates._mould.cache_info().misses

    booking(station, customer=Contact("Bo Li"))

    assert names(client)[1:] == ["Ana García", "Bo Li"]
    assert compiled_templates._mould.cache_info().misses <= before + 1  # the totals: one more party is another number


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The moulds that are made from here on, as they are kept."""
    kept: list[str] = []

    def make(*shape: Any) -> str:
        kept.append(moulds_own(*shape))
        return kept[-1]

    moulds_own = compiled_templates._mould.__wrapped__
    monkeypatch.setattr(compiled_templates, "_mould", make)
    return kept


@pytest.mark.parametrize("kind", KINDS)
def test_mould_holds_nothing_of_anybodys(client: Client, station: Station, made: list[str], kind: str) -> None:
    who = person(roles.MANAGERS, station, email="nina@example.com")
    known = customer(station, "Ana García")
    shown = booking(station, customer_id=known.pk, special_requests="By the window", total_due_cents=98765)
    client.force_login(who)

    asked = {"date": f"{FRIDAY}", "customer": f"{known.pk}", "booking": f"{shown.pk}"}
    page = client.get(f"/calendar/{kind}/", asked)

    html, kept = page.content.decode(), "".join(made)
    tokens = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', html) + re.findall(r'nonce="([^"]+)"', html)
    words = [
        "nina@example.com",
        "García",
        "By the window",
        "987,65",
        "Kitchen",
        "kitchen",
        "2031",
        str(shown.pk),
        *tokens,
    ]
    assert [word for word in words if word not in html] == []
    assert [word for word in words if word in kept] == []


def test_page_is_its_own_readers(station: Station) -> None:
    readers = [person(roles.STAFF, station, email=f"{name}@example.com") for name in ("nina", "otto")]
    told = []
    for reader in readers:
        client = Client()
        client.force_login(reader)
        answer = client.get(WEEK)
        html = answer.content.decode()
        [nonce] = re.findall(r'nonce="([^"]+)"', html)
        tokens = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', html)
        assert f"'nonce-{nonce}'" in answer.headers["Content-Security-Policy"]
        assert re.findall(r"\w+@example.com", html) == [reader.email]
        told.append({nonce, *tokens})

    assert told[0] & told[1] == set()
