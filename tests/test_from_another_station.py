"""What came from another station: its code, the slot there and who moved it are told to nobody who does not see that station."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client

from accounts import roles
from accounts.audit.origin import Channel, Origin, override_origin
from accounts.customers import Contact
from accounts.models import AuditEntry, User
from bookings import audit, services
from bookings.mails import delivery, outbox
from bookings.models import Booking, Mail
from bookings.services import Place
from stations.models import Opening, Station
from tests.bookings.api.caller import Caller, failure
from tests.factories import SATURDAY, booking, customer, open_station, person

DAY = date(2031, 11, 14)
MARKS = (
    "cellar-7",
    "Zebra Cellar",
    "14 Nov",
    "14 November",
    "2031-11-14",
    "20:45",
    "mover@example.com",
    "203.0.113.77",
    "rid-77",
)
"""Of the station that it came from, its place there, and who moved it from where."""


@pytest.fixture(autouse=True)
def at_noon() -> Iterator[None]:
    """The times of what happened never read like a mark."""
    with time_machine.travel(datetime(2026, 12, 1, 12, tzinfo=UTC)):
        yield


@pytest.fixture
def cellar(db: None) -> Station:
    found = open_station(hours=(), code="cellar-7", name="Zebra Cellar")
    Opening.objects.create(station=found, weekday=DAY.weekday(), start=time(20, 45), minutes=60)
    return found


@pytest.fixture
def mover(cellar: Station, station: Station) -> User:
    return person(roles.MANAGERS, cellar, station, email="mover@example.com")


@pytest.fixture
def moved(cellar: Station, station: Station, mover: User) -> Booking:
    """To the kitchen, for a customer who is made there; its mail waits."""
    made = booking(cellar, DAY, time(20, 45), customer=Contact("Nora Silva", "nora@example.com"))
    origin = Origin(Channel.PAGE, mover, remote_addr="203.0.113.77", request_id="rid-77")
    with override_origin(origin):
        found = services.reschedule(made.pk, to=Place(SATURDAY, time(19), "kitchen"), by=mover).booking
    Mail.objects.update(due_at=found.created_at)
    return found


@pytest.fixture
def manager(station: Station) -> User:
    return person(roles.MANAGERS, station)


def marks_in(text: str) -> list[str]:
    return [mark for mark in MARKS if mark in text]


def pages(moved: Booking) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every page and file that tells what happened to the booking, its mails or its customer."""
    mail, entries = Mail.objects.get(), AuditEntry.objects.filter(station=moved.station).order_by("id")
    yield "GET", f"/bookings/{moved.pk}/", {}
    yield "GET", f"/calendar/week/?station=kitchen&date=2031-03-08&booking={moved.pk}", {}
    yield "GET", f"/bookings/{moved.pk}/mails/{mail.pk}/", {}
    yield "GET", f"/admin/bookings/booking/{moved.pk}/change/", {}
    yield "GET", f"/admin/bookings/booking/{moved.pk}/history/", {}
    yield "GET", "/admin/bookings/mail/", {}
    yield "GET", f"/admin/bookings/mail/{mail.pk}/change/", {}
    yield "GET", f"/admin/bookings/mail/{mail.pk}/history/", {}
    yield "GET", "/admin/accounts/auditentry/", {}
    for entry in entries:
        yield "GET", f"/admin/accounts/auditentry/{entry.pk}/change/", {}
    keys = [str(entry.pk) for entry in entries]
    yield "POST", "/admin/accounts/auditentry/", {"action": "export", "_selected_action": keys}
    yield "GET", f"/admin/accounts/customer/{moved.customer_id}/change/", {}
    yield "GET", f"/admin/accounts/customer/{moved.customer_id}/history/", {}
    yield "POST", f"/admin/accounts/customer/{moved.customer_id}/data/", {}
    yield "POST", f"/admin/accounts/customer/{moved.customer_id}/export/", {}


def read(client: Client, method: str, address: str, words: dict[str, Any]) -> str:
    answer = client.get(address) if method == "GET" else client.post(address, words)
    assert answer.status_code == 200, address
    content = answer.getvalue() if answer.streaming else answer.content
    return re.sub(r"<select.*?</select>", "", content.decode(), flags=re.DOTALL)


@pytest.mark.parametrize("sent", [False, True])
def test_no_page_tells_it(
    client: Client, moved: Booking, station: Station, mover: User, manager: User, *, sent: bool
) -> None:
    mover.stations.remove(station)  # no colleague any longer, whom lists of people would name
    if sent:
        assert delivery.lease_next(moved.created_at)
    client.force_login(manager)

    found = [(page, marks_in(read(client, *page))) for page in pages(moved)]

    assert [(page, marks) for page, marks in found if marks] == []
    assert len(found) >= 17


