"""Two-factor authentication against someone who knows the password: no code, old codes, others' codes, too many codes."""

import html
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
import time_machine
from django.contrib.auth.hashers import MD5PasswordHasher
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from accounts import roles
from accounts.auth import authentication, rate_limit_counters, two_factor
from accounts.models import AuditEntry, Authenticator, RecoveryCode, User
from stations.models import Station
from tests.authenticator import code_of
from tests.factories import PASSWORD, UserFactory, person

NOON: Final = datetime(2031, 3, 7, 12, tzinfo=UTC)
FACTOR: Final = "/accounts/me/factor/"
WEEK: Final = "/calendar/week/?station=kitchen"


@pytest.fixture(autouse=True)
def clock(db: None) -> Iterator[time_machine.Traveller]:
    """Noon, for whoever asks; and no failure of an earlier test is counted there."""
    rate_limit_counters.delete_expired(before=(NOON + timedelta(days=2)).timestamp())
    with time_machine.travel(NOON, tick=False) as clock:
        yield clock


def log_in(user: User, code: str = "", password: str = PASSWORD, client: Client | None = None) -> Any:
    words = {"email": user.email, "password": password, "code": code}
    return (client or Client()).post("/accounts/login/", words)


def log_in_to_the_api(user: User, **words: str) -> Any:
    body = {"email": user.email, "password": PASSWORD, **words}
    return Client().post("/api/auth/login", json.dumps(body), content_type="application/json")


def browser_of(user: User, code: str = "") -> Client:
    client = Client()
    assert log_in(user, code, client=client).status_code == 302
    return client


def set_up(user: User, clock: time_machine.Traveller) -> tuple[str, list[str]]:
    """By the page, a minute ago. The app's secret, and the recovery codes."""
    browser = browser_of(user)
    secret = secret_in(browser.post(f"{FACTOR}app/"))
    answer = browser.post(f"{FACTOR}confirm/", {"code": code_of(secret), "old": PASSWORD})
    clock.shift(timedelta(minutes=1))
    return secret, codes_in(answer)


def secret_in(answer: Any) -> str:
    found = re.search(r"<code[^>]*>([A-Z2-7]{32})</code>", answer.content.decode())
    assert found
    return found[1]


def codes_in(answer: Any) -> list[str]:
    return re.findall(r"<li><code>((?:[A-Z2-7]{4}-){3}[A-Z2-7]{4})</code></li>", answer.content.decode())


def statuses(user: User, *codes: str) -> list[int]:
    return [log_in(user, code).status_code for code in codes]


@pytest.mark.parametrize(("moment", "code"), [(59, "287082"), (1111111109, "081804"), (20000000000, "353130")])
def test_codes_are_those_of_the_rfc(clock: time_machine.Traveller, staff: User, moment: int, code: str) -> None:
    """RFC 6238, appendix B; so the app of the tests is one too."""
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    clock.move_to(moment)
    Authenticator.objects.create(user=staff, pending=secret)

    assert code_of(secret) == code
    assert len(two_factor.confirm(staff, code) or []) == 10


def test_set_up_wants_a_code_of_the_app_and_the_password(staff: User) -> None:
    browser = browser_of(staff)
    secret = secret_in(browser.post(f"{FACTOR}app/"))

    def confirm(code: str, old: str) -> int:
        return browser.post(f"{FACTOR}confirm/", {"code": code, "old": old}).status_code

    assert [confirm("000000", PASSWORD), confirm(code_of(secret), "wrong"), confirm("", "")] == [400] * 3
    assert statuses(staff, "") == [302]
    assert confirm(code_of(secret), PASSWORD) == 200
    assert statuses(staff, "") == [400]


def test_set_up_shows_the_secret_as_a_picture_under_the_strict_policy(staff: User) -> None:
    answer = browser_of(staff).post(f"{FACTOR}app/")

    picture = re.search(r"<svg.*?</svg>", answer.content.decode(), re.DOTALL)
    assert picture
    assert "style" not in picture[0]
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cache-Control"].startswith("max-age=0, no-cache, no-store")


