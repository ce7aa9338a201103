"""manage.py preflight: each thing that can be missing or wrong, said in a sentence."""

import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import time_machine
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

from accounts.encryption.keys import key_id, new_key
from accounts.models import AuditEntry
from accounts.rls import policies
from bookings.models import Hold
from bookings.operations import preflight, system_checks
from config.environment import mail_server
from stations.models import Station
from tests.bookings.importing.commands import run
from tests.bookings.operations.conftest import Elsewhere
from tests.factories import booking, customer
from tests.servers import free_port


def test_preflight_of_what_is_in_order_says_so(station: Station) -> None:
    booking(station)

    done = run("preflight", "--deep")

    assert (done.status, done.out) == (0, "All is well.\n")


def test_preflight_of_what_is_not_says_what_to_do_and_fails(station: Station, settings: Any) -> None:
    settings.TRUSTED_PROXIES = 1

    done = run("preflight", "--quick")

    assert (done.status, done.out) == (
        1,
        "- TRUSTED_PROXIES is set, and PUBLIC_URL is not https: set PUBLIC_URL to the address that the proxy serves.\n",
    )


@pytest.mark.looks
def test_production_without_a_proxy_is_reported(settings: Any) -> None:
    settings.PRODUCTION = True

    [message] = system_checks.addresses()

    assert "leads it to https for ever" in message


def test_migrations_to_be_applied_are_named_but_before_an_upgrade(db: None) -> None:
    MigrationRecorder(connection).record_unapplied("stations", "0007_print_phone_numbers")

    messages = [*system_checks.migrations()]

    assert messages == ["Migrations are to be applied: stations.0007_print_phone_numbers. Run manage.py migrate."]
    assert messages[0] in run("preflight").out
    assert run("preflight", "--upgrade").status == 0


@pytest.mark.looks
def test_database_of_a_newer_release_is_reported(db: None) -> None:
    MigrationRecorder(connection).record_applied("stations", "0999_wings")

    [message] = system_checks.newer_database()

    assert message.startswith("The database is of a newer release: it has stations.0999_wings.")


def test_empty_database_is_reported_by_its_migrations_and_nothing_breaks(elsewhere: Elsewhere) -> None:
    with elsewhere():
        done = run("preflight", "--deep")

    assert done.status == 1
    assert "Migrations are to be applied: " in done.out


@pytest.mark.looks
def test_key_that_is_lacking_is_named_with_how_much_is_under_it(station: Station, settings: Any) -> None:
    customer(station)
    [needed] = settings.PII_KEYS
    settings.PII_KEYS = [new_key()]

    messages = [*system_checks.keys()]

    assert messages == [
        f"PII_KEYS lacks the key {key_id(needed).hex()}, and 4 values are under it. Put it back: without it they cannot be read."
    ]


def test_database_that_is_away_is_reported_and_nothing_else_is_asked_of_it(transactional_db: None) -> None:
    usual = {name: connection.settings_dict[name] for name in ("NAME", "HOST")}
    connection.close()
    connection.settings_dict.update(NAME="/nowhere/none.sqlite3", HOST="/nowhere")
    try:
        done = run("preflight", "--deep")
    finally:
        connection.close()
        connection.settings_dict.update(usual)

    assert done.status == 1
    assert done.out.startswith("- The database cannot be reached: ")
    assert "Migrations" not in done.out


@pytest.mark.postgresql
def test_roles_that_are_lacking_are_reported(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policies, "REQUEST_ROLES", ("stationbook_nobody",))

    messages = [*system_checks.row_level_security()]

    assert messages == ["The database lacks the roles stationbook_nobody. Run manage.py migrate, which makes them."]


@pytest.mark.looks
def test_static_files_that_are_not_collected_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staticfiles_storage, "hashed_files", {}, raising=False)

    [message] = system_checks.static_files()

    assert "static files are not collected, such as " in message
    assert message.endswith("Run manage.py collectstatic --noinput.")


