"""Audit entries for bulk reads of personal data: exports, feeds with details, and lists by API."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import pytest
from django.contrib.auth.models import Group, Permission
from django.db import OperationalError
from django.test import Client
from django.utils import timezone, translation

from accounts import roles
from accounts.audit import bulk_reads
from accounts.audit.bulk_reads import ReadEvent
from accounts.auth import api_keys
from accounts.customers import Contact
from accounts.models import AuditEntry, User
from bookings.admin.audit_trail import describe
from bookings.icalendar import feeds
from bookings.icalendar.feeds import FeedContent
from bookings.models import Booking, Feed
from stations.models import Station
from tests.bookings.api.caller import Caller
from tests.bookings.importing.commands import run
from tests.factories import FRIDAY, SATURDAY, booking, bookings, open_station, person

pytestmark = pytest.mark.django_db

NAME: Final = "Quillon Xanthe"
GUEST: Final = Contact(NAME, "quillon@example.com", "+4930901820")
PERSONAL: Final = ["name", "email", "phone", "special_requests"]
WEEK: Final = "/api/bookings/admin/weekly?date_from=2031-03-03&date_to=2031-03-09"
READS: Final = ReadEvent.values


@pytest.fixture
def bar(station: Station) -> Station:
    """Beside the kitchen, where two come on Friday and Saturday, one of whom is a walk-in; two come to the bar."""
    bar = open_station(code="bar", name="Bar")
    booking(station, FRIDAY, customer=GUEST, special_requests="zebra crossing")
    booking(station, SATURDAY)
    bookings(2, bar, SATURDAY, customer=GUEST)
    return bar


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """`clock(seconds)`: so much later, as a process counts it."""
    now = [1_000.0]
    monkeypatch.setattr("accounts.audit.bulk_reads.monotonic", lambda: now[0])
    bulk_reads.tally._last_sweep = now[0]
    return lambda seconds: now.__setitem__(0, now[0] + seconds)


def entries() -> list[tuple[Any, ...]]:
    """Each entry's station, event, door, who, and what it says; none of it is what anybody told."""
    found = AuditEntry.objects.filter(event__in=READS).order_by("station_id", "pk")
    for entry in found:
        assert (entry.action, entry.object_pk) == (AuditEntry.Action.ACCESS, str(entry.station_id or ""))
        text = json.dumps([entry.changes, entry.object_repr])
        assert [mark for mark in ("Quillon", "quillon", "901820", "zebra") if mark in text] == []
    return [
        (
            entry.station and entry.station.code,
            entry.event,
            entry.channel,
            entry.actor_email,
            {name: new for name, (_old, new) in entry.changes.items()},
        )
        for entry in found
    ]


def said(count: int, first: date, last: date, fields: list[str] = PERSONAL, calls: int = 1) -> dict[str, Any]:
    return {"count": count, "calls": calls, "first": first.isoformat(), "last": last.isoformat(), "fields": fields}


# --- exports -------------------------------------------------------------------------------------------------------------


def test_export_by_command_stands_in_the_log_of_each_station(bar: Station, station: Station) -> None:
    manager = person(roles.MANAGERS, station, bar)

    run("export_bookings", "--as", manager.email)

    exported = ReadEvent.BOOKINGS_EXPORTED
    assert entries() == [
        ("kitchen", exported, "command", manager.email, said(2, FRIDAY, SATURDAY)),
        ("bar", exported, "command", manager.email, said(2, SATURDAY, SATURDAY)),
    ]
    assert run("verify_audit").status == 0


@pytest.mark.looks
def test_every_export_is_recorded_with_what_was_asked_for(bar: Station) -> None:
    for _n in range(2):
        run("export_bookings", "--station", "kitchen", "--from", "2031-03-08")

    assert entries() == [("kitchen", ReadEvent.BOOKINGS_EXPORTED, "command", None, said(1, SATURDAY, SATURDAY))] * 2


def test_export_is_recorded_before_its_first_line(bar: Station, client: Client) -> None:
    manager = person(roles.MANAGERS, bar)
    client.force_login(manager)
    chosen = [str(pk) for pk in Booking.objects.filter(station=bar).values_list("pk", flat=True)]

    answer = client.post("/admin/bookings/booking/", {"action": "export", "_selected_action": chosen[:1]})

    expected = [("bar", ReadEvent.BOOKINGS_EXPORTED, "admin", manager.email, said(1, SATURDAY, SATURDAY))]
    assert entries() == expected
    assert NAME in answer.getvalue().decode()
    assert entries() == expected