def test_set_up_ends_other_sessions_and_tokens_and_is_recorded(staff: User) -> None:
    here, elsewhere, access = browser_of(staff), browser_of(staff), authentication.issue_tokens(staff)["access"]
    secret = secret_in(here.post(f"{FACTOR}app/"))

    here.post(f"{FACTOR}confirm/", {"code": code_of(secret), "old": PASSWORD})

    assert [one.get(WEEK).status_code for one in (here, elsewhere)] == [200, 302]
    assert Client().get("/api/stations/", headers={"Authorization": f"Bearer {access}"}).status_code == 401
    entry = AuditEntry.objects.get(event="factor")
    assert (entry.actor, entry.object_pk) == (staff, str(staff.pk))
    assert secret not in str(entry.changes)


def test_log_in_takes_the_code_of_now_and_of_the_steps_beside_it(staff: User, clock: time_machine.Traveller) -> None:
    secret, _codes = set_up(staff, clock)
    wrong = [code_of(secret, steps=steps) for steps in (-3, -2, 2, 3)]

    assert statuses(staff, *wrong, "", "abcdef", "１２３４５６") == [400] * 7
    assert statuses(staff, code_of(secret, steps=-1), code_of(secret), code_of(secret, steps=1)) == [302] * 3


def test_code_is_good_once(staff: User, clock: time_machine.Traveller) -> None:
    secret, _codes = set_up(staff, clock)
    code = code_of(secret)

    assert statuses(staff, f"{code[:3]} {code[3:]}", code, code_of(secret, steps=-1)) == [302, 400, 400]


def test_code_that_came_with_a_wrong_password_is_not_spent(staff: User, clock: time_machine.Traveller) -> None:
    secret, codes = set_up(staff, clock)

    assert [log_in(staff, code, "wrong").status_code for code in (code_of(secret), codes[0])] == [400, 400]
    assert statuses(staff, code_of(secret), codes[0]) == [302, 302]


def test_recovery_codes_let_in_once_each_however_they_are_typed(staff: User, clock: time_machine.Traveller) -> None:
    _secret, codes = set_up(staff, clock)

    assert len(set(codes)) == 10
    assert statuses(staff, codes[0], codes[0], codes[1].lower().replace("-", " ")) == [302, 400, 302]
    assert RecoveryCode.objects.count() == 8


def test_codes_of_somebody_else_let_nobody_in(staff: User, station: Station, clock: time_machine.Traveller) -> None:
    other = person(roles.STAFF, station)
    set_up(staff, clock)
    secret, codes = set_up(other, clock)

    assert statuses(staff, code_of(secret), codes[0]) == [400, 400]


def test_new_recovery_codes_take_the_place_of_the_old(staff: User, clock: time_machine.Traveller) -> None:
    secret, old = set_up(staff, clock)
    browser = browser_of(staff, code_of(secret))

    refused = browser.post(f"{FACTOR}codes/", {"old": "wrong", "code": code_of(secret, steps=1)})
    new = codes_in(browser.post(f"{FACTOR}codes/", {"code": code_of(secret, steps=1)}))

    assert (refused.status_code, codes_in(refused)) == (400, [])
    assert statuses(staff, old[0], new[0]) == [400, 302]
    assert AuditEntry.objects.filter(event="recovery_codes", actor=staff).count() == 1


def test_another_app_is_good_only_when_it_has_shown_a_code(staff: User, clock: time_machine.Traveller) -> None:
    old, _codes = set_up(staff, clock)
    browser = browser_of(staff, code_of(old))
    new = secret_in(browser.post(f"{FACTOR}app/"))
    clock.shift(timedelta(minutes=1))
    assert statuses(staff, code_of(new), code_of(old)) == [400, 302]

    browser.post(f"{FACTOR}confirm/", {"code": code_of(new), "current_code": code_of(old, steps=1)})

    clock.shift(timedelta(minutes=1))
    assert statuses(staff, code_of(old), code_of(new)) == [400, 302]


