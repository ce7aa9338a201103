"""The demo's published password is good on the machine that it was loaded on, and nowhere else."""

import io
import json
import re
from collections.abc import Callable
from typing import Any, Final

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from pytest_django import Settings

from accounts import roles
from accounts.auth import api_keys, authentication, passwords
from accounts.models import AccountEmail, AuditEntry, User
from bookings.icalendar import feeds
from bookings.models import Feed
from bookings.operations import demo
from stations.models import Station
from tests.bookings.importing.commands import Run, run
from tests.factories import PASSWORD, UserFactory

FAULT: Final = "have the demo's published password, which everybody knows: "
EXPOSED: Final[dict[str, dict[str, Any]]] = {
    "production": {"PRODUCTION": True, "PUBLIC_URL": "https://book.example.com"},
    "all addresses": {"HOST": "0.0.0.0"},
    "all addresses by IPv6": {"HOST": "::"},
    "the local network": {"HOST": "192.168.1.7"},
    "a proxy without TLS": {"PUBLIC_URL": "http://book.example.com"},
}


@pytest.fixture(params=EXPOSED)
def exposed(request: pytest.FixtureRequest, settings: Settings) -> None:
    """Others can reach the product."""
    for name, value in EXPOSED[request.param].items():
        setattr(settings, name, value)


@pytest.fixture
def production(settings: Settings) -> None:
    settings.PRODUCTION, settings.PUBLIC_URL = True, "https://book.example.com"


def load(*words: str) -> str:
    out = io.StringIO()
    call_command("demo", "--bookings=0", *words, stdout=out, stderr=out)
    return out.getvalue()


def printed(said: str) -> dict[str, str]:
    """The random passwords that were printed, by email."""
    return dict(re.findall(r"^  (\S+@\S+) +([\w-]{16})(?:  |$)", said, re.MULTILINE))


def by_page(email: str, password: str) -> bool:
    return Client().post("/accounts/login/", {"email": email, "password": password}).status_code == 302


def by_api(email: str, password: str) -> bool:
    body = json.dumps({"email": email, "password": password})
    return Client().post("/api/auth/login", body, content_type="application/json").status_code == 200


@pytest.mark.parametrize(
    ("host", "public", "allowed"),
    [
        ("127.0.0.1", "", True),
        ("127.8.0.9", "", True),
        ("::1", "", True),
        ("::ffff:127.0.0.1", "", True),
        ("localhost", "http://localhost:8000", True),
        ("127.0.0.1", "http://[::1]:8000", True),
        ("0.0.0.0", "", False),
        ("::", "", False),
        ("0", "", False),
        ("::ffff:10.0.0.1", "", False),
        ("10.0.0.1", "", False),
        ("booking-desk", "", False),
        ("localhost.example.com", "", False),
        ("127.0.0.1", "http://10.0.0.1", False),
        ("127.0.0.1", "https://localhost", False),
    ],
)
def test_published_password_is_for_loopback_alone(settings: Settings, host: str, public: str, allowed: bool) -> None:
    settings.HOST, settings.PUBLIC_URL, settings.PRODUCTION = host, public, public.startswith("https:")

    assert passwords.is_demo_password_allowed() is allowed


def test_demo_that_others_reach_has_random_passwords_that_are_printed_once(db: None, exposed: None) -> None:
    said = load("--even-in-production")
    found = printed(said)

    assert set(found) == {login.email for login in demo.LOGINS}
    assert len({*found.values(), demo.PASSWORD}) == len(found) + 1
    assert demo.PASSWORD not in said
    assert [email for email, password in found.items() if not by_api(email, password)] == []
    assert load("--even-in-production") == ""


def test_demo_from_loopback_gets_random_passwords_once_others_reach_it(db: None, settings: Settings) -> None:
    load()
    UserFactory(email="sam@example.com")
    settings.HOST = "0.0.0.0"

    found = printed(load("--if-empty"))

    assert set(found) == {login.email for login in demo.LOGINS}
    assert [by_page(email, demo.PASSWORD) for email in found] == [False] * len(found)
    assert [by_page(email, password) for email, password in found.items()] == [True] * len(found)
    assert by_page("sam@example.com", PASSWORD)
    assert load("--if-empty") == ""


