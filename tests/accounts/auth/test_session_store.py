"""Nothing in the database, its log, a dump or a backup lets anyone sign in."""

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from io import StringIO
from types import SimpleNamespace
from typing import Any, Final

import pytest
import time_machine
from django.apps import apps
from django.contrib.sessions.backends.base import UpdateError
from django.contrib.sessions.backends.db import SessionStore as DjangoStore
from django.contrib.sessions.models import Session as DjangoSession
from django.core.management import call_command
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts import roles
from accounts.auth.devices import Device, parse
from accounts.auth.session_store import SessionStore, digest_of
from accounts.models import Session, User
from bookings.operations import worker
from stations.models import Station
from tests.factories import PASSWORD, person

COOKIE: Final = "stationbook_session"
MORNING: Final = datetime(2031, 3, 7, 8, tzinfo=UTC)
FIREFOX: Final = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:133.0) Gecko/20100101 Firefox/133.0"


def signed_in(user: User, **headers: str) -> Client:
    client = Client(headers=headers)
    client.post("/accounts/login/", {"email": user.email, "password": PASSWORD})
    return client


def key_of(client: Client) -> str:
    return client.cookies[COOKIE].value


def is_in(client: Client) -> bool:
    return client.get("/accounts/me/").status_code == 200


@contextmanager
def statement_log() -> Iterator[list[str]]:
    """What PostgreSQL writes under `log_statement = all`, parameters included; on SQLite each statement with its values."""
    lines: list[str] = []
    connection.ensure_connection()
    driver: Any = connection.connection
    if connection.vendor == "sqlite":
        driver.set_trace_callback(lines.append)
        yield lines
        driver.set_trace_callback(None)
        return

    def note(diagnostic: Any) -> None:
        lines.append(f"{diagnostic.message_primary} {diagnostic.message_detail}")

    driver.add_notice_handler(note)
    with connection.cursor() as cursor:
        cursor.execute("SET log_statement = 'all'; SET client_min_messages = 'log'")
        yield lines
        cursor.execute("RESET log_statement; RESET client_min_messages")
    driver.remove_notice_handler(note)


def test_no_statement_carries_the_key_of_a_session(staff: User) -> None:
    with statement_log() as log:
        client = signed_in(staff)
        keys = {key_of(client)}
        assert is_in(client)
        words = {"old": PASSWORD, "new": "seven quiet green horses", "again": "seven quiet green horses"}
        assert client.post("/accounts/me/password/", words).status_code == 302
        keys.add(key_of(client))
        assert client.post("/accounts/logout/").status_code == 302

    text = "\n".join(log)
    assert text.count("accounts_session") > 5
    assert len(keys) == 2
    assert [key for key in keys if key in text] == []


def test_dump_of_all_data_holds_no_key_of_a_session(staff: User) -> None:
    client, dump = signed_in(staff), StringIO()

    call_command("dumpdata", stdout=dump)

    assert "accounts.session" in dump.getvalue()
    assert key_of(client) not in dump.getvalue()


def test_row_of_a_session_opens_nothing(staff: User) -> None:
    """Neither its digest, in any spelling, nor its data is good as a cookie."""
    assert is_in(signed_in(staff))
    row = Session.objects.get()
    digest = bytes(row.digest)

    for found in (digest.hex(), digest.hex().upper(), digest.decode("latin-1"), row.session_data):
        thief = Client()
        thief.cookies[COOKIE] = found
        assert not is_in(thief)


def test_digest_hangs_on_the_secret_key(staff: User, settings: Settings) -> None:
    client = signed_in(staff)
    digest = digest_of(key_of(client))

    settings.SECRET_KEY = "another" * 10

    assert digest_of(key_of(client)) != digest
    assert not is_in(client)


def test_session_that_another_release_keeps_in_clear_lets_nobody_in(staff: User) -> None:
    store = DjangoStore()
    for name, value in signed_in(staff).session.items():
        store[name] = value
    store.save()
    client = Client()
    client.cookies[COOKIE] = str(store.session_key)

    assert not is_in(client)


@pytest.mark.parametrize("by", ["migration", "worker"])
def test_sessions_in_clear_are_deleted(db: None, by: str) -> None:
    DjangoSession.objects.create(session_key="k" * 32, expire_date=timezone.now() + timedelta(days=1))

    if by == "worker":
        worker.tidy(timezone.now())
    else:
        migration = importlib.import_module("accounts.migrations.0018_end_sessions_in_clear")
        migration.delete_sessions(apps, SimpleNamespace(connection=connection))

    assert not DjangoSession.objects.exists()