def test_app_is_replaced_only_with_a_code_of_the_one_in_use(staff: User, clock: time_machine.Traveller) -> None:
    old, recovery = set_up(staff, clock)
    browser = browser_of(staff, code_of(old))
    new = secret_in(browser.post(f"{FACTOR}app/"))

    def replace(**words: str) -> int:
        return browser.post(f"{FACTOR}confirm/", words).status_code

    refused = [replace(code=code_of(new)), replace(code=code_of(new), current_code=code_of(new))]
    slip = replace(code="000000", current_code=recovery[0])
    done = replace(code=code_of(new), current_code=recovery[0])

    assert (refused, slip, done) == ([400, 400], 400, 200)


@pytest.mark.parametrize("by", ["app", "recovery code"])
def test_factor_is_removed_with_a_present_code_only(staff: User, clock: time_machine.Traveller, by: str) -> None:
    secret, codes = set_up(staff, clock)
    browser = browser_of(staff, code_of(secret))
    spent, right = code_of(secret), code_of(secret, steps=1) if by == "app" else codes[0]

    def remove(**words: str) -> int:
        return browser.post(f"{FACTOR}none/", words).status_code

    assert [remove(old=PASSWORD), remove(code=""), remove(code="000000"), remove(code=spent)] == [400] * 4
    assert statuses(staff, "") == [400]
    assert remove(code=right) == 302

    assert statuses(staff, "") == [302]
    assert AuditEntry.objects.filter(event="factor_gone", actor=staff).count() == 1


def test_factor_is_removed_with_the_password_unless_it_was_given_recently(
    staff: User, clock: time_machine.Traveller
) -> None:
    secret, codes = set_up(staff, clock)
    browser = browser_of(staff, code_of(secret))
    clock.shift(timedelta(minutes=10))

    tries = [{"code": codes[0]}, {"code": codes[0], "old": "wrong"}, {"code": "000000", "old": PASSWORD}]
    answers = [browser.post(f"{FACTOR}none/", words) for words in tries]

    assert [answer.status_code for answer in answers] == [400] * 3
    assert [sorted(answer.context["form"].errors) for answer in answers] == [["old"], ["__all__"], ["__all__"]]
    assert browser.post(f"{FACTOR}none/", {"code": codes[0], "old": PASSWORD}).status_code == 302


@pytest.mark.parametrize("limit", ["LOGIN_RATE_LIMIT", "CODE_RATE_LIMIT"])
def test_present_code_cannot_be_guessed(
    staff: User, settings: Settings, clock: time_machine.Traveller, limit: str
) -> None:
    secret, codes = set_up(staff, clock)
    browser = browser_of(staff, code_of(secret))
    setattr(settings, limit, "3/day")

    tries = [browser.post(f"{FACTOR}none/", {"code": code}).status_code for code in ["123456"] * 3 + [codes[0]]]

    assert tries == [400, 400, 400, 429]
    staff.refresh_from_db()
    assert staff.second_factor_at


def test_missing_code_is_answered_like_a_wrong_password(staff: User, clock: time_machine.Traveller) -> None:
    set_up(staff, clock)
    wrong = [log_in(staff, "123456"), log_in(staff, "123456", "wrong"), log_in(UserFactory.build(), "123456")]
    tries = [log_in(staff), *wrong]

    told = {(one.status_code, *one.context["form"].non_field_errors()) for one in tries}
    pages = {re.sub(r'value="[^"]*"|nonce="[^"]*"', "", html.unescape(one.content.decode())) for one in wrong}
    assert (len(told), len(pages)) == (1, 1)


