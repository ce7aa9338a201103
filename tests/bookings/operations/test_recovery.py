"""From one database to an empty one: what is there then, what is proved, and what must not go on."""

import json
import re
import stat
import subprocess
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.sessions.models import Session as DjangoSession
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts import roles
from accounts.models import Customer, Session, User
from accounts.rls import policies
from bookings import services
from bookings.audit import Event
from bookings.models import Booking, Mail, UndoStep
from bookings.models.mail_state import OPEN, Kind, Problem, State
from bookings.models.status import Status
from bookings.privacy import erasure
from stations.models import Station
from tests.bookings.importing.commands import run
from tests.bookings.operations.conftest import GUEST, MARKS, Elsewhere, bookings_there, restore
from tests.factories import PASSWORD, booking


def test_restore_brings_all_back_and_says_what_it_verified(backup: Path, elsewhere: Elsewhere) -> None:
    before, people = bookings_there(), User.objects.count()
    manifest = json.loads((backup / "manifest.json").read_text())

    with elsewhere():
        done = restore(backup)

        assert (done.status, done.err) == (0, "")
        assert done.out.splitlines() == [
            f"The backup of {manifest['made_at']} is whole: 2 files, checked against their checksums.",
            "Its manifest is sealed, and all keys that it needs are there.",
            f"{len(manifest['rows'])} tables hold the {sum(manifest['rows'].values())} rows that they held.",
            "The 3 chains of the audit log end where the manifest says.",
            "Every entry of the trail is as it was written, bookings and ledger agree, and every encrypted value can be read.",
            f"Signed out: {people} people. Their sessions and tokens have ended.",
            "Ended: 0 API keys and 0 calendar feeds. Still in use: 0. Their owners see it on their pages, and create new ones.",
            "No list of API keys and calendar feeds in use was given (--credentials FILE), so none was kept.",
            "2 emails may have been sent after the backup, and are held. Each booking says so; staff send the "
            "email again or withhold it.",
            "No list of erasures was given. Before anybody works with this: manage.py erasures apply FILE, with the newest.",
            "Restored.",
        ]
        assert bookings_there() == before
        assert [run(name).status for name in ("verify_holds", "verify_audit")] == [0, 0]


def test_restored_database_is_worked_with_at_once(backup: Path, elsewhere: Elsewhere) -> None:
    with elsewhere():
        restore(backup)
        client = Client()
        client.post("/accounts/login/", {"email": roles_person(roles.STAFF), "password": PASSWORD})

        shown = client.get("/calendar/week/?station=kitchen&date=2031-03-07")
        made = booking(Station.objects.get(code="kitchen"))

        assert (shown.status_code, made.version) == (200, 1)
        assert run("verify_audit").status == 0


def roles_person(group: str) -> str:
    return User.objects.get(groups__name=group).email


@pytest.mark.postgresql
def test_restored_database_has_its_wall(backup: Path, elsewhere: Elsewhere) -> None:
    with elsewhere():
        restore(backup)

        standing = policies._existing_stamps([one.table for one in policies.protected_tables()])

    assert standing == {one.table: policies._stamp(one) for one in policies.protected_tables()}


def plain(folder: Path) -> str:
    """All that is in a backup, also what is compressed there."""
    found = b"".join(path.read_bytes() for path in folder.iterdir())
    if (dump := folder / "data.dump").exists():
        script = subprocess.run(["pg_restore", "--file=-", dump], capture_output=True, check=True).stdout
        assert b"kitchen" in script
        found += script
    return found.decode("utf-8", "replace")


def test_backup_holds_neither_personal_data_nor_keys(backup: Path) -> None:
    held = plain(backup)

    assert Customer.objects.filter(erased_at=None).exists()
    assert "kitchen" in held
    assert [mark for mark in (*MARKS, "Ana García") if mark.lower() in held.lower()] == []
    assert [name for name in ("AAECAwQFBgcICQ", "ICEiIyQlJico", "QEFCQ0RFRkdI", "tests-only") if name in held] == []


def test_backup_holds_no_session(business: Station, tmp_path: Path) -> None:
    """Neither one that lasts nor, in a page of SQLite's that is free, one that has ended; no browser, no step to undo."""
    clients = [Client(headers={"User-Agent": "Vivaldi/7"}) for _n in range(2)]
    for client in clients:
        words = {"email": roles_person(roles.STAFF), "password": PASSWORD}
        assert client.post("/accounts/login/", words).status_code == 302
    keys = [client.cookies["stationbook_session"].value for client in clients]
    digests = [bytes(digest) for digest in Session.objects.values_list("digest", flat=True)]
    assert clients[1].post("/accounts/logout/").status_code == 302
    DjangoSession.objects.create(session_key="k" * 32, session_data="q" * 32, expire_date=timezone.now())
    step = UndoStep.objects.create(
        user=User.objects.latest("pk"), stack=uuid.uuid4(), station=business, booking=Booking.objects.latest("created_at"),
        event=Event.EDITED, changes="{}", version_before=1, version_after=2,
    )  # fmt: skip

    assert run("backup", tmp_path / "backup").status == 0

    held = plain(tmp_path / "backup")
    files = b"".join(path.read_bytes() for path in (tmp_path / "backup").iterdir())
    assert (len(digests), "accounts_session" in held) == (2, True)
    assert [
        text for text in (*keys, "k" * 32, "q" * 32, "Vivaldi", str(step.stack), step.stack.hex) if text in held
    ] == []
    assert [digest for digest in digests if digest in files or digest.hex() in held] == []


