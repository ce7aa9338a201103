"""Every rate limit from outside: what is counted together, what separately, and the responses."""

import json
import re
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
import time_machine
from django.conf import settings as product
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from accounts import roles
from accounts.auth import api_keys, authentication, rate_limit_counters, two_factor
from accounts.auth.rate_limits import Rate, Reservations, TooManyFailures, login_attempt
from accounts.models import Authenticator, User
from bookings.icalendar import feeds
from stations.models import Station
from tests.authenticator import code_of
from tests.factories import PASSWORD, booking, person

pytestmark = pytest.mark.django_db

NOON: Final = datetime(2031, 3, 7, 12, tzinfo=UTC)
WEEK: Final = "/calendar/week/?station=kitchen"
HOUR_SECONDS: Final = 3600
ASVS_FAILURES_AN_HOUR: Final = 100
"""OWASP ASVS 4.0.3, 2.2.1: no more are possible on one account."""


@pytest.fixture
def clock(db: None) -> Iterator[time_machine.Traveller]:
    rate_limit_counters.delete_expired(before=(NOON + timedelta(days=30)).timestamp())
    with time_machine.travel(NOON, tick=False) as clock:
        yield clock


def browser_of(user: User, **headers: str) -> Client:
    client = Client(headers=headers)
    client.force_login(user)
    return client


def log_in(user: User, password: str = PASSWORD, code: str = "") -> Any:
    return Client().post("/accounts/login/", {"email": user.email, "password": password, "code": code})


def refused(answer: Any) -> tuple[int, bool]:
    """The status, and whether it says for how many seconds, in its header and to the person."""
    wait = answer.headers.get("Retry-After", "")
    return answer.status_code, wait.isdigit() and f"{wait} seconds" in answer.content.decode()


# --- failed sign-ins -------------------------------------------------------------------------------------------------


