"""API keys: stations, permissions and expiry that limit them."""

import json
import re
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import pytest
import time_machine
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from accounts import roles
from accounts.auth import api_keys
from accounts.customers import Contact
from accounts.models import ApiKey, AuditEntry, User
from bookings.models import Booking
from core.errors import Invalid
from stations.models import Station
from tests.factories import PASSWORD, UserFactory, booking, open_station, person

PAGE: Final = "/accounts/me/keys/"
NOON: Final = datetime(2031, 3, 1, 12, tzinfo=UTC)
EVERYTHING: Final = (roles.VIEW, roles.PII, roles.CHANGE, roles.EXPORT)


@pytest.fixture
def bar(db: None) -> Station:
    return open_station(code="bar", name="Bar")


@pytest.fixture
def owner(station: Station, bar: Station) -> User:
    return person(roles.INTEGRATORS, station, bar, email="owner@example.com")


def key_of(owner: User, *stations: Station, rights: Any = EVERYTHING, expires_on: date | None = None) -> str:
    _made, text = api_keys.create(name="Shop", stations=stations, rights=rights, expires_on=expires_on, by=owner)
    return text


def call(key: str, address: str = "/api/stations/", method: str = "GET", body: Any = None) -> Any:
    headers = {"Authorization": f"Bearer {key}"}
    sent = json.dumps(body) if body is not None else ""
    return Client().generic(method, address, sent, content_type="application/json", headers=headers)


