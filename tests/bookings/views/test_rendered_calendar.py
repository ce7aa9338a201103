"""Calendars rendered once for all who may see the same: nobody gets another's page, nor one that is not true any longer."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

import pytest
import time_machine
from django.conf import settings as django_settings
from django.contrib.auth.models import Group
from django.db import transaction
from django.test import Client
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from accounts import customers, roles
from accounts.customers import Contact
from accounts.models import User
from bookings import services
from bookings.models.status import Status
from bookings.privacy import erasure
from bookings.services.inputs import Draft, Place
from bookings.services.timetable_changes import timetable_change
from bookings.views import calendar_url, rendered_calendar
from core.errors import DomainError
from core.memory_cache import MemoryCache
from stations import timetable_queries, visible_stations
from stations.models import Station, TimetableException
from tests.factories import FRIDAY, SATURDAY, booking, customer, open_station, person
from tests.samples import example_count

KINDS: Final = ("week", "month", "day", "agenda", "stations")
LANGUAGES: Final = ("en", "es", "de")
NOON: Final = datetime(2031, 3, 7, 12, tzinfo=UTC)
"""13:00 in Berlin, on `FRIDAY`."""
PART: Final = {"X-Part": "calendar"}


def week(**query: str) -> str:
    return "/calendar/week/?" + "&".join(f"{name}={value}" for name, value in {"station": "kitchen", **query}.items())


def signed_in(user: User, language: str = "en") -> Client:
    client = Client()
    client.force_login(user)
    client.cookies[django_settings.LANGUAGE_COOKIE_NAME] = language
    return client


def page_of(client: Client, path: str, headers: dict[str, str]) -> tuple[int, str, str]:
    """Status, ETag and body, without what is another in each answer: nonce, tokens, and the number of a refused request."""
    answer = client.get(path, headers=headers)
    if answer.status_code != 200:
        return answer.status_code, "", ""
    body = re.sub(r'(nonce|data-token|name="csrfmiddlewaretoken" value)="[^"]+"', r"\1", answer.content.decode())
    return answer.status_code, answer.headers["ETag"], body


@contextmanager
def nothing_kept(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whoever asks meanwhile gets what is rendered for them alone."""
    with monkeypatch.context() as patch:
        patch.setattr(rendered_calendar, "_cache", MemoryCache(max_bytes=0, max_age=1, size_of=lambda rendered: 0))
        for module in (visible_stations, timetable_queries):
            patch.setattr(module, "_cached", module._cached.__wrapped__)
        yield


