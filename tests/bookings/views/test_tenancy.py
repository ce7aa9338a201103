"""What pages and admin say of another station's things, in addresses, form fields, filters and actions: what they say of none."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client

from accounts import roles
from accounts.customers import Contact
from accounts.models import AuditEntry, User
from bookings.models import Booking
from stations.models import Station
from tests.factories import booking, open_station, person

MARK = "Zephyrine"
PLACE = {"date": "2031-03-07", "slot": "19:00"}
PARTY = {"party_adults": 2, "party_kids": 0, "slots": 1, "status": "confirmed"}
MONEY = {"total_due_cents": 0, "deposit_due_cents": 0}


class Things(NamedTuple):
    """Keys of another station's things, or of nothing: none that stands in a page for another reason."""

    booking: Any
    customer: Any
    station: Any
    code: str
    person: Any
    entry: Any


class Call(NamedTuple):
    method: str
    address: str
    words: dict[str, Any]


@pytest.fixture
def theirs(db: None) -> Things:
    bar = open_station(pk=123654, code="barfly", name=f"{MARK} Bar")
    contact = Contact(f"{MARK} Bar", "zephyrine@example.com", "+1 202-555-0199")
    made = booking(bar, customer=contact, special_requests=MARK, external_ref=MARK, source=MARK)
    member = person(roles.STAFF, bar, pk=123655, name=MARK)
    entry = AuditEntry.objects.get(object_pk=made.pk)
    with connection.cursor() as cursor:  # past the model, which lets nobody change an entry
        cursor.execute("UPDATE accounts_auditentry SET id = 456321 WHERE id = %s", [entry.pk])
    return Things(made.pk, made.customer_id, bar.pk, bar.code, member.pk, 456321)


NOTHING = Things(uuid4(), uuid4(), 987654, "nonesuch", 987655, 987656)


def pages(things: Things, own: Booking) -> Iterator[Call]:
    """Every way to name another's thing to a page."""
    for kind in ("week", "month", "day", "agenda", "stations"):
        yield Call("GET", f"/calendar/{kind}/", {"station": things.code})
        yield Call("GET", f"/calendar/{kind}/", {"station": "kitchen", "customer": things.customer})
        yield Call("GET", f"/calendar/{kind}/", {"station": "kitchen", "booking": things.booking})
    for leaf in ("", "edit/", "move/", "move-options/"):
        yield Call("GET", f"/bookings/{things.booking}/{leaf}", {"first": "2031-03-07", "last": "2031-03-08"})
    yield Call("POST", f"/bookings/{things.booking}/edit/", {**PARTY, "version": 1})
    yield Call("POST", f"/bookings/{things.booking}/step/", {"status": "arrived", "version": 1})
    yield Call("POST", f"/bookings/{things.booking}/move/", {**PLACE, "version": 1})
    yield Call("POST", "/bookings/undo/", {"booking": things.booking, "version": 1})
    yield Call(
        "GET",
        f"/bookings/{own.pk}/move-options/",
        {"station": things.code, "first": "2031-03-07", "last": "2031-03-08"},
    )
    yield Call("GET", f"/bookings/{own.pk}/move/", {"station": things.code, "date": "2031-03-07"})
    yield Call("POST", f"/bookings/{own.pk}/move/", {**PLACE, "station": things.code, "version": 1})
    yield Call("GET", "/bookings/new/", {"station": things.code})
    yield Call("GET", "/bookings/new/", {"station": "kitchen", "customer": things.customer})
    yield Call("POST", "/bookings/new/", {**PLACE, **PARTY, "station": things.code})
    yield Call("POST", "/bookings/new/", {**PLACE, **PARTY, "station": "kitchen", "customer": things.customer})
    yield Call("POST", "/bookings/new/find/", {"q": "Zephyrine", "station": things.code})
    for words in (MARK, "zephyrine@example.com", "0199", str(things.booking)):
        yield Call("POST", "/calendar/search/", {"q": words})