def test_backup_is_for_its_owner_alone(backup: Path) -> None:
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (backup, *backup.iterdir())}

    data = "data.sqlite3" if connection.vendor == "sqlite" else "data.dump"
    assert modes == {"backup": 0o700, data: 0o600, "erasures": 0o600, "manifest.json": 0o600}


@pytest.mark.looks
def test_backup_into_a_folder_is_named_by_its_time(business: Station, tmp_path: Path) -> None:
    (folder := tmp_path / "backups").mkdir()

    done = run("backup", folder)

    [made] = folder.iterdir()
    assert re.fullmatch(r"stationbook-\d{8}T\d{6}Z", made.name)
    assert done.out.startswith(f"{made}: ")


@pytest.mark.looks
def test_restore_signs_everybody_out(backup: Path, elsewhere: Elsewhere, tmp_path: Path) -> None:
    client = Client()
    client.force_login(User.objects.get(groups__name=roles.INTEGRATORS))
    run("backup", tmp_path / "later")

    with elsewhere():
        restore(tmp_path / "later")

        assert Session.objects.count() == 0
        assert client.get("/calendar/week/").status_code == 302


@pytest.mark.looks
def test_restore_holds_mails_that_may_have_gone(backup: Path, elsewhere: Elsewhere) -> None:
    waiting = {*Mail.objects.filter(state__in=OPEN).values_list("pk", flat=True)}

    with elsewhere():
        restore(backup)

        assert not Mail.objects.filter(state__in=OPEN).exists()
        held = Mail.objects.filter(state=State.FAILED, problem=Problem.UNKNOWN)
        assert {*held.values_list("pk", flat=True)} == waiting


@pytest.mark.looks
def test_change_after_a_restore_is_told_as_to_somebody_who_knows(backup: Path, elsewhere: Elsewhere) -> None:
    moved = Booking.objects.get(station__code="bar", customer__isnull=False, date="2031-03-08")

    with elsewhere():
        restore(backup)
        services.change_status(moved.pk, Status.CANCELLED, by=roles.OPERATOR)

        [told] = Mail.objects.filter(booking=moved.pk, state=State.WAITING)
        assert (told.kind, told.known_state and told.known_state.day.isoformat()) == (Kind.CANCELLED, "2031-03-08")


@pytest.mark.looks
def test_restore_reminds_nobody_whose_hour_has_passed(business: Station, elsewhere: Elsewhere, tmp_path: Path) -> None:
    soon = booking(business, customer=GUEST)
    starts = timezone.now() + timedelta(hours=3)
    long_ago = timezone.now() - timedelta(days=9)
    Booking.objects.filter(pk=soon.pk).update(
        date=starts.date(), starts_at=starts, ends_at=starts + timedelta(hours=1), created_at=long_ago
    )
    run("backup", tmp_path / "later")

    with elsewhere():
        restore(tmp_path / "later", "--with-faults")

        reminder = Mail.objects.get(booking=soon.pk, kind=Kind.REMINDER)
        assert (reminder.state, reminder.problem) == (State.FAILED, Problem.UNKNOWN)


@pytest.mark.looks
def test_restore_leaps_ahead_of_every_number_that_was_seen(backup: Path, elsewhere: Elsewhere) -> None:
    def numbers(further: int = 0, much_further: int = 0) -> list[set[tuple[Any, int]]]:
        versions = (
            Booking.objects.values_list("pk", "version"),
            Customer.objects.values_list("pk", "version"),
            Station.objects.values_list("code", "version"),
            Station.objects.values_list("code", "timetable_version"),
        )
        changes = Station.objects.values_list("code", "changes")
        leapt = [{(key, number - further) for key, number in each} for each in versions]
        return [*leapt, {(code, count - much_further) for code, count in changes}]

    before = numbers()

    with elsewhere():
        restore(backup)

        assert numbers(1_000, 1_000_000) == before


@pytest.mark.looks
def test_restore_erases_again_whom_the_newest_list_names(backup: Path, elsewhere: Elsewhere, tmp_path: Path) -> None:
    Booking.objects.update(status=Status.COMPLETED)
    gone = Customer.objects.kept().filter(station__code="kitchen").get()
    erasure.erase(gone.pk, by=roles.OPERATOR)
    run("erasures", "export", tmp_path / "newest")

    with elsewhere():
        done = restore(backup, "--erasures", tmp_path / "newest")

        assert "Erasures: 1 erased again, 1 erased already, 0 not in this database." in done.out
        assert Customer.objects.get(pk=gone.pk).name == ""


@pytest.mark.looks
def test_check_of_a_backup_restores_nothing(backup: Path, elsewhere: Elsewhere) -> None:
    with elsewhere():
        done = restore(backup, "--check")

    assert (done.status, done.out.splitlines()[1:]) == (0, ["The manifest is what was written."])
