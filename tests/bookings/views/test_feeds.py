"""Calendar feeds: the page on which they are kept, and what a calendar program reads under their addresses."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts import customers, roles
from accounts.auth import rate_limit_counters
from accounts.customers import Contact
from accounts.models import AuditEntry, User
from bookings import services
from bookings.models import Booking, Feed
from bookings.models.status import Status
from config.observability.request_log import ResponseInterrupted
from stations.models import Station
from tests.calendars import Entry, Read, by_icalendar, by_thunderbird, faults_of_form
from tests.factories import booking, bookings, open_station, person

pytestmark = pytest.mark.looks

NOW: Final = datetime(2031, 3, 1, 12, tzinfo=UTC)
SECRET: Final = r"http://testserver/feeds/([\w-]{43})\.ics"
MIDNIGHT: Final = time()


@pytest.fixture(autouse=True)
def now(db: None) -> Iterator[time_machine.Traveller]:
    """The week before the factories' Friday, for whoever asks; and no reading of an earlier test is counted there."""
    rate_limit_counters.delete_expired(before=(NOW + timedelta(days=2)).timestamp())
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def visitor(staff: User, client: Client) -> Client:
    client.force_login(staff)
    return client


def told(html: str) -> str:
    """The address that a page tells."""
    found = re.search(SECRET, html)
    assert found
    return f"/feeds/{found[1]}.ics"


def made(visitor: Client, **words: Any) -> str:
    """A new feed's address."""
    answer = visitor.post("/feeds/", words)
    assert answer.status_code == 200
    return told(answer.content.decode())


def feed_of(user: User, **words: Any) -> str:
    visitor = Client()
    visitor.force_login(user)
    return made(visitor, **words)


def file(address: str, **headers: str) -> bytes:
    """What a program reads that has never logged in."""
    answer = Client().get(address, headers=headers)
    assert answer.status_code == 200
    return answer.getvalue()


def read(address: str) -> Read:
    """The same, as two readers read it who share no code."""
    found = file(address)
    assert faults_of_form(found) == []
    [same] = by_thunderbird([found])
    assert by_icalendar(found) == same
    return same


def status(address: str) -> int:
    return Client().get(address).status_code


def anas(station: Station, **fields: Any) -> Booking:
    contact = Contact("Ana García", "ana@example.com", "+4930901820")
    return booking(
        station, customer=contact, **{"party_adults": 3, "party_kids": 1, "special_requests": "Nuts", **fields}
    )


def entry(made: Booking, **other: Any) -> Entry:
    """What a reader should find of a booking of Ana's, where no details were chosen."""
    shown = Entry(
        uid=str(made.pk),
        sequence=made.version,
        starts_at=made.starts_at,
        ends_at=made.ends_at,
        status="CONFIRMED",
        summary="A. G. · 4",
        description="",
        location="Kitchen",
        organizer=("Kitchen", "nobody@stationbook.invalid"),
        attendee=None,
    )
    return replace(shown, **other)


def test_feed_shows_initials_and_party_size_only(visitor: Client, station: Station) -> None:
    found = anas(station)

    assert read(made(visitor)) == Read("PUBLISH", "Stationbook", [entry(found)])


def test_feed_shows_details_where_they_were_chosen(visitor: Client, station: Station) -> None:
    found = anas(station)
    details = "Phone: +4930901820\nEmail: ana@example.com\nSpecial requests: Nuts"

    assert read(made(visitor, details="on")).entries == [entry(found, summary="Ana García · 4", description=details)]


def test_feed_of_a_station_has_its_name_and_its_address(visitor: Client, station: Station) -> None:
    Station.objects.update(email="kitchen@example.com")
    found = anas(station)
    other = open_station(code="bar", name="Bar")
    User.objects.get().stations.add(other)
    booking(other)

    assert read(made(visitor, station=station.pk)) == Read(
        "PUBLISH", "Kitchen", [entry(found, organizer=("Kitchen", "kitchen@example.com"))]
    )