def test_api_tells_a_missing_code_as_it_does_a_wrong_password(staff: User, clock: time_machine.Traveller) -> None:
    secret, codes = set_up(staff, clock)
    tries = [log_in_to_the_api(staff, **words) for words in ({}, {"code": "123456"}, {"password": "wrong"})]

    bodies = [{**json.loads(one.content), "request_id": ""} for one in tries]
    assert [one.status_code for one in tries] == [401] * 3
    assert bodies[0]["code"] == "login_failed"
    assert bodies == [bodies[0]] * 3
    assert [log_in_to_the_api(staff, code=code).status_code for code in (code_of(secret), codes[0])] == [200, 200]


def test_log_in_costs_alike_whoever_asks_and_whatever_is_wrong(
    staff: User, station: Station, clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[str] = []
    encode = MD5PasswordHasher.encode

    def counted(self: MD5PasswordHasher, password: str, salt: str) -> str:
        hashed.append(password)
        return encode(self, password, salt)

    set_up(staff, clock)
    monkeypatch.setattr(MD5PasswordHasher, "encode", counted)
    without = person(roles.STAFF, station)
    costs = []
    for user, password, code in (
        (staff, PASSWORD, "123456"), (staff, PASSWORD, ""), (staff, "wrong", "123456"), (without, "wrong", "123456"),
        (UserFactory.build(email="nobody@example.com"), "wrong", "123456"),
    ):  # fmt: skip
        hashed.clear()
        with CaptureQueriesContext(connection) as asked:
            log_in(user, code, password)
        costs.append(
            (len(hashed), [re.sub(r"'[^']*'|\d+", "?", one["sql"]) for one in asked if "SELECT" in one["sql"]])
        )

    assert costs == [costs[0]] * 5
    assert costs[0][0] == 1


def test_codes_cannot_be_guessed(staff: User, settings: Settings, clock: time_machine.Traveller) -> None:
    secret, codes = set_up(staff, clock)
    settings.LOGIN_RATE_LIMIT = "5/day"

    assert statuses(staff, *["123456"] * 5) == [400] * 5
    assert statuses(staff, code_of(secret), codes[0]) == [429, 429]
    assert log_in_to_the_api(staff, code=code_of(secret)).status_code == 429


def test_secret_and_codes_rest_unreadable(staff: User, clock: time_machine.Traveller) -> None:
    secret, codes = set_up(staff, clock)
    with connection.cursor() as cursor:
        cursor.execute("SELECT secret, pending FROM accounts_authenticator")
        stored = cursor.fetchall()
        cursor.execute("SELECT digest FROM accounts_recoverycode")
        stored += cursor.fetchall()

    kept = b"".join(bytes(value) for row in stored for value in row if value is not None)
    assert len(kept) == 385
    assert [one for one in (secret, codes[0], codes[0].replace("-", "")) if one.encode() in kept] == []


# --- demanded --------------------------------------------------------------------------------------------------------


@pytest.fixture
def demanding(settings: Settings) -> None:
    settings.SECOND_FACTOR_GROUPS = [roles.MANAGERS]


@pytest.fixture
def manager(station: Station) -> User:
    return person(roles.MANAGERS, station, email="manager@example.com")


def test_demanding_it_of_a_group_that_there_is_not_is_no_silent_nothing(settings: Settings, db: None) -> None:
    settings.SECOND_FACTOR_GROUPS = [roles.MANAGERS, "Station manager"]

    with pytest.raises(CommandError, match=r"no group “Station manager”.*Correct SECOND_FACTOR_GROUPS"):
        call_command("migrate", verbosity=0)

    settings.SECOND_FACTOR_GROUPS = [roles.MANAGERS]
    call_command("migrate", verbosity=0)


@pytest.mark.parametrize(
    "address", ["/", WEEK, "/admin/", "/accounts/me/", "/feeds/", "/api-less/", "/accounts/me/factory/"]
)
def test_whoever_lacks_a_demanded_factor_is_led_to_set_one_up(demanding: None, manager: User, address: str) -> None:
    assert browser_of(manager).get(address).headers["Location"] == FACTOR


def test_whoever_lacks_a_demanded_factor_reaches_no_api(manager: User, settings: Settings) -> None:
    access = authentication.issue_tokens(manager)["access"]
    settings.SECOND_FACTOR_GROUPS = [roles.MANAGERS]
    browser = browser_of(manager)

    session, login = browser.get("/api/stations/"), log_in_to_the_api(manager)
    token = Client().get("/api/stations/", headers={"Authorization": f"Bearer {access}"})

    assert (session.status_code, session.json()["code"]) == (403, "second_factor_demanded")
    assert (login.status_code, login.json()["code"]) == (403, "second_factor_demanded")
    assert (token.status_code, token.json()["code"]) == (401, "token_invalid")


def test_whoever_lacks_a_demanded_factor_changes_nothing(demanding: None, manager: User, staff: User) -> None:
    browser = browser_of(manager)

    browser.post(
        "/accounts/me/password/", {"old": PASSWORD, "new": "seven green horses", "again": "seven green horses"}
    )
    browser.post("/admin/accounts/user/", {"action": "revoke_access", "_selected_action": [str(staff.pk)]})

    assert User.objects.get(pk=manager.pk).check_password(PASSWORD)
    assert User.objects.get(pk=staff.pk).epoch == 0


def test_demanded_factor_opens_everything_once_it_is_set_up(
    demanding: None, manager: User, clock: time_machine.Traveller
) -> None:
    secret, _codes = set_up(manager, clock)
    browser = browser_of(manager, code_of(secret))

    assert [browser.get(address).status_code for address in (WEEK, "/admin/", "/api/stations/")] == [200] * 3
    assert log_in_to_the_api(manager, code=code_of(secret, steps=1)).status_code == 200


def test_demanded_factor_is_demanded_of_superusers_but_not_of_others(demanding: None, staff: User) -> None:
    root = UserFactory(is_superuser=True)

    assert browser_of(root).get("/admin/").headers["Location"] == FACTOR
    assert browser_of(staff).get(WEEK).status_code == 200


def test_whoever_lacks_a_demanded_factor_can_log_out(demanding: None, manager: User) -> None:
    assert browser_of(manager).post("/accounts/logout/").headers["Location"] == "/accounts/login/"


# --- lost ------------------------------------------------------------------------------------------------------------


def taken_by(manager: User, other: User) -> str:
    client = Client()
    client.force_login(manager)
    said = {"action": "reset_two_factor", "_selected_action": [str(other.pk)]}
    return str(client.post("/admin/accounts/user/", said, follow=True).content.decode())


def test_manager_takes_a_lost_factor_away(staff: User, manager: User, clock: time_machine.Traveller) -> None:
    secret, _codes = set_up(staff, clock)
    browser = browser_of(staff, code_of(secret))

    told = taken_by(manager, staff)

    assert f"Two-factor authentication has been reset: {staff.email}." in told
    assert browser.get(WEEK).status_code == 302
    assert (statuses(staff, ""), RecoveryCode.objects.count()) == ([302], 0)
    assert AuditEntry.objects.get(event="factor_gone").actor == manager


def test_manager_takes_no_factor_of_somebody_with_more(
    manager: User, station: Station, clock: time_machine.Traveller
) -> None:
    root = UserFactory(is_superuser=True)
    root.stations.add(station)
    set_up(root, clock)

    assert f"{root.email}: they have more permissions than you." in taken_by(manager, root)
    assert statuses(root, "") == [400]


def test_operator_takes_a_factor_away(
    staff: User, clock: time_machine.Traveller, capsys: pytest.CaptureFixture[str]
) -> None:
    set_up(staff, clock)

    call_command("forget_second_factor", staff.email.upper())

    assert capsys.readouterr().out == f"{staff.email} now signs in with the password alone.\n"
    assert statuses(staff, "") == [302]
    with pytest.raises(CommandError, match="There is no user"):
        call_command("forget_second_factor", "x@example.com")