@pytest.mark.looks
def test_mail_server_and_redis_that_do_not_answer_are_reported(settings: Any) -> None:
    settings.MAIL_SERVER = mail_server(f"smtp://127.0.0.1:{free_port()}")
    settings.REDIS_URL = f"redis://127.0.0.1:{free_port()}/0"

    assert [*system_checks.mail_server(), *system_checks.redis_server()] == [
        "The mail server of EMAIL_URL cannot be used (ConnectionRefusedError). Mails wait until it can.",
        "Redis, which REDIS_URL names, does not answer (ConnectionError). The database counts meanwhile.",
    ]


@pytest.mark.looks
def test_disk_that_is_almost_full_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    usage = SimpleNamespace(total=10**12, free=10**8)
    monkeypatch.setattr(shutil, "disk_usage", lambda place: usage)

    assert "is almost full: 95 MB are free. Make room." in next(iter(system_checks.disk()))


def test_clock_that_is_behind_is_reported(station: Station) -> None:
    booking(station)
    assert AuditEntry.objects.exists()

    with time_machine.travel(timezone.now() - timedelta(days=1)):
        messages = [*system_checks.clock()]

    assert any("The clock is behind: the newest entry of the audit trail is of " in one for one in messages)
    assert len(messages) == (2 if connection.vendor == "postgresql" else 1)


@pytest.mark.looks
def test_time_zone_that_is_not_known_here_is_reported(station: Station) -> None:
    Station.objects.update(time_zone="Atlantis/Poseidonis")

    assert [*system_checks.time_zones()] == [
        "This machine does not know the time zone Atlantis/Poseidonis. Install tzdata."
    ]


@pytest.mark.looks
def test_deep_look_proves_ledger_and_trail(station: Station) -> None:
    made = booking(station)
    Hold.objects.filter(booking=made).delete()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_auditentry SET event = 'x'")

    done = run("preflight", "--deep")

    assert "Bookings and ledger differ in 2 places. manage.py verify_holds names them all." in done.out
    assert "manage.py verify_audit names them all; compare it with a backup." in done.out
    assert run("preflight").status == 0


@pytest.mark.looks
def test_settings_that_do_not_load_are_reported_in_a_sentence(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "preflight"],
        env={"ENV_FILE": str(tmp_path / "none"), "PATH": ""},
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert done.stderr.startswith("The settings are not complete: SECRET_KEY is not set.")


def test_servers_that_are_not_set_are_not_asked() -> None:
    assert [*system_checks.mail_server(), *system_checks.redis_server()] == []


def test_check_command_runs_the_checks_of_a_tag_on_the_database_it_names(station: Station) -> None:
    Station.objects.update(time_zone="Atlantis/Poseidonis")
    sentence = "(stationbook.E006) This machine does not know the time zone Atlantis/Poseidonis. Install tzdata."

    with pytest.raises(SystemCheckError) as refusal:
        call_command("check", "--deploy", "--database", "default", "--tag", "quick")

    assert sentence in str(refusal.value)
    call_command("check", "--deploy", "--tag", "quick")
    call_command("check", "--database", "default")


@pytest.mark.looks
def test_silenced_checks_are_not_reported(station: Station, settings: Any) -> None:
    settings.TRUSTED_PROXIES = 1
    settings.SILENCED_SYSTEM_CHECKS = ["stationbook.E008"]

    assert run("preflight", "--quick").out == "All is well.\n"


@pytest.mark.looks
def test_every_check_has_an_id_of_its_own() -> None:
    every = [check for checks in system_checks.CHECKS.values() for check in checks]

    assert len({check.id for check in every}) == len({check.run for check in every}) == len(every)
    assert (system_checks.DATABASE.id, system_checks.MIGRATIONS.id) == (preflight.UNREACHABLE, preflight.MIGRATIONS)