def admin(things: Things, own: Booking) -> Iterator[Call]:
    """Every way to name another's thing to the admin."""
    keys = {
        "stations/station": things.station,
        "bookings/booking": things.booking,
        "accounts/customer": things.customer,
        "accounts/user": things.person,
        "accounts/auditentry": things.entry,
    }
    for table, key in keys.items():
        yield Call("GET", f"/admin/{table}/", {"station": things.code})
        yield Call("GET", f"/admin/{table}/", {"q": MARK})
        yield Call("GET", f"/admin/{table}/", {"actor": things.person})
        for action in ("export", "cancel", "delete_selected"):
            yield Call("POST", f"/admin/{table}/", {"action": action, "_selected_action": key})
        for leaf in ("change", "history", "delete"):
            yield Call("GET", f"/admin/{table}/{key}/{leaf}/", {})
            yield Call("POST", f"/admin/{table}/{key}/{leaf}/", {"post": "yes"})
    yield Call("GET", f"/admin/stations/station/{things.station}/build/", {})
    yield Call("GET", f"/admin/accounts/user/{things.person}/password/", {})
    words = {**PLACE, **PARTY, **MONEY}
    for station, customer in ((things.station, ""), (own.station_id, things.customer)):
        yield Call("POST", "/admin/bookings/booking/add/", {**words, "station": station, "customer": customer})
        changed = {**words, "station": station, "customer": customer, "seen_version": 1}
        yield Call("POST", f"/admin/bookings/booking/{own.pk}/change/", changed)
    yield Call("POST", "/admin/accounts/user/add/", {"email": "new@example.com", "stations": [things.station]})


UNIQUE = re.compile(
    r'(?<=name="csrfmiddlewaretoken" value=")\w+|(?<=name="form_key" value=")[^"]+|(?<=data-token=")\w+'
    r'|(?<=nonce=")[^"]+|\b[0-9a-f]{32}\b'
)
"""What no two answers have in common."""


def told(client: Client, call: Call, things: Things, **headers: str) -> tuple[int, str, str]:
    """Status, where one is sent, and the text: without tokens, and with a dot for each key that was asked for."""
    send = client.post if call.method == "POST" else client.get
    answer = send(call.address, call.words, headers=headers)
    text = b"".join(answer) if answer.streaming else answer.content
    said = UNIQUE.sub("", text.decode())
    for key in things:
        said = said.replace(f"{key}", "·")
    return answer.status_code, answer.headers.get("Location", "").replace(things.code, "·"), said


@pytest.mark.slow
@pytest.mark.parametrize("door", [pages, admin])
@pytest.mark.parametrize("headers", [{}, {"Accept": "application/json"}, {"X-Part": "panel"}])
def test_things_of_others_are_answered_like_things_that_do_not_exist(
    station: Station, theirs: Things, door: Any, headers: dict[str, str]
) -> None:
    own, manager = booking(station), person(roles.MANAGERS, station)
    said = {}
    for things in (theirs, NOTHING):
        client = Client()  # a session of its own, where no notice of the other's is left
        client.force_login(manager)
        said[things] = [(call, told(client, call, things, **headers)) for call in door(things, own)]

    unlike = [call for (call, real), (_same, none) in zip(*said.values(), strict=True) if real != none]

    assert unlike == []
    own.refresh_from_db()
    assert (own.version, own.customer) == (1, None)
    assert Booking.objects.get(pk=theirs.booking).version == 1
    assert not User.objects.filter(email="new@example.com").exists()


@pytest.mark.parametrize("headers", [{}, {"Accept": "application/json"}])
def test_page_finds_nothing_of_anothers_station(
    client: Client, station: Station, theirs: Things, headers: dict[str, str]
) -> None:
    own = booking(station)
    client.force_login(person(roles.STAFF, station))
    open_to_anybody = ("/calendar/search/", "/bookings/new/find/", "/bookings/undo/")

    named = [call for call in pages(theirs, own) if call.address not in open_to_anybody]

    assert [call for call in named if told(client, call, theirs, **headers)[0] != 404] == []