def test_feed_says_what_was_cancelled_is_pending_or_has_lost_its_place(visitor: Client, station: Station) -> None:
    cancelled = services.change_status(anas(station).pk, Status.CANCELLED, by=roles.OPERATOR)
    pending = booking(station, slot=time(19), status=Status.PENDING)
    lost = booking(station, slot=time(20))
    Booking.objects.filter(pk=lost.pk).update(needs_place=True)

    assert read(made(visitor)).entries == [
        entry(cancelled, status="CANCELLED", summary="Cancelled: A. G. · 4"),
        entry(pending, status="TENTATIVE", summary="Walk-in · 1"),
        entry(lost, status="TENTATIVE", summary="Unassigned: Walk-in · 1"),
    ]


def test_feed_shows_thirty_days_back_and_a_year_ahead(visitor: Client, station: Station) -> None:
    today = NOW.date()
    dates = [today + timedelta(days=days) for days in (-31, -30, 0, 365, 366)]
    there = [booking(station, day) for day in dates]

    assert [one.uid for one in read(made(visitor)).entries] == [str(one.pk) for one in there[1:-1]]


ZONES: Final = ("Pacific/Auckland", "America/New_York", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe", "UTC")
NIGHTS: Final = {
    "Pacific/Auckland": (date(2031, 4, 6), date(2031, 9, 28)),
    "America/New_York": (date(2031, 3, 9), date(2031, 11, 2)),
    "Europe/Berlin": (date(2031, 3, 30), date(2031, 10, 26)),
    "Asia/Kolkata": (date(2031, 3, 30), date(2031, 10, 26)),
    "Australia/Lord_Howe": (date(2031, 4, 6), date(2031, 10, 5)),
    "UTC": (date(2031, 3, 30), date(2031, 10, 26)),
}


def every_hour_of(station: Station, night: date) -> list[Booking]:
    """A booking from each hour of the night, and of the days around it, that the station's clock has; a third of them for two."""
    drafts = [
        services.Draft(
            station=station.code, date=day, slot=time(hour), slots=1 + (hour % 3 == 0), status=Status.CONFIRMED
        )
        for day in (night - timedelta(days=1), night, night + timedelta(days=1))
        for hour in range(24)
    ]
    return [one for one in services.create_many(drafts, by=roles.OPERATOR) if isinstance(one, Booking)]


@pytest.mark.parametrize("zone", ZONES)
def test_feed_is_right_at_every_edge_of_both_clock_changes(client: Client, db: None, zone: str) -> None:
    station = open_station(name="Kitchen", time_zone=zone, hours=range(24))
    there = [one for night in NIGHTS[zone] for one in every_hour_of(station, night)]

    found = read(feed_of(person(roles.STAFF, station)))

    assert len(there) > 130
    assert {one.uid: (one.starts_at, one.ends_at) for one in found.entries} == {
        str(one.pk): (one.starts_at, one.ends_at) for one in there
    }


def test_feed_of_six_zones_holds_each_clock_once(db: None) -> None:
    stations = [
        open_station(code=zone.partition("/")[2] + zone[:1], time_zone=zone) for zone in [*ZONES, "Europe/Berlin"][:6]
    ]
    stations.append(open_station(code="second", time_zone="Europe/Berlin"))
    there = [booking(station) for station in stations]
    address = feed_of(person(roles.STAFF, *stations))

    assert {one.uid: one.starts_at for one in read(address).entries} == {str(one.pk): one.starts_at for one in there}
    assert re.findall(r"TZID:(\S+)", file(address).decode()) == [zone for zone in sorted(ZONES) if zone != "UTC"]


def test_feed_speaks_the_language_of_whoever_made_it(visitor: Client, station: Station) -> None:
    services.change_status(anas(station).pk, Status.CANCELLED, by=roles.OPERATOR)
    html = visitor.post("/feeds/", headers={"Accept-Language": "de"}).content.decode()

    answer = Client().get(told(html), headers={"Accept-Language": "es"})

    assert "Storniert: A. G. · 4" in answer.getvalue().decode()
    assert answer.headers["Content-Language"] == "de"


def test_feed_asks_little_of_the_database_and_of_memory(visitor: Client, station: Station) -> None:
    address = made(visitor, details="on")
    Client().get(address).getvalue()  # the first of the day, which the audit log tells of
    counted = []
    for count in (1, 250):
        bookings(count, open_station(code=f"for {count}", capacity=count))
        User.objects.get().stations.set(Station.objects.all())
        with CaptureQueriesContext(connection) as queries:
            pieces = list(Client().get(address).streaming_content)  # type: ignore[attr-defined]
        counted.append((len(queries), max(piece.count(b"BEGIN:VEVENT") for piece in pieces)))

    assert counted[0][0] == counted[1][0] <= 11  # two of them count the reading: for the feed, and for its person
    assert counted[1][1] == 100


def test_feed_seen_before_is_304_and_decrypts_nothing(visitor: Client, station: Station, settings: Any) -> None:
    anas(station)
    address = made(visitor, details="on")
    seen = Client().get(address)
    settings.PII_KEYS = [bytes(range(1, 33))]  # with no key that wrote it, decrypting is an error

    again = [
        Client().get(address, headers={"If-None-Match": said.format(seen["ETag"])}) for said in ("{}", "W/{}", "*")
    ]

    assert {(one.status_code, one.content, one["ETag"]) for one in again} == {(304, b"", seen["ETag"])}
    with pytest.raises(ResponseInterrupted):
        file(address)


def change_a_booking(made: Booking, by: User) -> None:
    services.change_status(made.pk, Status.COMPLETED, by=by)


def change_a_customer(made: Booking, by: User) -> None:
    assert made.customer_id
    customers.edit(made.customer_id, {"name": "Bea García"}, by=by)


def rename_the_station(made: Booking, by: User) -> None:
    Station.objects.filter(pk=made.station_id).update(name="Cellar")


def take_a_right_away(made: Booking, by: User) -> None:
    by.groups.set(person(roles.VIEWERS).groups.all())


def give_another_station(made: Booking, by: User) -> None:
    by.stations.add(open_station())


@pytest.mark.parametrize(
    "change",
    [change_a_booking, change_a_customer, rename_the_station, take_a_right_away, give_another_station],
)
def test_feed_is_sent_again_after_a_change(visitor: Client, staff: User, station: Station, change: Any) -> None:
    found = anas(station)
    address = made(visitor, details="on")
    seen = Client().get(address)["ETag"]
    change(found, staff)

    again = Client().get(address, headers={"If-None-Match": seen})

    assert (again.status_code, again["ETag"] != seen) == (200, True)


def test_feed_is_sent_again_when_another_day_comes_into_sight(
    visitor: Client, station: Station, now: time_machine.Traveller
) -> None:
    made_now = made(visitor)
    seen = Client().get(made_now)["ETag"]
    now.move_to(NOW + timedelta(days=1))

    assert Client().get(made_now, headers={"If-None-Match": seen}).status_code == 200


def test_feed_of_a_station_stays_as_it_is_whatever_happens_at_another(
    visitor: Client, staff: User, station: Station
) -> None:
    other = open_station()
    staff.stations.add(other)
    address = made(visitor, station=station.pk)
    seen = Client().get(address)["ETag"]
    booking(other)

    assert Client().get(address, headers={"If-None-Match": seen}).status_code == 304


def test_feed_is_cached_by_nobody_between_and_named_to_nobody(visitor: Client, station: Station) -> None:
    answer = Client().get(made(visitor))

    assert {name: answer[name] for name in ("Content-Type", "Cache-Control", "Referrer-Policy", "X-Robots-Tag")} == {
        "Content-Type": "text/calendar; charset=utf-8",
        "Cache-Control": "private, no-cache",
        "Referrer-Policy": "no-referrer",
        "X-Robots-Tag": "noindex, nofollow",
    }
    assert answer.cookies == {}


def test_feed_asked_for_its_head_reads_no_booking(visitor: Client, station: Station) -> None:
    address = made(visitor)
    with CaptureQueriesContext(connection) as queries:
        answer = Client().head(address)

    assert (answer.status_code, answer.getvalue(), answer["ETag"]) == (200, b"", Client().get(address)["ETag"])
    assert [query["sql"] for query in queries if "bookings_booking" in query["sql"]] == []


def forget_the_address(feed: Feed, by: User) -> None:
    visitor = Client()
    visitor.force_login(by)
    assert visitor.post(f"/feeds/{feed.pk}/revoke/").status_code == 302


def leave(feed: Feed, by: User) -> None:
    User.objects.filter(pk=by.pk).update(is_active=False)


def lose_the_station(feed: Feed, by: User) -> None:
    by.stations.set([open_station()])


def lose_the_right_to_look(feed: Feed, by: User) -> None:
    by.groups.clear()


@pytest.mark.parametrize("lose", [forget_the_address, leave, lose_the_station, lose_the_right_to_look])
def test_feed_that_is_over_looks_like_one_that_never_was(
    visitor: Client, staff: User, station: Station, lose: Any
) -> None:
    anas(station)
    address = made(visitor, station=station.pk)
    seen = Client().get(address)["ETag"]
    lose(Feed.objects.get(), staff)

    def answer(address: str) -> tuple[Any, ...]:
        given = Client().get(address, headers={"If-None-Match": seen})
        body = given.content.decode().replace(address, "ADDRESS").replace(given["X-Request-Id"], "ID")
        return (
            given.status_code,
            re.sub(r'(name="csrfmiddlewaretoken" value=)"\w+"', r"\1", body),
            sorted(given.headers),
        )

    assert answer(address) == answer("/feeds/" + "x" * 43 + ".ics")
    assert answer(address)[0] == 404


def test_feed_of_all_stations_follows_its_person(visitor: Client, staff: User, station: Station) -> None:
    here, other = booking(station), open_station(code="bar")
    there = booking(other, slot=time(19))
    address = made(visitor)

    seen = []
    for stations in ([station], [station, other], [other], []):
        staff.stations.set(stations)
        seen.append([one.uid for one in read(address).entries] if stations else status(address))

    assert seen == [[str(here.pk)], [str(here.pk), str(there.pk)], [str(there.pk)], 404]


def test_feed_with_details_shows_initials_to_who_may_no_longer_see_more(
    visitor: Client, staff: User, station: Station
) -> None:
    found = anas(station)
    address = made(visitor, details="on")
    staff.groups.set(person(roles.VIEWERS).groups.all())

    assert read(address).entries == [entry(found)]


@pytest.mark.slow
def test_feed_is_read_so_often_and_no_oftener(visitor: Client, station: Station) -> None:
    address, other = made(visitor), made(visitor)

    statuses = [status(address) for _time in range(61)]

    assert statuses == [200] * 60 + [429]
    assert Client().get(address)["Retry-After"] == "60"
    assert status(other) == 200


@pytest.mark.parametrize("nonsense", ["x", "x" * 5000, "%00", "ü", "🎉", "..", "a%2Fb", "x.ics"])
def test_nonsense_is_no_feed(db: None, nonsense: str) -> None:
    assert status(f"/feeds/{nonsense}.ics") == 404


def test_page_tells_an_address_once(visitor: Client, station: Station) -> None:
    address = made(visitor, station=station.pk)
    secret = address.removeprefix("/feeds/").removesuffix(".ics")

    html = visitor.get("/feeds/").content.decode()

    assert '<strong dir="auto">Kitchen</strong>' in html
    assert "Initials and party size · address created on Sat 1 Mar 2031" in " ".join(html.split())
    assert secret not in html
    assert secret not in str(dict(visitor.session))


def test_renewed_feed_ends_the_old_address(visitor: Client, station: Station) -> None:
    old = made(visitor, details="on")

    new = told(visitor.post(f"/feeds/{Feed.objects.get().pk}/renew/").content.decode())

    assert (status(old), status(new), Feed.objects.get().details) == (404, 200, True)


def test_revoked_feed_is_gone_from_the_page(visitor: Client, station: Station) -> None:
    made(visitor)

    answer = visitor.post(f"/feeds/{Feed.objects.get().pk}/revoke/", follow=True)

    html = answer.content.decode()
    assert "Revoked." in html
    assert "Your feeds" not in html


def test_feeds_are_each_persons_own(visitor: Client, station: Station) -> None:
    theirs = feed_of(person(roles.STAFF, station))
    feed = Feed.objects.get()

    answers = [visitor.post(f"/feeds/{feed.pk}/{what}/").status_code for what in ("renew", "revoke")]

    assert answers == [404, 404]
    assert status(theirs) == 200
    assert "Your feeds" not in visitor.get("/feeds/").content.decode()


@pytest.mark.parametrize("pk", ["0", "99999999999999999999999"])
def test_unknown_feed_is_not_renewed(visitor: Client, pk: str) -> None:
    assert visitor.post(f"/feeds/{pk}/renew/").status_code == 404


def test_another_stations_calendar_cannot_be_had(visitor: Client, station: Station) -> None:
    other = open_station(code="elsewhere", name="Elsewhere")

    answer = visitor.post("/feeds/", {"station": other.pk})

    assert (answer.status_code, Feed.objects.count()) == (400, 0)
    assert "Elsewhere" not in answer.content.decode()


@pytest.mark.parametrize("nonsense", ["x", "\0", "-1", "9" * 40])
def test_nonsense_is_no_station(visitor: Client, station: Station, nonsense: str) -> None:
    assert (visitor.post("/feeds/", {"station": nonsense}).status_code, Feed.objects.count()) == (400, 0)


def test_station_that_was_lost_is_not_named(visitor: Client, staff: User, station: Station) -> None:
    made(visitor, station=station.pk)
    staff.stations.clear()

    html = visitor.get("/feeds/").content.decode()

    assert "A station you no longer have access to" in html
    assert "Kitchen" not in html


def test_viewers_are_offered_no_details(client: Client, station: Station) -> None:
    client.force_login(person(roles.VIEWERS, station))
    found = anas(station)

    assert "details" not in client.get("/feeds/").content.decode()
    assert read(made(client, details="on")).entries == [entry(found)]


def test_feeds_are_audited_and_their_secrets_are_not(visitor: Client, staff: User, station: Station) -> None:
    first = made(visitor, station=station.pk, details="on")
    feed = Feed.objects.get()
    second = told(visitor.post(f"/feeds/{feed.pk}/renew/").content.decode())
    digests = [bytes(feed.digest), bytes(Feed.objects.get().digest)]
    visitor.post(f"/feeds/{feed.pk}/revoke/")

    entries = AuditEntry.objects.filter(object_repr=f"Calendar feed {feed.pk}").order_by("pk")

    assert [(one.get_action_display(), one.event, one.channel, one.actor, one.station) for one in entries] == [
        ("create", "", "page", staff, station),
        ("update", "renewed", "page", staff, station),
        ("delete", "", "page", staff, station),
    ]
    said = str(list(entries.values()))
    hidden = [first[7:-4], second[7:-4], *(form for digest in digests for form in (digest.hex(), str(digest)))]
    assert [one for one in hidden if one in said] == []


def test_calendar_leads_to_the_feeds(visitor: Client, station: Station) -> None:
    assert '<a href="/feeds/">Calendar feeds</a>' in visitor.get("/calendar/week/").content.decode()
