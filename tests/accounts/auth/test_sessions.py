"""Sessions end when unused, after their lifetime, and all at once with tokens and feeds."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
import time_machine
from django.test import Client
from pytest_django import Settings

from accounts import roles
from accounts.auth import authentication
from accounts.models import AuditEntry, Session, User
from stations.models import Station
from tests.factories import PASSWORD, UserFactory, person

MORNING: Final = datetime(2031, 3, 7, 8, tzinfo=UTC)
WEEK: Final = "/calendar/week/?station=kitchen"
ANOTHER: Final = "seven quiet green horses"


@pytest.fixture
def clock(db: None, settings: Any) -> Any:
    """Under which a session that nobody uses ends after half an hour."""
    settings.SESSION_IDLE_SECONDS = 30 * 60
    with time_machine.travel(MORNING, tick=False) as clock:
        yield clock


def signed_in(user: User, password: str = PASSWORD) -> Client:
    client = Client()
    answer = client.post("/accounts/login/", {"email": user.email, "password": password})
    assert answer.status_code == 302
    return client


def is_in(client: Client) -> bool:
    return client.get(WEEK).status_code == 200


def token(user: User) -> str:
    return str(authentication.issue_tokens(user)["access"])


def calls(access: str) -> int:
    return Client().get("/api/stations/", headers={"Authorization": f"Bearer {access}"}).status_code


def feed_of(client: Client) -> str:
    found = re.search(r"/feeds/[\w-]{43}\.ics", client.post("/feeds/", {}).content.decode())
    assert found
    return found[0]


def changed(client: Client, old: str = PASSWORD, new: str = ANOTHER, again: str = ANOTHER) -> Any:
    return client.post("/accounts/me/password/", {"old": old, "new": new, "again": again})


def test_session_ends_after_half_an_hour_without_use(staff: User, clock: Any) -> None:
    browser = signed_in(staff)
    clock.shift(timedelta(minutes=29))
    assert is_in(browser)
    clock.shift(timedelta(minutes=29))
    assert is_in(browser)

    clock.shift(timedelta(minutes=30))

    assert browser.get(WEEK).headers["Location"].startswith("/accounts/login/?next=/calendar/week/")
    assert not Session.objects.exists()


def test_session_ends_with_its_day_however_busy(staff: User, clock: Any) -> None:
    browser = signed_in(staff)
    for _time in range(35):
        clock.shift(timedelta(minutes=20))
        assert is_in(browser)

    clock.shift(timedelta(minutes=20))

    assert not is_in(browser)


def test_signing_in_again_begins_a_new_day(staff: User, clock: Any) -> None:
    browser = signed_in(staff)
    for _time in range(30):
        clock.shift(timedelta(minutes=20))
        browser.get(WEEK)
    browser.post("/accounts/login/", {"email": staff.email, "password": PASSWORD})
    for _time in range(10):
        clock.shift(timedelta(minutes=20))
        assert is_in(browser)


def test_calendar_that_asks_by_itself_keeps_nobody_in(staff: User, clock: Any) -> None:
    browser = signed_in(staff)
    for _time in range(29):
        clock.shift(timedelta(minutes=1))
        assert browser.get(WEEK, headers={"X-Part": "calendar"}).status_code == 200

    clock.shift(timedelta(minutes=1))

    assert browser.get(WEEK, headers={"X-Part": "calendar"}).status_code == 401


def test_session_is_written_at_most_once_a_minute(staff: User, clock: Any, django_assert_num_queries: Any) -> None:
    browser = signed_in(staff)
    kept = [Session.objects.get().last_seen_at]
    for seconds in (59, 1, 59, 1):
        clock.shift(timedelta(seconds=seconds))
        browser.get("/accounts/me/")
        kept.append(Session.objects.get().last_seen_at)

    times = [(seen - kept[0]).total_seconds() for seen in kept]
    assert times == [0, 0, 60, 60, 120]


def test_session_lasts_as_the_operator_says(staff: User, clock: Any, settings: Settings) -> None:
    settings.SESSION_IDLE_SECONDS = 60
    browser = signed_in(staff)
    clock.shift(timedelta(seconds=60))

    assert not is_in(browser)


def test_cookie_of_an_ended_session_is_good_for_nothing_later(staff: User, clock: Any) -> None:
    browser = signed_in(staff)
    stolen = Client()
    stolen.cookies["stationbook_session"] = browser.cookies["stationbook_session"].value
    assert is_in(stolen)
    clock.shift(timedelta(minutes=30))
    assert not is_in(browser)

    clock.move_to(MORNING + timedelta(minutes=1))

    assert not is_in(stolen)


def test_ending_everything_ends_sessions_tokens_and_feeds_of_that_person_alone(staff: User, station: Station) -> None:
    here, elsewhere = signed_in(staff), signed_in(staff)
    tokens, feed = authentication.issue_tokens(staff), feed_of(elsewhere)
    other = person(roles.STAFF, station)
    colleague, theirs = signed_in(other), token(other)

    answer = here.post("/accounts/me/end/")

    assert answer.headers["Location"] == "/accounts/login/"
    assert [is_in(here), is_in(elsewhere), calls(tokens["access"])] == [False, False, 401]
    again = Client().post("/api/auth/refresh", {"refresh": tokens["refresh"]}, content_type="application/json")
    assert (again.status_code, json.loads(again.content)["code"]) == (401, "token_invalid")
    assert Client().get(feed).status_code == 404
    assert (is_in(colleague), calls(theirs)) == (True, 200)
    entry = AuditEntry.objects.get(event="ended")
    assert (entry.actor, entry.object_pk, entry.channel) == (staff, str(staff.pk), "page")


def test_whoever_ended_everything_begins_anew(staff: User) -> None:
    feed_of(signed_in(staff))
    signed_in(staff).post("/accounts/me/end/")

    browser = signed_in(staff)

    page = browser.get("/feeds/").content.decode()
    assert "Your feeds" not in page
    assert Client().get(feed_of(browser)).status_code == 200
    staff.refresh_from_db()
    assert calls(token(staff)) == 200


def test_new_password_ends_every_other_session_and_every_token(staff: User) -> None:
    here, elsewhere, access = signed_in(staff), signed_in(staff), token(staff)
    feed, before = feed_of(here), here.cookies["stationbook_session"].value

    answer = changed(here)

    assert answer.headers["Location"] == "/accounts/me/"
    assert "Your password has been changed." in here.get("/accounts/me/").content.decode()
    assert [is_in(here), is_in(elsewhere), calls(access)] == [True, False, 401]
    assert here.cookies["stationbook_session"].value != before
    assert Client().get(feed).status_code == 200
    assert is_in(signed_in(staff, ANOTHER))
    entry = AuditEntry.objects.get(event="password")
    assert (entry.actor, entry.object_pk, entry.channel) == (staff, str(staff.pk), "page")
    assert entry.changes == {"password": ["•••", "•••"]}


@pytest.mark.parametrize(
    ("words", "field", "sentence"),
    [
        ({"old": "wrong"}, "old", "Wrong password. Try again."),
        ({"again": "something else"}, "again", "The passwords do not match. Enter both again."),
        (
            {"new": "12345678901", "again": "12345678901"},
            "new",
            "This password is too short. It must contain at least 12 characters.",
        ),
        ({"new": "qwertyuiop123", "again": "qwertyuiop123"}, "new", "This password is too common."),
        ({"new": "", "again": ""}, "new", "This field is required."),
    ],
)
def test_password_that_is_refused_changes_nothing(
    staff: User, words: dict[str, str], field: str, sentence: str
) -> None:
    browser, elsewhere = signed_in(staff), signed_in(staff)

    answer = changed(browser, **words)

    assert answer.status_code == 400
    assert answer.context["form"].errors[field][0] == sentence
    assert is_in(elsewhere)
    assert not AuditEntry.objects.filter(event="password").exists()


def test_old_password_cannot_be_guessed_by_whoever_finds_an_open_browser(staff: User, settings: Settings) -> None:
    settings.LOGIN_RATE_LIMIT = "3/day"
    browser = signed_in(staff)
    assert [changed(browser, "wrong").status_code for _time in range(3)] == [400, 400, 400]

    refused = changed(browser)

    assert (refused.status_code, int(refused.headers["Retry-After"]) > 0) == (429, True)
    staff.refresh_from_db()
    assert staff.check_password(PASSWORD)


def test_account_page_shows_the_password_that_was_typed_to_nobody(staff: User) -> None:
    assert ANOTHER not in changed(signed_in(staff), "wrong").content.decode()


def test_deactivation_ends_everything_for_good(admin_of: Client, staff: User) -> None:
    browser, access, feed = signed_in(staff), token(staff), feed_of(signed_in(staff))
    change = f"/admin/accounts/user/{staff.pk}/change/"
    words = {"email": staff.email, "name": "", "groups": [*staff.groups.values_list("pk", flat=True)]}
    words["stations"] = [*staff.stations.values_list("pk", flat=True)]

    assert admin_of.post(change, words).status_code == 302
    assert [is_in(browser), calls(access), Client().get(feed).status_code] == [False, 401, 404]
    assert admin_of.post(change, {**words, "is_active": "on"}).status_code == 302

    assert [is_in(browser), calls(access), Client().get(feed).status_code] == [False, 401, 404]
    assert is_in(signed_in(staff))


@pytest.fixture
def admin_of(station: Station) -> Client:
    """The browser of a manager of the kitchen."""
    client = Client()
    client.force_login(person(roles.MANAGERS, station, email="manager@example.com"))
    return client


def test_change_of_a_person_in_the_admin_leaves_them_signed_in(admin_of: Client, staff: User) -> None:
    browser, access = signed_in(staff), token(staff)
    words = {"email": staff.email, "name": "Sam", "is_active": "on", "groups": [staff.groups.get().pk]}

    admin_of.post(f"/admin/accounts/user/{staff.pk}/change/", {**words, "stations": [staff.stations.get().pk]})

    staff.refresh_from_db()
    assert (staff.name, is_in(browser), calls(access)) == ("Sam", True, 200)


def end_by_the_admin(client: Client, other: User) -> Any:
    said = {"action": "revoke_access", "_selected_action": [str(other.pk)]}
    return client.post("/admin/accounts/user/", said, follow=True)


def test_manager_ends_everything_of_somebody_of_theirs(admin_of: Client, staff: User) -> None:
    browser, access = signed_in(staff), token(staff)

    answer = end_by_the_admin(admin_of, staff)

    assert f"Signed out everywhere: {staff.email}." in answer.content.decode()
    assert (is_in(browser), calls(access)) == (False, 401)
    entry = AuditEntry.objects.get(event="ended")
    assert (entry.actor_email, entry.object_pk, entry.channel) == ("manager@example.com", str(staff.pk), "admin")


def test_manager_ends_nothing_of_somebody_with_more(admin_of: Client, station: Station) -> None:
    root = UserFactory(is_superuser=True)
    root.stations.add(station)
    browser = signed_in(root)

    answer = end_by_the_admin(admin_of, root)

    assert "they have more permissions than you." in answer.content.decode()
    assert is_in(browser)


def test_no_manager_chooses_a_password(admin_of: Client, staff: User) -> None:
    browser, access = signed_in(staff), token(staff)
    words = {"usable_password": "true", "password1": ANOTHER, "password2": ANOTHER}

    answer = admin_of.post(f"/admin/accounts/user/{staff.pk}/password/", words)

    assert (answer.status_code, is_in(browser), calls(access)) == (403, True, 200)
    assert is_in(signed_in(staff, PASSWORD))
    assert not AuditEntry.objects.filter(event="password").exists()


def test_link_of_a_manager_ends_what_was_before_when_it_is_used(admin_of: Client, staff: User) -> None:
    browser, access = signed_in(staff), token(staff)
    page = admin_of.post(f"/admin/accounts/user/{staff.pk}/password-link/").content.decode()
    found = re.search(r"http://testserver(/accounts/new-password/[^<]+)<", page)
    assert found
    before = (is_in(browser), calls(access))

    answer = Client().post(found[1], {"new": ANOTHER, "again": ANOTHER})

    assert (before, answer.status_code, is_in(browser), calls(access)) == ((True, 200), 200, False, 401)
    assert is_in(signed_in(staff, ANOTHER))
    entries = AuditEntry.objects.filter(event__in=["password_link", "password"]).order_by("pk")
    assert [(entry.event, entry.actor_email) for entry in entries] == [
        ("password_link", "manager@example.com"),
        ("password", staff.email),
    ]


def test_admin_sends_people_to_their_own_page_for_a_password(admin_of: Client) -> None:
    assert admin_of.get("/admin/password_change/").headers["Location"] == "/accounts/me/"