def test_whoever_sees_the_station_is_told_all_of_it(client: Client, moved: Booking, mover: User) -> None:
    client.force_login(mover)

    page = read(client, "GET", f"/bookings/{moved.pk}/", {})
    trail = read(client, "GET", "/admin/accounts/auditentry/", {})
    mail = read(client, "GET", f"/bookings/{moved.pk}/mails/{Mail.objects.get().pk}/", {})

    assert "cellar-7 Fri 14 Nov 2031 20:45 → kitchen Sat 8 Mar 2031 19:00" in page
    assert ("cellar-7" in trail, "by mover@example.com" in page, "Zebra Cellar" in mail) == (True, True, True)


def test_page_says_so_without_naming_it(client: Client, moved: Booking, manager: User) -> None:
    client.force_login(manager)

    page = read(client, "GET", f"/bookings/{moved.pk}/", {})
    mail = read(client, "GET", f"/bookings/{moved.pk}/mails/{Mail.objects.get().pk}/", {})

    assert "Another station → kitchen Sat 8 Mar 2031 19:00" in page
    assert "by someone at another station" in page
    assert "Its text mentions a station that you don't have access to." in mail


def test_conflict_tells_neither_the_api_nor_a_page(client: Client, moved: Booking, manager: User) -> None:
    Booking.objects.filter(pk=moved.pk).update(version=9)
    move = {"date": "2031-03-09", "slot": "19:00"}

    refused = failure(Caller(manager).patch(f"/api/bookings/admin/{moved.pk}", move, If_Match='"1"'))
    client.force_login(manager)
    page = client.post(f"/bookings/{moved.pk}/move/", {**move, "station": "kitchen", "version": 1}).content.decode()

    assert (refused["status"], refused["data"]["changed_by"]) == (412, "someone at another station")
    assert refused["data"]["change"] == "Another station → kitchen Sat 8 Mar 2031 19:00"
    assert "someone at another station has changed this booking" in page
    assert marks_in(str(refused) + page) == []


@pytest.mark.parametrize("query", [{"q": "mover@example.com"}, {"actor": "{mover}"}, {"q": "MOVER@example.com"}])
def test_trail_cannot_be_asked_who_it_was(
    client: Client, moved: Booking, manager: User, mover: User, query: dict[str, str]
) -> None:
    asked = {name: value.format(mover=mover.pk) for name, value in query.items()}

    def rows(somebody: User) -> int:
        client.force_login(somebody)
        page = client.get("/admin/accounts/auditentry/", {**asked, "station": "kitchen"})
        return int(page.context["cl"].result_count)

    assert (rows(manager), rows(mover)) == (0, 2)


def test_trail_is_found_by_the_bookings_id_all_the_same(client: Client, moved: Booking, manager: User) -> None:
    client.force_login(manager)

    assert client.get("/admin/accounts/auditentry/", {"q": str(moved.pk)}).context["cl"].result_count == 1


def test_what_was_taken_over_for_a_customer_who_is_known_here_names_nobody(
    client: Client, cellar: Station, station: Station, mover: User, manager: User
) -> None:
    known = customer(station, "Nora Silva", "nora@example.com")
    made = booking(cellar, DAY, time(20, 45), customer=Contact("Nora Silva", "nora@example.com", "+49 30 901820"))
    there = made.customer
    assert there
    there.notes = "Loud"
    there.save()
    services.reschedule(made.pk, to=Place(SATURDAY, time(19), "kitchen"), by=mover)
    client.force_login(manager)

    page = client.get("/admin/accounts/auditentry/", {"q": str(known.pk)}).content.decode()

    table = page.partition("<tbody>")[2].partition("</tbody>")[0]
    assert ("Notes" in table, "someone at another station" in table, marks_in(table)) == (True, True, [])


def test_disclosure_leaves_what_another_station_would_write_to_that_station(
    client: Client, cellar: Station, station: Station, mover: User
) -> None:
    """A mail of the cellar's whose text is forgotten is not written anew from the booking as it is in the kitchen now."""
    made = booking(cellar, DAY, time(20, 45), customer=Contact("Nora Silva", "nora@example.com"))
    left = made.customer_id
    outbox.queue_created([made])
    taken = delivery.lease_next(made.created_at + timedelta(hours=1))
    assert taken
    services.reschedule(made.pk, to=Place(SATURDAY, time(19), "kitchen"), by=mover)
    Mail.objects.filter(station=cellar).update(state="failed", message=None)
    client.force_login(person(roles.MANAGERS, cellar))

    exported = read(client, "POST", f"/admin/accounts/customer/{left}/export/", {})

    assert [mark for mark in ("Kitchen", "8 March") if mark in exported] == []


def test_whoever_moved_it_is_named_where_it_left(moved: Booking, cellar: Station, mover: User) -> None:
    entry = AuditEntry.objects.get(object_pk=str(moved.pk), event="left")

    line = audit.line(entry, cellar.country, frozenset({"cellar-7"}))

    assert (line.who, line.what) == (mover.email, "cellar-7 Fri 14 Nov 2031 20:45 → another station")