def told(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json().get("code", "")


REFUSED: Final = (401, "token_invalid")


def browser_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def words(*stations: Station, **said: Any) -> dict[str, Any]:
    chosen = [station.pk for station in stations]
    return {"name": "Web shop", "stations": chosen, "rights": [roles.VIEW], "old": PASSWORD, **said}


def text_in(answer: Any) -> str:
    found = re.findall(r"sb_[\w-]{43}", answer.content.decode())
    return found[0] if found else ""


def test_key_is_shown_once_and_calls_the_api(owner: User, station: Station) -> None:
    browser = browser_of(owner)

    answer = browser.post(PAGE, words(station))

    key = text_in(answer)
    assert (answer.status_code, call(key).status_code) == (200, 200)
    later = browser.get(PAGE)
    assert "Web shop" in later.content.decode()
    assert key not in later.content.decode()
    with connection.cursor() as cursor:
        cursor.execute("SELECT digest FROM accounts_apikey")
        [(digest,)] = cursor.fetchall()
    assert len(bytes(digest)) == 32
    assert key.encode() not in bytes(digest)


def test_key_sees_only_its_stations(owner: User, station: Station, bar: Station) -> None:
    booking(bar)
    key = key_of(owner, station)

    seen = [one["code"] for one in call(key).json()["data"]]
    theirs = Booking.objects.get()

    assert seen == ["kitchen"]
    assert told(call(key, "/api/stations/bar/slots?date_from=2031-03-07&date_to=2031-03-07")) == (404, "not_found")
    assert told(call(key, f"/api/bookings/{theirs.pk}/")) == (404, "not_found")
    assert told(call(key, f"/api/bookings/{theirs.pk}/status/", "POST", {"status": "arrived"})) == (404, "not_found")
    to_the_bar = {"station": "bar", "date": "2031-03-07", "slot": "18:00", "party_adults": 2}
    assert call(key, "/api/bookings/", "POST", to_the_bar).status_code == 404
    assert Booking.objects.count() == 1


def test_key_moves_no_booking_to_a_station_beyond_it(owner: User, station: Station, bar: Station) -> None:
    made = booking(station)
    to = {"date": "2031-03-07", "slot": "19:00", "station": "bar"}

    assert told(call(key_of(owner, station), f"/api/bookings/admin/{made.pk}", "PATCH", to)) == (404, "not_found")
    made.refresh_from_db()
    assert made.station == station


def test_key_has_only_its_rights(owner: User, station: Station) -> None:
    made = booking(station, customer=Contact("Quillon Xanthe", "quill@example.com"))
    key = key_of(owner, station, rights=[roles.VIEW])

    row = call(key, f"/api/bookings/{made.pk}/").json()["data"]

    assert row["customer"]["name"] == "Q. X."
    assert row["customer"]["email"] == ""
    refused = [
        call(key, "/api/customers/search", "POST", {"q": "quill@example.com"}),
        call(key, f"/api/bookings/{made.pk}/", "PATCH", {"party_adults": 3}),
        call(key, f"/api/bookings/admin/{made.pk}", "PATCH", {"date": "2031-03-08", "slot": "19:00"}),
    ]
    assert [told(one) for one in refused] == [(403, "permission_denied")] * 3


def test_key_without_the_right_to_look_sees_nothing(owner: User, station: Station) -> None:
    assert told(call(key_of(owner, station, rights=[roles.EXPORT]))) == (403, "permission_denied")


@pytest.mark.parametrize("lost", ["station", "right", "group"])
def test_key_has_no_more_than_its_person_at_that_moment(owner: User, station: Station, lost: str) -> None:
    made = booking(station)
    key, change = key_of(owner, station), {"party_adults": 3}
    assert call(key, f"/api/bookings/{made.pk}/", "PATCH", change).status_code == 200

    if lost == "station":
        owner.stations.remove(station)
    if lost == "right":
        owner.groups.set([Group.objects.get(name=roles.VIEWERS)])
    if lost == "group":
        owner.groups.clear()

    assert told(call(key, f"/api/bookings/{made.pk}/", "PATCH", change)) == (403, "permission_denied")


def test_key_of_a_superuser_has_its_own_stations_and_rights_only(station: Station, bar: Station) -> None:
    key = key_of(UserFactory(is_superuser=True), bar, rights=[roles.VIEW])

    assert [one["code"] for one in call(key).json()["data"]] == ["bar"]
    assert told(call(key, "/api/customers/search", "POST", {"q": "ana"})) == (403, "permission_denied")


@pytest.mark.parametrize("key", ["sb_", "sb_x", "sb_" + "A" * 43, "sb_" + "x" * 10_000, "sb_é", "sb_\x00"])
def test_unknown_key_is_refused(owner: User, station: Station, key: str) -> None:
    key_of(owner, station)

    assert told(call(key)) == REFUSED


def test_key_opens_no_page(owner: User, station: Station) -> None:
    headers = {"Authorization": f"Bearer {key_of(owner, station)}"}

    assert [Client().get(page, headers=headers).status_code for page in (PAGE, "/calendar/week/", "/admin/")] == [
        302
    ] * 3


def test_revoked_key_is_refused(owner: User, station: Station) -> None:
    key, browser = key_of(owner, station), browser_of(owner)

    answer = browser.post(f"{PAGE}{ApiKey.objects.get().pk}/revoke/")

    assert (answer.status_code, told(call(key))) == (302, REFUSED)
    assert "Revoked." in browser.get(PAGE).content.decode()


def test_key_is_revoked_by_nobody_else(owner: User, station: Station) -> None:
    key, other = key_of(owner, station), person(roles.MANAGERS, station)

    assert browser_of(other).post(f"{PAGE}{ApiKey.objects.get().pk}/revoke/").status_code == 404
    assert call(key).status_code == 200
    assert "Shop" not in browser_of(other).get(PAGE).content.decode()


@pytest.mark.parametrize("day", ["2031-02-28", "1999-12-31", "0001-01-01"])
def test_key_whose_last_day_is_past_is_not_made(owner: User, station: Station, day: str) -> None:
    with time_machine.travel(NOON, tick=False):
        answer = browser_of(owner).post(PAGE, words(station, expires_on=day))
        with pytest.raises(Invalid) as refused:
            key_of(owner, station, expires_on=date.fromisoformat(day))

    sentence = "This day is in the past (UTC). Choose today or a later day."
    assert (answer.status_code, answer.context["form"].errors) == (400, {"expires_on": [sentence]})
    assert refused.value.fields == {"expires_on": [sentence]}
    assert not ApiKey.objects.exists()


@pytest.mark.parametrize(
    ("moment", "status"),
    [("2031-03-08T01:30:00+02:00", 200), ("2031-03-07T23:59:59Z", 200), ("2031-03-08T00:00:00Z", 400)],
)
def test_last_day_of_a_new_key_is_todays_by_utc(owner: User, station: Station, moment: str, status: int) -> None:
    with time_machine.travel(datetime.fromisoformat(moment), tick=False):
        answer = browser_of(owner).post(PAGE, words(station, expires_on="2031-03-07"))

    assert answer.status_code == status


def test_key_ends_after_its_last_day(owner: User, station: Station) -> None:
    key = key_of(owner, station, expires_on=NOON.date())
    with time_machine.travel(NOON, tick=False) as clock:
        assert call(key).status_code == 200
        clock.shift(timedelta(hours=12))
        assert told(call(key)) == REFUSED


def deactivated(owner: User) -> None:
    User.objects.filter(pk=owner.pk).update(is_active=False)


def ended(owner: User) -> None:
    browser_of(owner).post("/accounts/me/end/")


@pytest.mark.parametrize("become", [deactivated, ended, User.delete])
def test_key_ends_with_its_person(owner: User, station: Station, become: Any) -> None:
    key = key_of(owner, station)

    become(owner)

    assert told(call(key)) == REFUSED


def test_key_of_somebody_without_a_demanded_factor_is_refused(
    owner: User, station: Station, settings: Settings
) -> None:
    key = key_of(owner, station)
    settings.SECOND_FACTOR_GROUPS = [roles.INTEGRATORS]

    assert told(call(key)) == REFUSED


def test_last_use_is_noted_at_most_once_a_minute(owner: User, station: Station) -> None:
    key, noted = key_of(owner, station), []
    with time_machine.travel(NOON, tick=False) as clock:
        for seconds in (0, 59, 1, 30):
            clock.shift(timedelta(seconds=seconds))
            call(key)
            last = ApiKey.objects.get().last_used_at
            assert last
            noted.append((last - NOON).total_seconds())

    assert noted == [0, 0, 60, 60]
    assert "last used" in browser_of(owner).get(PAGE).content.decode()


def test_key_costs_two_queries_while_its_use_is_noted_already(owner: User, station: Station) -> None:
    key = key_of(owner, station)
    api_keys.authenticate(key)

    with CaptureQueriesContext(connection) as asked:
        found = api_keys.authenticate(key)

    assert (found, len(asked)) == (owner, 2)


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"old": "wrong"}, "old"),
        ({"name": ""}, "name"),
        ({"rights": [roles.MANAGE]}, "rights"),
        ({"rights": [roles.PEOPLE, roles.VIEW]}, "rights"),
        ({"rights": []}, "rights"),
        ({"stations": []}, "stations"),
        ({"stations": ["9" * 30]}, "stations"),
        ({"expires_on": "tomorrow"}, "expires_on"),
    ],
)
def test_page_makes_no_key_that_is_not_whole(owner: User, station: Station, said: dict[str, Any], field: str) -> None:
    answer = browser_of(owner).post(PAGE, words(station, **said))

    assert (answer.status_code, list(answer.context["form"].errors), text_in(answer)) == (400, [field], "")
    assert not ApiKey.objects.exists()