def test_renewed_password_ends_all_that_anybody_had_made_with_the_published_one(db: None, settings: Settings) -> None:
    load()
    manager = User.objects.get(email="manager@example.com")
    client = Client()
    client.force_login(manager)
    token = authentication.issue_tokens(manager)["access"]
    _key, key = api_keys.create(
        name="Shop", stations=Station.objects.all(), rights=[roles.VIEW], expires_on=None, by=manager
    )
    feeds.create(station=None, details=False, by=manager)

    said = load("--renew-passwords")

    assert "manager@example.com" in printed(said)
    called = [
        Client().get("/api/stations/", headers={"Authorization": f"Bearer {text}"}).status_code for text in (token, key)
    ]
    assert called == [401, 401]
    assert client.get("/accounts/me/").status_code == 302
    assert not Feed.objects.current().exists()
    entries = AuditEntry.objects.filter(object_pk=str(manager.pk), event__in=["password", "ended"])
    assert sorted(entries.values_list("event", "channel")) == [("ended", "command"), ("password", "command")]


def test_renewed_password_is_told_to_whoever_has_taken_the_account_over(db: None, settings: Settings) -> None:
    """The demo itself writes to nobody."""
    load()
    User.objects.filter(email="viewer@example.com").update(email="kim@firm.example")
    settings.MAIL_SERVER = {"EMAIL_HOST": "mail.example.com"}

    load("--renew-passwords")

    assert [waiting.email for waiting in AccountEmail.objects.all()] == ["kim@firm.example"]


def test_renewing_leaves_passwords_of_ones_own(db: None) -> None:
    load()
    mine = User.objects.get(email="admin@example.com")
    mine.set_password(PASSWORD)
    mine.save()
    renamed = User.objects.get(email="viewer@example.com")
    User.objects.filter(pk=renamed.pk).update(email="kim@example.com", name="Kim")

    found = printed(load("--renew-passwords"))

    assert set(found) == {"kim@example.com", "manager@example.com", "staff@example.com", "integrator@example.com"}
    assert by_page("admin@example.com", PASSWORD)
    assert load("--renew-passwords") == ""


@pytest.mark.parametrize("door", [by_page, by_api])
def test_no_door_takes_the_published_password_of_anybody_where_others_reach_it(
    db: None, exposed: None, door: Callable[[str, str], bool], settings: Settings
) -> None:
    """Whatever the account is called: it may have been given another name and email."""
    settings.SECOND_FACTOR_GROUPS = []
    UserFactory(email="boss@firm.example", is_superuser=True, password=demo.PASSWORD)

    assert [door("boss@firm.example", text) for text in (demo.PASSWORD, "ｓｔａｔｉｏｎｂｏｏｋ－ｄｅｍｏ")] == [
        False,
        False,
    ]


def test_published_password_is_good_on_loopback(db: None) -> None:
    load()

    assert [by_page("admin@example.com", demo.PASSWORD), by_api("admin@example.com", demo.PASSWORD)] == [True, True]


def test_refusal_of_the_published_password_says_and_costs_what_a_wrong_one_does(
    db: None, production: None, settings: Settings
) -> None:
    settings.LOGIN_RATE_LIMIT = "2/day"
    user = UserFactory(password=demo.PASSWORD)
    told = [
        Client().post("/accounts/login/", {"email": user.email, "password": text}).context["form"].errors
        for text in (demo.PASSWORD, "wrong")
    ]

    assert told[0] == told[1] != {}
    assert Client().post("/accounts/login/", {"email": user.email, "password": demo.PASSWORD}).status_code == 429


def test_published_password_confirms_nothing_of_a_session_that_is_left(db: None, settings: Settings) -> None:
    load()
    client = Client()
    client.post("/accounts/login/", {"email": "staff@example.com", "password": demo.PASSWORD})
    settings.PRODUCTION = True

    words = {"old": demo.PASSWORD, "new": "seven quiet green horses", "again": "seven quiet green horses"}
    answer = client.post("/accounts/me/password/", words)

    assert answer.status_code == 400
    assert "Wrong password." in answer.content.decode()