def failures(clock: time_machine.Traveller, hours: int, every_seconds: int) -> list[float]:
    """When a password was looked at, if somebody never stops trying one account, each time from another address."""
    looked: list[float] = []
    for number in range(hours * HOUR_SECONDS // every_seconds):
        try:
            with login_attempt("ana@example.com", f"2001:db8:{number:x}::1"):
                looked.append(number * every_seconds)
        except TooManyFailures:
            pass
        clock.shift(timedelta(seconds=every_seconds))
    return looked


@pytest.mark.parametrize("minutes_past", [0, 31, 59])
def test_account_takes_a_hundred_failures_in_any_hour_at_most(clock: time_machine.Traveller, minutes_past: int) -> None:
    clock.shift(timedelta(minutes=minutes_past))
    recent: deque[float] = deque()
    most = 0
    for moment in failures(clock, hours=3, every_seconds=6):
        recent.append(moment)
        while recent[0] <= moment - HOUR_SECONDS:
            recent.popleft()
        most = max(most, len(recent))

    assert 50 <= most <= ASVS_FAILURES_AN_HOUR


def test_waits_between_failures_grow(clock: time_machine.Traveller) -> None:
    moments = failures(clock, hours=1, every_seconds=2)

    each_minute = [sum(1 for moment in moments if moment // 60 == minute) for minute in range(60)]
    assert each_minute == [10, 5, 5, *[2] * 5, *[1] * 20, *[0] * 32]


def test_wait_after_too_many_failures_in_an_hour_is_until_its_end(
    clock: time_machine.Traveller, settings: Settings
) -> None:
    settings.LOGIN_ACCOUNT_RATE_LIMIT = "3/hour"
    for _try in range(3):
        with login_attempt("ana@example.com", None):
            clock.shift(timedelta(minutes=5))

    with pytest.raises(TooManyFailures) as refusal, login_attempt("ana@example.com", None):
        pass
    assert refusal.value.wait == 45 * 60


def test_failures_of_an_hour_count_at_every_door(
    staff: User, clock: time_machine.Traveller, settings: Settings
) -> None:
    settings.LOGIN_ACCOUNT_RATE_LIMIT = "3/hour"
    for _minute in range(3):
        assert log_in(staff, "wrong").status_code == 400
        clock.shift(timedelta(minutes=1))

    by_api = Client().post(
        "/api/auth/login", {"email": staff.email, "password": PASSWORD}, content_type="application/json"
    )
    assert refused(log_in(staff)) == (429, True)
    assert (by_api.status_code, by_api.json()["code"], by_api["Retry-After"]) == (429, "throttled", str(57 * 60))
    clock.shift(timedelta(minutes=57))
    assert log_in(staff).status_code == 302


def test_failures_of_one_account_leave_others_alone(clock: time_machine.Traveller, settings: Settings) -> None:
    settings.LOGIN_ACCOUNT_RATE_LIMIT = "3/hour"
    failures(clock, hours=1, every_seconds=600)

    with login_attempt("bob@example.com", "2001:db8::1") as attempt:
        attempt.succeeded = True


# --- codes after a right password ------------------------------------------------------------------------------------


@pytest.fixture
def secret(staff: User, clock: time_machine.Traveller) -> str:
    secret = two_factor.start_enrolment(staff)
    two_factor.confirm(staff, code_of(secret))
    clock.shift(timedelta(minutes=5))
    return secret


def grind(user: User, clock: time_machine.Traveller, tries: int) -> list[int]:
    """Statuses of so many wrong codes with the right password, slowly enough for every other limit."""
    found = []
    for _try in range(tries):
        found.append(log_in(user, code="123456").status_code)
        clock.shift(timedelta(minutes=10))
    return found


def test_codes_cannot_be_ground_through_over_hours(staff: User, secret: str, clock: time_machine.Traveller) -> None:
    assert grind(staff, clock, 40) == [400] * 40
    assert refused(log_in(staff, code=code_of(secret))) == (429, True)

    clock.shift(timedelta(days=1))
    assert log_in(staff, code=code_of(secret)).status_code == 302


def test_ground_codes_tell_nobody_that_the_password_is_right(
    staff: User, secret: str, clock: time_machine.Traveller, caplog: pytest.LogCaptureFixture
) -> None:
    grind(staff, clock, 12)

    right, wrong = log_in(staff, code="123456"), log_in(staff, "wrong", "123456")

    shown = [
        re.sub(r"(csrfmiddlewaretoken|form_key|nonce)\S+ ?\S+", "", one.content.decode()) for one in (right, wrong)
    ]
    assert (right.status_code, wrong.status_code, shown[0] == shown[1]) == (400, 400, True)
    assert f"Too many wrong codes for user {staff.pk}, each with the right password." in caplog.text


def test_recovery_codes_count_as_codes_do(staff: User, secret: str, clock: time_machine.Traveller) -> None:
    codes = two_factor.renew_recovery_codes(staff)
    grind(staff, clock, 10)

    assert log_in(staff, code=codes[0]).status_code == 429
    clock.shift(timedelta(days=1))
    assert log_in(staff, code=codes[0]).status_code == 302


def test_right_codes_and_missing_ones_are_no_wrong_codes(
    staff: User, secret: str, clock: time_machine.Traveller, settings: Settings
) -> None:
    settings.CODE_RATE_LIMIT = "2/day"
    statuses = []
    for code in (None, "", "123456", None, "", None, "123456", None):
        statuses.append(log_in(staff, code=code_of(secret) if code is None else code).status_code)
        clock.shift(timedelta(minutes=10))

    assert statuses == [302, 400, 400, 302, 400, 302, 400, 429]


def test_new_password_begins_with_no_wrong_codes(staff: User, secret: str, clock: time_machine.Traveller) -> None:
    grind(staff, clock, 12)
    staff.refresh_from_db()
    staff.set_password("another password altogether")
    staff.save()

    assert log_in(staff, "another password altogether", code_of(secret)).status_code == 302


def test_codes_of_one_person_leave_anothers_alone(
    staff: User, secret: str, station: Station, clock: time_machine.Traveller
) -> None:
    other = person(roles.STAFF, station)
    Authenticator.objects.create(user=other, secret=secret)
    grind(other, clock, 12)

    assert log_in(staff, code=code_of(secret)).status_code == 302


# --- pages -----------------------------------------------------------------------------------------------------------


def test_pages_of_a_person_are_limited_over_all_their_sessions(staff: User, settings: Settings) -> None:
    settings.PAGE_RATE_LIMIT = "3/day"
    here, there = browser_of(staff), browser_of(staff)

    statuses = [browser.get(WEEK).status_code for browser in (here, there, here)]

    assert statuses == [200] * 3
    assert refused(there.get("/accounts/me/")) == (429, True)
    assert refused(here.get(WEEK)) == (429, True)


def test_admin_counts_as_pages_do(station: Station, settings: Settings) -> None:
    settings.PAGE_RATE_LIMIT = "2/day"
    manager = browser_of(person(roles.MANAGERS, station))

    assert [manager.get("/admin/").status_code for _time in range(2)] == [200] * 2
    assert refused(manager.get("/admin/bookings/booking/")) == (429, True)


def test_page_over_the_limit_changes_nothing(staff: User, station: Station, settings: Settings) -> None:
    settings.PAGE_RATE_LIMIT = "1/day"
    made, browser = booking(station), browser_of(staff)
    browser.get(WEEK)

    answer = browser.post(f"/bookings/{made.pk}/step/", {"status": "arrived", "version": "1"})

    made.refresh_from_db()
    assert (refused(answer), made.status) == ((429, True), "confirmed")


def test_script_of_a_page_over_the_limit_is_answered_in_json(staff: User, settings: Settings) -> None:
    settings.PAGE_RATE_LIMIT = "1/day"
    browser = browser_of(staff)
    browser.get(WEEK)

    answer = browser.get(WEEK, headers={"Accept": "application/json"})

    wait = answer["Retry-After"]
    assert (answer.status_code, answer.json()) == (
        429,
        {
            "success": False,
            "error": f"Too many requests. Try again in {wait} seconds.",
            "code": "throttled",
            "request_id": answer["X-Request-Id"],
        },
    )


def test_page_over_the_limit_costs_its_session_and_no_more(staff: User, settings: Settings) -> None:
    settings.PAGE_RATE_LIMIT = "1/day"
    browser = browser_of(staff)
    browser.get(WEEK)

    with CaptureQueriesContext(connection) as asked:
        browser.get(WEEK)

    tables = {found[1] for query in asked if (found := re.search(r'(?:FROM|INTO) "?(\w+)', query["sql"]))}
    assert tables - {rate_limit_counters.TABLE} == {"accounts_session"}


def test_pages_leave_the_api_the_exit_and_other_people_alone(staff: User, station: Station, settings: Settings) -> None:
    settings.PAGE_RATE_LIMIT = "1/day"
    browser, other = browser_of(staff), browser_of(person(roles.STAFF, station))
    browser.get(WEEK)

    assert browser.get(WEEK).status_code == 429
    assert browser.get("/api/stations/").status_code == 200
    assert other.get(WEEK).status_code == 200
    assert Client().get("/accounts/login/").status_code == 200
    assert browser.post("/accounts/logout/").status_code == 302


def test_page_is_counted_without_a_write_each_time(staff: User, settings: Settings) -> None:
    settings.PAGE_RATE_LIMIT = "600/day"
    rate, key = Rate(600, 86400), "page:somebody"
    reservations, shared = Reservations(), rate.window()

    counted = []
    for _page in range(25):
        assert reservations.count(rate, key) == 0
        counted.append(shared.add(key, 0))

    assert counted == [12] * 12 + [24] * 12 + [36]


def test_page_over_the_limit_is_refused_without_asking_again(settings: Settings) -> None:
    rate, reservations = Rate(100, 86400), Reservations()
    passed = sum(reservations.count(rate, "page:somebody") == 0 for _page in range(200))
    counted = rate.window().add("page:somebody", 0)

    waits = [reservations.count(rate, "page:somebody") for _page in range(50)]

    assert (passed, min(waits) > 0, rate.window().add("page:somebody", 0)) == (100, True, counted)


@pytest.mark.parametrize("limit", [1, 7, 50, 99, 120, 601])
def test_processes_that_reserve_pass_no_more_than_the_limit_together(limit: int) -> None:
    rate, processes = Rate(limit, 86400), [Reservations() for _process in range(4)]

    passed = sum(processes[number % 4].count(rate, "page:somebody") == 0 for number in range(2 * limit + 10))

    assert passed == limit


# --- API keys, feeds, searches, forgotten passwords ------------------------------------------------------------------


def key_of(owner: User, station: Station) -> str:
    return api_keys.create(name="Shop", stations=[station], rights=[roles.VIEW], expires_on=None, by=owner)[1]


def test_each_api_key_has_a_limit_of_its_own(station: Station, settings: Settings) -> None:
    settings.RATE_LIMIT = "2/day"
    owner = person(roles.INTEGRATORS, station)
    access = authentication.issue_tokens(owner)["access"]
    first, second = key_of(owner, station), key_of(owner, station)

    def call(token: str) -> int:
        return Client().get("/api/stations/", headers={"Authorization": f"Bearer {token}"}).status_code

    assert [call(token) for token in (first, first, first)] == [200, 200, 429]
    assert [call(token) for token in (second, second, second)] == [200, 200, 429]
    assert [call(token) for token in (access, access, access)] == [200, 200, 429]


def test_feeds_of_a_person_are_limited_together(staff: User, station: Station, settings: Settings) -> None:
    settings.FEED_RATE_LIMIT, settings.ALL_FEEDS_RATE_LIMIT = "2/day", "3/day"
    mine = [f"/feeds/{feeds.create(station=station, details=False, by=staff)[1]}.ics" for _feed in range(3)]
    other = person(roles.STAFF, station)
    theirs = f"/feeds/{feeds.create(station=station, details=False, by=other)[1]}.ics"

    statuses = [Client().get(mine[number]).status_code for number in (0, 0, 0, 1, 2)]

    assert statuses == [200, 200, 429, 200, 429]
    assert Client().get(mine[2])["Retry-After"].isdigit()
    assert Client().get(theirs).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "accounts/customer/", "bookings/booking/", "bookings/mail/", "accounts/user/", "accounts/auditentry/",
        "stations/station/", "accounts/customer/?_popup=1&",
    ],
)  # fmt: skip
def test_search_boxes_of_the_admin_are_searches(station: Station, settings: Settings, path: str) -> None:
    settings.SEARCH_RATE_LIMIT = "2/day"
    manager = browser_of(person(roles.MANAGERS, station))
    address = f"/admin/{path}{'' if '?' in path else '?'}q="

    assert [manager.get(f"{address}gar").status_code for _time in range(2)] == [200] * 2
    assert refused(manager.get(f"{address}gar")) == (429, True)
    assert refused(manager.post(f"{address}gar", {"action": "export"})) == (429, True)
    assert manager.get(address).status_code == 200
    assert manager.post("/calendar/search/", {"q": "garcia"}).status_code == 429


def test_searches_of_pages_count_in_the_admin_too(station: Station, settings: Settings) -> None:
    settings.SEARCH_RATE_LIMIT = "1/day"
    manager = browser_of(person(roles.MANAGERS, station))
    manager.post("/calendar/search/", {"q": "garcia"})

    assert manager.get("/admin/accounts/customer/?q=garcia").status_code == 429


def test_forgotten_passwords_have_settings(settings: Settings) -> None:
    settings.MAIL_SERVER, settings.PUBLIC_URL = {"EMAIL_HOST": "mail.example.com"}, "https://book.example.com"
    settings.RESET_ADDRESS_RATE_LIMIT = "2/day"

    statuses = [Client().post("/accounts/forgotten/", {"email": "ana@example.com"}).status_code for _time in range(3)]

    assert statuses == [200, 200, 429]


# --- all of them -----------------------------------------------------------------------------------------------------


def declared() -> dict[str, str]:
    """Each limit of the settings, with its default."""
    text = (Path(product.BASE_DIR) / "config/settings.py").read_text()
    return dict(re.findall(r'^\w+ = rate_limit\("(\w+)", "([^"]+)"\)$', text, re.MULTILINE))


def test_every_limit_stands_in_the_documents_with_its_default() -> None:
    root = Path(product.BASE_DIR)
    table = re.findall(
        r"^\| `(\w+RATE_LIMIT|RATE_LIMIT)` \| `([^`]+)` \|", (root / "docs/security.md").read_text(), re.M
    )
    example = re.findall(r"^#(\w*RATE_LIMIT)=(\S+)$", (root / ".env.example").read_text(), re.MULTILINE)

    assert len(declared()) == 11
    assert dict(table) == dict(example) == declared()


def test_no_limit_is_written_anywhere_else() -> None:
    rates = re.compile(r"""["']\d+/(?:second|minute|hour|day)["']""")
    files = [
        path
        for app in ("accounts", "bookings", "core", "stations")
        for path in (Path(product.BASE_DIR) / app).rglob("*.py")
    ]

    assert [path.name for path in files if rates.search(path.read_text())] == []


def test_429_of_the_api_keeps_its_envelope(staff: User, settings: Settings) -> None:
    settings.RATE_LIMIT = "1/day"
    browser = browser_of(staff)
    browser.get("/api/stations/")

    answer = browser.get("/api/stations/")

    body = json.loads(answer.content)
    assert (answer.status_code, sorted(body), body["code"]) == (
        429,
        ["code", "error", "request_id", "success"],
        "throttled",
    )