@pytest.mark.looks
def test_export_without_the_right_to_personal_data_names_no_fields(bar: Station, station: Station) -> None:
    group = Group.objects.create(name="Counters")
    group.permissions.set(Permission.objects.filter(codename__in=["export_bookings", "view_bookings"]))

    run("export_bookings", "--as", person("Counters", station).email)

    assert [changes["fields"] for *_rest, changes in entries()] == [[]]


@pytest.mark.looks
def test_refused_export_is_not_recorded(bar: Station) -> None:
    run("export_bookings", "--as", person(roles.STAFF, bar).email)

    assert entries() == []


def test_export_of_the_audit_log_is_recorded(bar: Station, client: Client) -> None:
    manager = person(roles.MANAGERS, bar)
    client.force_login(manager)
    chosen = AuditEntry.objects.filter(station=bar, event="created").values_list("pk", flat=True)

    client.post("/admin/accounts/auditentry/", {"action": "export", "_selected_action": [str(pk) for pk in chosen]})

    today, fields = datetime.now(UTC).date(), ["actor_email", "remote_addr"]
    assert entries() == [
        ("bar", ReadEvent.LOG_EXPORTED, "admin", manager.email, said(len(chosen), today, today, fields))
    ]


# --- feeds ---------------------------------------------------------------------------------------------------------------


def feed_of(user: User, *, details: bool = True) -> str:
    _feed, secret = feeds.create(station=None, details=details, by=user)
    return f"/feeds/{secret}.ics"


def test_feed_with_details_is_recorded_once_a_day_at_each_station(bar: Station, station: Station) -> None:
    user = person(roles.STAFF, station, bar)
    Booking.objects.update(date=timezone.now().date())
    address = feed_of(user)
    for _n in range(3):
        assert NAME in Client().get(address).getvalue().decode()

    today = datetime.now(UTC).date()
    read = ReadEvent.FEED_READ, "feed", user.email, said(2, today - timedelta(30), today + timedelta(365))
    assert entries() == [("kitchen", *read), ("bar", *read)]
    Feed.objects.update(recorded_on=today - timedelta(1))
    Client().get(address).getvalue()
    assert len(entries()) == 4
    assert run("verify_audit").status == 0


def test_two_programs_that_read_a_feed_at_once_are_recorded_once(bar: Station) -> None:
    feeds.create(station=None, details=True, by=person(roles.STAFF, bar))
    one, other = (Feed.objects.select_related("user").get() for _n in range(2))

    for feed in (one, other):
        FeedContent.of(feed, now=timezone.now()).record_read(timezone.now())

    assert len(entries()) == 1


def test_what_shows_no_details_is_not_recorded(bar: Station) -> None:
    user = person(roles.STAFF, bar)
    with_details, without = feed_of(user), feed_of(user, details=False)
    Client().get(without).getvalue()
    Client().head(with_details)
    tag = Client().head(with_details).headers["ETag"]
    assert Client().get(with_details, headers={"If-None-Match": tag}).status_code == 304
    user.groups.set(Group.objects.filter(name=roles.VIEWERS))
    Client().get(with_details).getvalue()

    assert entries() == []


# --- the API -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def api(bar: Station, station: Station) -> Caller:
    return Caller(person(roles.STAFF, station, bar))


def test_calendar_by_api_is_recorded_at_each_station_it_tells_of(api: Caller, station: Station) -> None:
    empty = open_station(code="empty")
    User.objects.get().stations.add(empty)

    api.get(WEEK)

    email = User.objects.get().email
    assert entries() == [
        ("kitchen", ReadEvent.BOOKINGS_READ, "jwt", email, said(2, FRIDAY, SATURDAY)),
        ("bar", ReadEvent.BOOKINGS_READ, "jwt", email, said(2, FRIDAY, SATURDAY)),
    ]


@pytest.mark.parametrize(
    ("address", "events"),
    [
        (WEEK.replace("weekly", "monthly"), [ReadEvent.BOOKINGS_READ]),
        ("/api/bookings/?station=bar", [ReadEvent.BOOKINGS_READ]),
        ("/api/bookings/?station=empty", []),
        ("/api/bookings/{booking}/", [ReadEvent.BOOKINGS_READ]),
        ("/api/customers/{customer}/", [ReadEvent.CUSTOMERS_READ]),
        ("/api/stations/", []),
        ("/api/stations/bar/slots?date_from=2031-03-03&date_to=2031-03-09", []),
    ],
)
def test_whatever_tells_of_customers_is_recorded(
    api: Caller, bar: Station, address: str, events: list[ReadEvent]
) -> None:
    User.objects.get().stations.set([bar, open_station(code="empty")])
    made = Booking.objects.filter(station=bar).earliest("created_at")

    api.get(address.format(booking=made.pk, customer=made.customer_id))

    assert [event for _code, event, *_rest in entries()] == events