def test_no_superuser_is_made_with_the_published_password_where_others_reach_it(
    db: None, exposed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", demo.PASSWORD)

    with pytest.raises(CommandError, match=r"which everybody knows\. Choose another\."):
        call_command("createsuperuser", "--noinput", "--email", "root@firm.example")
    assert not User.objects.exists()


def command(name: str, *words: str) -> Callable[[], Run]:
    return lambda: run(name, *words)


STARTS: Final = {
    "script/server": command("demo", "--if-empty"),
    "script/web": command("preflight", "--demo-accounts"),
    "worker": command("deliver", "--once"),
    "preflight": command("preflight", "--quick"),
}


@pytest.mark.parametrize("start", STARTS)
def test_start_is_refused_while_a_demo_account_has_the_published_password(
    db: None, production: None, start: str
) -> None:
    load_before_production()

    done = STARTS[start]()

    assert done.status == 1
    emails = "admin@example.com, manager@example.com, staff@example.com, viewer@example.com, integrator@example.com"
    assert (
        f"{FAULT}{emails}. Nobody can sign in with it here. Run manage.py demo --renew-passwords" in done.out + done.err
    )


def load_before_production() -> None:
    """What `script/server` leaves behind on the machine on which somebody looked around first."""
    for login in demo.LOGINS:
        UserFactory(email=login.email, name=f"Demo {login.group or 'administrator'}", password=demo.PASSWORD)


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("away", ["renewed", "inactive", "none"])
def test_start_is_not_refused_without_such_an_account(
    db: None, production: None, start: str, away: str, settings: Settings
) -> None:
    settings.TRUSTED_PROXIES = 1
    if away != "none":
        load_before_production()
    if away == "inactive":
        User.objects.update(is_active=False)
    if away == "renewed":
        assert len(printed(load("--renew-passwords"))) == len(demo.LOGINS)

    done = STARTS[start]()

    assert (done.status, FAULT in done.out + done.err) == (0, False)


def test_account_that_got_another_email_is_found_by_its_name_at_each_start(db: None, production: None) -> None:
    UserFactory(email="boss@firm.example", name="Demo administrator", password=demo.PASSWORD)

    assert f"{FAULT}boss@firm.example." in run("preflight", "--quick").out


def test_account_that_got_another_email_and_name_is_found_by_the_deep_look(db: None, production: None) -> None:
    UserFactory(email="boss@firm.example", name="The boss", password=demo.PASSWORD)
    UserFactory(email="gone@firm.example", is_active=False, password=demo.PASSWORD)
    UserFactory.create_batch(3)

    assert FAULT not in run("preflight").out
    assert f"{FAULT}boss@firm.example. " in run("preflight", "--deep").out


def test_many_such_accounts_are_counted(db: None, production: None) -> None:
    for number in range(7):
        UserFactory(email=f"p{number}@firm.example", password=demo.PASSWORD)

    assert "p4@firm.example and 2 more. " in run("preflight", "--deep").out


def test_start_with_a_database_that_is_away_is_for_the_server_to_tell(transactional_db: None, production: None) -> None:
    usual = {name: connection.settings_dict[name] for name in ("NAME", "HOST")}
    connection.close()
    connection.settings_dict.update(NAME="/nowhere/none.sqlite3", HOST="/nowhere")
    try:
        done = run("preflight", "--demo-accounts")
    finally:
        connection.close()
        connection.settings_dict.update(usual)

    assert (done.status, done.err) == (0, "")


def test_start_on_loopback_hashes_nothing(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    load()
    monkeypatch.setattr(passwords, "check_password", None)

    assert run("preflight", "--demo-accounts").status == 0


def test_demo_writes_down_no_password(db: None, settings: Settings) -> None:
    settings.HOST = "0.0.0.0"
    found = printed(load())

    assert found
    dump = io.StringIO()
    call_command("dumpdata", stdout=dump)
    assert [password for password in found.values() if password in dump.getvalue()] == []