def test_page_offers_and_takes_only_what_the_person_has(station: Station, bar: Station) -> None:
    viewer = person(roles.VIEWERS, station)
    page = browser_of(viewer).get(PAGE).content.decode()

    answer = browser_of(viewer).post(PAGE, words(station, bar, rights=[roles.VIEW, roles.PII]))

    assert "Bar" not in page
    assert "personal data" not in page
    assert (answer.status_code, set(answer.context["form"].errors)) == (400, {"stations", "rights"})


def test_keys_are_for_those_who_may_use_the_api(station: Station) -> None:
    assert browser_of(UserFactory()).get(PAGE).status_code == 403


def test_making_using_and_revoking_are_recorded(owner: User, station: Station) -> None:
    browser, made = browser_of(owner), booking(station)
    key = text_in(browser.post(PAGE, words(station, rights=[roles.VIEW, roles.CHANGE])))
    call(key, f"/api/bookings/{made.pk}/", "PATCH", {"party_adults": 3})
    browser.post(f"{PAGE}{ApiKey.objects.get().pk}/revoke/")

    of_keys = AuditEntry.objects.filter(content_type__model="apikey").order_by("id")
    create, delete = AuditEntry.Action.CREATE, AuditEntry.Action.DELETE
    assert [entry.action for entry in of_keys if entry.action in (create, delete)] == [create, delete]
    assert {(entry.actor, entry.channel) for entry in of_keys} == {(owner, "page")}
    assert key not in str(list(AuditEntry.objects.values_list("changes", "object_repr")))
    assert (AuditEntry.objects.get(event="edited").actor, AuditEntry.objects.get(event="edited").channel) == (
        owner,
        "key",
    )