@pytest.fixture
def renderings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The views rendered from here on."""
    found: list[str] = []

    def render(user: User, view: calendar_url.CalendarView, *more: Any) -> Any:
        found.append(view.kind)
        return own(user, view, *more)

    own = rendered_calendar._render
    monkeypatch.setattr(rendered_calendar, "_render", render)
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_calendar_is_rendered_once_for_colleagues_and_again_after_each_change(
    station: Station, kind: str, renderings: list[str]
) -> None:
    made = booking(station)
    colleagues = [signed_in(person(roles.STAFF, station)) for _n in range(3)]
    for slot in (17, 19):
        services.reschedule(made.pk, to=Place(FRIDAY, time(slot)), by=roles.OPERATOR)
        for client in colleagues:
            for headers in ({}, PART):
                client.get(f"/calendar/{kind}/?station=kitchen&date={FRIDAY}", headers=headers)

    assert renderings == [kind] * 2


@pytest.mark.slow
def test_calendar_is_rendered_for_each_right_language_and_view(station: Station, renderings: list[str]) -> None:
    known = customer(station)
    booking(station, customer_id=known.pk)
    views = [week(date=f"{FRIDAY}", **query) for query in ({}, {"status": "confirmed"}, {"customer": f"{known.pk}"})]
    views.append(week(date="2031-03-14"))
    for _again in range(2):
        for who in (person(roles.STAFF, station), person(roles.VIEWERS, station)):
            for language in LANGUAGES:
                client = signed_in(who, language)
                for path in views:
                    client.get(path)

    assert len(renderings) == 2 * len(LANGUAGES) * len(views)


def test_address_with_a_panel_or_a_word_too_many_shows_the_same_rendering(
    station: Station, staff: User, renderings: list[str]
) -> None:
    made, client = booking(station), signed_in(staff)
    for query in ({}, {"booking": f"{made.pk}"}, {"utm": "poster"}):
        assert client.get(week(date=f"{FRIDAY}", **query)).status_code == 200

    assert renderings == ["week"]


@pytest.mark.parametrize("tag", ["{}", "W/{}"])
def test_poll_without_a_change_is_answered_by_304_without_rendering(
    station: Station, staff: User, renderings: list[str], tag: str
) -> None:
    client = signed_in(staff)
    known = client.get(week(), headers=PART).headers["ETag"]
    rendered_calendar.clear()

    answer = client.get(week(), headers=PART | {"If-None-Match": tag.format(known)})

    assert (answer.status_code, renderings) == (304, ["week"])


@pytest.mark.parametrize(
    ("kind", "hours", "is_new"),
    [
        *(("week", hours, False) for hours in (0.9, 4.5, 8.9, 10.9)),
        *(("week", hours, True) for hours in (4, 5, 9, 11)),
        *((kind, 4, kind == "day") for kind in ("day", "month", "agenda", "stations")),
        *((kind, 11, True) for kind in ("day", "month", "agenda", "stations")),
    ],
)
def test_calendar_is_rendered_again_when_a_slot_that_it_shows_begins_or_ends_and_at_midnight(
    station: Station, staff: User, renderings: list[str], kind: str, hours: float, is_new: bool
) -> None:
    """Slots begin at 17 h, and the last ends at 22 h."""
    path = f"/calendar/{kind}/?station=kitchen&date={FRIDAY}"
    with time_machine.travel(NOON + timedelta(hours=hours) - timedelta(minutes=5), tick=False) as clock:
        client = signed_in(staff)
        client.get(path)
        clock.shift(timedelta(minutes=5))
        client.get(path)

    assert len(renderings) == 1 + is_new


def test_clock_put_back_shows_no_rendering_of_later(station: Station, staff: User, renderings: list[str]) -> None:
    with time_machine.travel(NOON + timedelta(hours=4), tick=False) as clock:
        client = signed_in(staff)
        client.get(week())
        clock.shift(-timedelta(minutes=1))
        client.get(week())

    assert len(renderings) == 2


@pytest.mark.postgresql
@pytest.mark.parametrize("moment", ["stations_of", "visible_booking"])
@pytest.mark.parametrize("kind", KINDS)
def test_person_who_loses_the_station_while_they_ask_hides_nothing_from_colleagues(
    station: Station, monkeypatch: pytest.MonkeyPatch, kind: str, moment: str
) -> None:
    """Before the stations, or only the rows, are read by the rights that are left to them."""
    made = booking(station, customer=Contact("Ana García"))
    leaves, stays = (person(roles.STAFF, station) for _n in range(2))
    path = f"/calendar/{kind}/?station=kitchen&date={FRIDAY}&customer={made.customer_id}&booking={made.pk}"
    with nothing_kept(monkeypatch):
        wanted = page_of(signed_in(stays), path, PART)

    def leave(*asked: Any) -> Any:
        if moment == "stations_of":
            User.stations.through.objects.filter(user=leaves).delete()
        found = own(*asked)
        User.stations.through.objects.filter(user=leaves).delete()
        return found

    own = getattr(calendar_url, moment)
    with monkeypatch.context() as patch:
        patch.setattr(calendar_url, moment, leave)
        signed_in(leaves).get(path, headers=PART)

    assert page_of(signed_in(stays), path, PART) == wanted


# --- every page is the one rendered for its reader alone -------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.looks
@pytest.mark.parametrize("kind", KINDS)
def test_every_page_is_the_one_rendered_for_its_reader_alone_whoever_looked_before(
    db: None, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Each of the people, in each language, at each station, day, status and customer, one after the other."""
    with time_machine.travel(NOON, tick=False):
        world = World(monkeypatch)
        for query in ({}, {"station": "hall"}, {"date": "2031-03-08"}, {"status": "confirmed"}, {"customer": ""}):
            for who in range(len(world.people)):
                for language in LANGUAGES[who % 2 :]:
                    world.look(who, language, kind, query, PART)