def test_row_says_whose_session_it_is_from_where_and_since_when(staff: User) -> None:
    with time_machine.travel(MORNING, tick=False):
        signed_in(staff, **{"User-Agent": FIREFOX})

    [row] = Session.objects.values(
        "user", "browser", "platform", "address", "created_at", "last_seen_at", "expire_date"
    )
    assert row == {
        "user": staff.pk,
        "browser": "Firefox",
        "platform": "Windows",
        "address": "127.0.0.1",
        "created_at": MORNING,
        "last_seen_at": MORNING,
        "expire_date": MORNING + timedelta(hours=12),
    }


def test_row_of_the_next_log_in_in_a_browser_is_that_persons(staff: User, station: Station) -> None:
    other = person(roles.STAFF, station)
    client = signed_in(staff)
    client.post("/accounts/login/", {"email": other.email, "password": PASSWORD}, headers={"User-Agent": FIREFOX})

    assert [*Session.objects.values_list("user", "browser")] == [(other.pk, "Firefox")]


def test_new_password_keeps_device_and_beginning_of_the_session(staff: User) -> None:
    with time_machine.travel(MORNING, tick=False) as clock:
        client = signed_in(staff, **{"User-Agent": FIREFOX})
        clock.shift(timedelta(seconds=30))
        words = {"old": PASSWORD, "new": "seven quiet green horses", "again": "seven quiet green horses"}
        assert client.post("/accounts/me/password/", words).status_code == 302

    [row] = Session.objects.all()
    assert (row.user, row.browser, row.created_at) == (staff, "Firefox", MORNING)


def test_session_that_two_requests_write_keeps_what_each_wrote_last(staff: User) -> None:
    """The one that was read first is saved last, and does not put back the time at which the person was seen."""
    with time_machine.travel(MORNING, tick=False) as clock:
        client = signed_in(staff)
        slow = SessionStore(key_of(client))
        slow["slow"] = True
        clock.shift(timedelta(minutes=5))
        assert is_in(client)

        slow.save()

    assert Session.objects.get().last_seen_at == MORNING + timedelta(minutes=5)
    assert SessionStore(key_of(client)).exists(key_of(client))


def test_session_ended_meanwhile_is_not_brought_back_by_who_had_read_it(staff: User) -> None:
    client = signed_in(staff)
    slow = SessionStore(key_of(client))
    slow["slow"] = True
    client.post("/accounts/logout/")

    with pytest.raises(UpdateError):
        slow.save()
    assert not Session.objects.exists()


@pytest.mark.parametrize("verb", ["SELECT", "UPDATE"])
def test_database_that_is_away_for_a_moment_signs_nobody_out(transactional_db: None, staff: User, verb: str) -> None:
    """Whether it is asked for the session, or told what came into it."""
    client = signed_in(staff)
    client.raise_request_exception = False

    def away(execute: Any, sql: str, *arguments: Any) -> Any:
        if sql.startswith(verb) and "accounts_session" in sql:
            raise OperationalError("away")
        return execute(sql, *arguments)

    with connection.execute_wrapper(away):
        answer = client.post("/accounts/me/sessions/others/end/")  # which keeps a notice in the session

    assert (answer.status_code, "busy" in answer.content.decode()) == (503, True)
    assert is_in(client)


@pytest.mark.parametrize("cookie", ["", "short", "x" * 9000, "\0" * 32, "ä" * 32, "\udcff" * 32])
def test_cookie_that_is_no_key_is_nobodys(db: None, cookie: str) -> None:
    store = SessionStore(cookie)

    assert (dict(store.items()), store.session_key) == ({}, None)


@pytest.mark.parametrize(
    ("header", "device"),
    [
        (FIREFOX, ("Firefox", "Windows")),
        (
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
            ("Chrome", "Linux"),
        ),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/131.0.0.0 Safari/537.36 Edg/131.0",
            ("Edge", "Windows"),
        ),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/18.1 Safari/605.1.15",
            ("Safari", "macOS"),
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 CriOS/131.0 Mobile Safari/604.1",
            ("Chrome", "iPhone"),
        ),
        (
            "Mozilla/5.0 (Linux; Android 14; SM-S911B) SamsungBrowser/26.0 Chrome/122.0.0.0 Mobile Safari/537.36",
            ("Samsung Internet", "Android"),
        ),
        ("Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) Chrome/131.0.0.0 Safari/537.36", ("Chrome", "ChromeOS")),
        ("curl/8.5.0", ("", "")),
        ("<script>alert(1)</script> Quillon Xanthe", ("", "")),
        ("x" * 1_000 + FIREFOX, ("", "")),
        ("", ("", "")),
    ],
)
def test_device_is_described_in_words_of_a_closed_list(header: str, device: tuple[str, str]) -> None:
    assert parse(header) == Device(*device)
