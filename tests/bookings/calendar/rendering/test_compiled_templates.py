"""Compiled templates: values are escaped, a template is compiled once per shape, and it contains no personal data."""

import re
from typing import Any

import pytest
from django.template import Context, Template
from django.test import Client
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy

from accounts import roles
from accounts.customers import Contact
from accounts.models import User
from bookings.calendar.rendering import compiled_templates
from bookings.calendar.rendering.shapes import PLAIN
from stations.models import Station
from tests.factories import FRIDAY, ExceptionFactory, booking, customer, open_station, person

KINDS = ("week", "month", "day", "agenda", "stations")
WEEK = f"/calendar/week/?station=kitchen&date={FRIDAY}"
HOSTILE = f"\ue000date\ue001 {compiled_templates.ID} %(date)s %s <b>&\"'"
ESCAPED = f"\ue000date\ue001 {compiled_templates.ID} %(date)s %s &lt;b&gt;&amp;&quot;&#x27;"


def customer_names(client: Client) -> list[str]:
    return re.findall(r'class="name">(?:<span>)?([^<]*)</span>', client.get(WEEK).content.decode())


def test_name_that_looks_like_a_placeholder_is_escaped_text(client: Client, staff: User, station: Station) -> None:
    client.force_login(staff)
    booking(station, customer=Contact(HOSTILE))

    assert customer_names(client) == [ESCAPED]


@pytest.mark.parametrize("kind", KINDS)
def test_page_escapes_everything_that_people_wrote(client: Client, staff: User, station: Station, kind: str) -> None:
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


def test_template_is_compiled_once_for_cards_of_the_same_shape(client: Client, staff: User, station: Station) -> None:
    client.force_login(staff)
    booking(station, customer=Contact("Ana García"))
    booking(station, FRIDAY.replace(day=6))
    client.get(WEEK)
    before = compiled_templates._compile.cache_info().misses

    booking(station, customer=Contact("Ben Li"))

    assert customer_names(client)[1:] == ["Ana García", "Ben Li"]
    # The totals, how full the slot and the day are, and how high an hour is.
    assert compiled_templates._compile.cache_info().misses <= before + 4


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The templates compiled from here on."""
    found: list[str] = []

    def compile_and_record(*key: Any) -> str:
        found.append(original(*key))
        return found[-1]

    original = compiled_templates._compile.__wrapped__
    monkeypatch.setattr(compiled_templates, "_compile", compile_and_record)
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_compiled_template_contains_no_value(client: Client, station: Station, compiled: list[str], kind: str) -> None:
    who = person(roles.MANAGERS, station, email="nina@example.com")
    known = customer(station, "Ana García")
    shown = booking(station, customer_id=known.pk, special_requests="By the window", total_due_cents=98765)
    client.force_login(who)

    asked = {"date": f"{FRIDAY}", "customer": f"{known.pk}", "booking": f"{shown.pk}"}
    page = client.get(f"/calendar/{kind}/", asked)

    html, kept = page.content.decode(), "".join(compiled)
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


def test_page_contains_the_tokens_of_its_own_reader(station: Station) -> None:
    readers = [person(roles.STAFF, station, email=f"{name}@example.com") for name in ("nina", "otto")]
    tokens_of_readers = []
    for reader in readers:
        client = Client()
        client.force_login(reader)
        answer = client.get(WEEK)
        html = answer.content.decode()
        [nonce] = re.findall(r'nonce="([^"]+)"', html)
        tokens = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', html)
        assert f"'nonce-{nonce}'" in answer.headers["Content-Security-Policy"]
        assert {*re.findall(r"\w+@example.com", html)} == {reader.email}
        tokens_of_readers.append({nonce, *tokens})

    assert tokens_of_readers[0] & tokens_of_readers[1] == set()


@pytest.mark.parametrize(
    ("value", "html"),
    [
        ("<b>&\"'", "&lt;b&gt;&amp;&quot;&#x27;"),
        (mark_safe("<b>"), "<b>"),
        (3, "3"),
        (FRIDAY, "2031-03-07"),
        (gettext_lazy("<b>"), "&lt;b&gt;"),
    ],
)
def test_value_is_escaped_unless_it_is_html_already(value: Any, html: str) -> None:
    assert compiled_templates.fill("grid/card#list_item", PLAIN, {"card": value}, "en") == f"<li>{html}</li>"


def test_filled_template_is_html() -> None:
    inner = compiled_templates.fill("grid/card#list_item", PLAIN, {"card": "<b>"}, "en")

    assert compiled_templates.fill("grid/card#list_item", PLAIN, {"card": inner}, "en") == "<li><li>&lt;b&gt;</li></li>"


def test_value_cannot_decide_what_the_markup_is() -> None:
    template = Template("{% if value.name %}named{% endif %}")

    with pytest.raises(TypeError, match="part of its shape"):
        template.render(Context({"value": compiled_templates._Placeholders()}))


@pytest.mark.parametrize(
    ("source", "html"),
    [
        ("<ul>\n  <li>\n    a\n  </li>\n</ul>", "<ul><li>a</li></ul>"),
        ("<b>a</b>\n  <i>b</i> <i>c</i><i>d</i>", "<b>a</b> <i>b</i> <i>c</i><i>d</i>"),
        ('<td\n  class="a\n    b "\n  data-x\n>  x </td>', '<td class="a b" data-x>x</td>'),
        ('<td title="a > b"> x</td>', '<td title="a > b">x</td>'),
        ("<b>18:00\u202fPM</b>", "<b>18:00\u202fPM</b>"),
    ],
    ids=["block elements", "inline elements", "attributes", "quoted angle bracket", "narrow no-break space"],
)
def test_white_space_is_collapsed_where_a_browser_would(source: str, html: str) -> None:
    assert compiled_templates._collapse(source) == html