class World:
    """A station with a customer who has bookings, another one, and people of each group, two of whom hold the same."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        rendered_calendar.clear()  # of an example before, which was undone: stations and counters come again with another meaning
        visible_stations._cached.cache_clear()
        timetable_queries._cached.cache_clear()
        hall = open_station(code="hall", name="Hall", hours=[22, 23], time_zone="America/New_York", country="US")
        kitchen = open_station(code="kitchen", name="Kitchen", hours=(17, 18, 19), guest_capacity=9)
        self.customer = customer(kitchen).pk
        self.bookings = [
            booking(kitchen, slot=time(17), customer_id=self.customer, special_requests="By the window").pk,
            booking(kitchen, SATURDAY, slot=time(18), slots=2, customer=Contact("Bo Li"), total_due_cents=9_900).pk,
            booking(hall, slot=time(22)).pk,
        ]
        staff = [person(roles.STAFF, kitchen) for _n in range(2)]
        both = [person(group, kitchen, hall) for group in (roles.MANAGERS, roles.VIEWERS)]
        self.people = [*staff, person(roles.VIEWERS, kitchen), *both]
        self.clients = [signed_in(user) for user in self.people]

    def look(self, who: int, language: str, kind: str, query: dict[str, str], headers: dict[str, str]) -> None:
        client, asked = self.clients[who], {"station": "kitchen", "date": f"{FRIDAY}", **query}
        if "customer" in asked:
            asked["customer"] = f"{self.customer}"
        path = f"/calendar/{kind}/?" + "&".join(f"{name}={value}" for name, value in asked.items())
        client.cookies[django_settings.LANGUAGE_COOKIE_NAME] = language
        shown = page_of(client, path, headers)
        with nothing_kept(self._monkeypatch):
            alone = page_of(client, path, headers)
        assert shown == alone

    def change(self, what: str, value: Any, clock: time_machine.Traveller) -> None:
        with suppress(DomainError), transaction.atomic():
            getattr(self, f"_{what}")(value, clock)

    def _create(self, slot: int, _clock: object) -> None:
        draft = Draft("kitchen", FRIDAY, time(slot), status=Status.CONFIRMED, customer=Contact("Cem Öz"))
        services.create(draft, by=roles.OPERATOR)

    def _move(self, to: tuple[int, date, int], _clock: object) -> None:
        which, day, slot = to
        services.reschedule(self.bookings[which], to=Place(day, time(slot)), by=roles.OPERATOR)

    def _status(self, to: tuple[int, Status], _clock: object) -> None:
        services.change_status(self.bookings[to[0]], to[1], by=roles.OPERATOR)

    def _requests(self, text: str, _clock: object) -> None:
        services.edit(self.bookings[1], {"special_requests": text}, by=roles.OPERATOR)

    def _rename(self, name: str, _clock: object) -> None:
        customers.edit(self.customer, {"name": name}, by=roles.OPERATOR)

    def _erase(self, _value: None, _clock: object) -> None:
        services.change_status(self.bookings[0], Status.CANCELLED, by=roles.OPERATOR)
        erasure.erase(self.customer, by=roles.OPERATOR)

    def _station(self, fields: dict[str, Any], _clock: object) -> None:
        station = Station.objects.get(code="kitchen")
        with timetable_change(station, by=roles.OPERATOR, displace=True, retime=True):
            Station.objects.filter(pk=station.pk).update(**fields)

    def _close(self, reason: str, _clock: object) -> None:
        station = Station.objects.get(code="kitchen")
        with timetable_change(station, by=roles.OPERATOR, displace=True):
            TimetableException.objects.update_or_create(station=station, date=FRIDAY, defaults={"reason": reason})

    def _join(self, group: tuple[int, str], _clock: object) -> None:
        self.people[group[0]].groups.set([Group.objects.get(name=group[1])])

    def _leave(self, who: int, _clock: object) -> None:
        self.people[who].stations.remove(Station.objects.get(code="hall"))

    def _wait(self, minutes: int, clock: time_machine.Traveller) -> None:
        clock.shift(timedelta(minutes=minutes))


WHO = st.integers(0, 4)
QUERIES = st.fixed_dictionaries(
    {},
    optional={
        "station": st.sampled_from(["kitchen", "hall"]),
        "date": st.sampled_from(["2031-03-06", "2031-03-08", "2031-03-12"]),
        "status": st.sampled_from(["confirmed", "cancelled"]),
        "customer": st.just(""),
    },
)
LOOKS = st.tuples(WHO, st.sampled_from(LANGUAGES), st.sampled_from(KINDS), QUERIES, st.sampled_from([{}, PART]))
SLOTS = st.integers(17, 20)
CHANGES = st.one_of(
    st.tuples(st.just("create"), SLOTS),
    st.tuples(st.just("move"), st.tuples(st.integers(0, 2), st.sampled_from([FRIDAY, SATURDAY]), SLOTS)),
    st.tuples(st.just("status"), st.tuples(st.integers(0, 2), st.sampled_from(list(Status)))),
    st.tuples(st.just("requests"), st.sampled_from(["Nuts", "A <b>cake</b>", ""])),
    st.tuples(st.just("rename"), st.sampled_from(["Ana Ruiz", "%(date)s <here>"])),
    st.tuples(st.just("erase"), st.none()),
    st.tuples(
        st.just("station"),
        st.sampled_from([
            {"name": "Bistro"}, {"first_weekday": 3}, {"currency": "USD", "country": "US"}, {"is_active": False},
            {"time_zone": "America/New_York"},
        ]),
    ),
    st.tuples(st.just("close"), st.sampled_from(["Stocktaking", "Wedding"])),
    st.tuples(st.just("join"), st.tuples(WHO, st.sampled_from([roles.VIEWERS, roles.STAFF, roles.MANAGERS]))),
    st.tuples(st.just("leave"), st.integers(3, 4)),
    st.tuples(st.just("wait"), st.sampled_from([1, 30, 60, 240, 660, -45])),
)  # fmt: skip
PLAYS = st.lists(st.tuples(CHANGES, st.lists(LOOKS, min_size=1, max_size=4)), min_size=2, max_size=6)
QUICK = settings(
    max_examples=example_count(8),
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
LONG = settings(QUICK, max_examples=200)


def play(monkeypatch: pytest.MonkeyPatch, plays: Sequence[tuple[tuple[str, Any], Sequence[Any]]]) -> None:
    """After each change some people look, each at a page of their choice; then all of them look again at what was looked at."""
    with transaction.atomic(), time_machine.travel(NOON, tick=False) as clock:
        world = World(monkeypatch)
        seen: list[Any] = []
        for change, looks in plays:
            for look in (*seen[-2:], *looks):
                world.look(*look)
            world.change(*change, clock)
            seen += looks
            for look in seen[-3:]:
                world.look(*look)
        transaction.set_rollback(True)


@pytest.mark.looks
@QUICK
@given(plays=PLAYS)
def test_every_page_is_the_one_rendered_for_its_reader_alone(
    db: None, monkeypatch: pytest.MonkeyPatch, plays: Any
) -> None:
    play(monkeypatch, plays)


@pytest.mark.long
@LONG
@given(plays=PLAYS)
def test_every_page_is_the_one_rendered_for_its_reader_alone_in_many_plays(
    db: None, monkeypatch: pytest.MonkeyPatch, plays: Any
) -> None:
    play(monkeypatch, plays)