def test_search_by_api_is_recorded(api: Caller) -> None:
    api.post("/api/customers/search", {"q": "quillon"})

    email = User.objects.get().email
    read = ReadEvent.CUSTOMERS_READ, "jwt", email, {"count": 1, "calls": 1, "fields": ["name", "email", "phone"]}
    assert entries() == [("kitchen", *read), ("bar", *read)]


def test_what_tells_nothing_of_customers_is_not_recorded(bar: Station, station: Station) -> None:
    viewer, staff = Caller(person(roles.VIEWERS, station)), Caller(person(roles.STAFF, station))
    customer = Booking.objects.filter(station=station).earliest("created_at").customer_id
    for address in (WEEK, "/api/bookings/", f"/api/customers/{customer}/"):
        viewer.get(address)
    staff.get(WEEK.replace("03-09", "03-99"))
    Booking.objects.all().delete()
    staff.get(WEEK)

    assert entries() == []


def test_answer_that_the_caller_has_already_is_not_recorded(api: Caller) -> None:
    tag = api.get(WEEK).headers["ETag"]
    bulk_reads.tally.clear()

    assert api.get(WEEK, If_None_Match=tag).status_code == 304
    assert len(entries()) == 2


def test_calls_by_key_and_by_token_are_counted_separately(api: Caller, bar: Station) -> None:
    user = User.objects.get()
    _key, text = api_keys.create(name="Shop", stations=[bar], rights=[roles.VIEW, roles.PII], expires_on=None, by=user)
    api.get(f"{WEEK}&station=bar")
    Client().get(WEEK, headers={"Authorization": f"Bearer {text}"})

    assert [(code, channel) for code, _event, channel, *_rest in entries()] == [("bar", "jwt"), ("bar", "key")]


@pytest.mark.looks
def test_polling_is_recorded_once_an_hour_with_the_count_of_all(api: Caller, clock: Callable[[float], None]) -> None:
    for _n in range(10):
        api.get(f"{WEEK}&station=bar")
        clock(300)
    assert [changes["count"] for *_rest, changes in entries()] == [2]

    clock(700)
    api.get(f"{WEEK}&station=kitchen")

    bar = [changes for code, *_rest, changes in entries() if code == "bar"]
    assert [(changes["count"], changes["calls"]) for changes in bar] == [(2, 1), (18, 9)]


@pytest.mark.looks
def test_reading_that_grows_is_recorded_within_the_hour(db: None, clock: Callable[[float], None]) -> None:
    hall = open_station(code="hall", capacity=60)
    api = Caller(person(roles.STAFF, hall))
    bookings(60, hall, customer=GUEST)

    for _n in range(14):
        api.get(WEEK)

    assert [(changes["count"], changes["calls"]) for *_rest, changes in entries()] == [(60, 1), (600, 10)]


@pytest.mark.looks
def test_database_that_is_away_is_no_failure_of_the_answer(
    api: Caller, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def away(reads: object) -> None:
        raise OperationalError("away")

    monkeypatch.setattr(bulk_reads, "record", away)

    assert api.get(WEEK).status_code == 200
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == [
        "Reads by API could not be recorded."
    ]


# --- as people read it ---------------------------------------------------------------------------------------------------


def test_entries_are_described_in_sentences(api: Caller, client: Client, bar: Station) -> None:
    api.get(f"{WEEK}&station=bar")
    api.post("/api/customers/search", {"q": "quillon"})
    found = AuditEntry.objects.filter(station=bar, event__in=READS).order_by("pk")

    assert [describe(entry, None) for entry in found] == [
        "Bookings read by API: 2 (2031-03-08), with name, email, phone, special requests",
        "Customers read by API: 1, with name, email, phone",
    ]
    with translation.override("de"):
        assert describe(found[1], None) == "Kunden über die API gelesen: 1, mit Name, E-Mail, Telefon"
    client.force_login(person(roles.MANAGERS, bar))
    assert "Customers read by API: 1" in client.get("/admin/accounts/auditentry/?event=customers_read").content.decode()
