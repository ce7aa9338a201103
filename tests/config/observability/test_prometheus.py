"""What is counted, and who may read it."""

import os
import re
import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection, transaction
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from accounts import roles
from accounts.auth import sessions
from accounts.models import User
from bookings import services
from bookings.errors import SlotFull
from bookings.models import Booking, Mail, WorkerBeat
from bookings.models.mail_state import State
from bookings.models.status import Status
from bookings.operations import clock_check
from bookings.operations.clock_check import ClockWatch
from bookings.operations.heartbeat import Heartbeat
from bookings.services import Draft, Place
from config.observability import prometheus
from stations.models import Station
from tests.bookings.mails.conftest import mail_server as mail_server  # a fixture
from tests.bookings.mails.conftest import server_settings
from tests.bookings.mails.smtp_server import ScriptedSmtpServer
from tests.bookings.mails.test_outbox import create
from tests.factories import FRIDAY, PASSWORD, SATURDAY, booking, bookings, open_station, person

pytestmark = pytest.mark.looks

TOKEN = "a-token-of-twenty-characters"
Labels = frozenset[tuple[str, str]]


@pytest.fixture(autouse=True)
def guarded(settings: LazySettings) -> None:
    settings.METRICS_TOKEN = TOKEN


def scrape() -> dict[tuple[str, Labels], float]:
    answer = Client().get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.content.decode())
        for sample in family.samples
    }


def grown(act: Callable[[], Any], name: str) -> dict[Labels, float]:
    """By how much each counter of that name grew."""
    before = scrape()
    act()
    after = scrape()
    return {
        key[1]: value - before.get(key, 0)
        for key, value in after.items()
        if key[0] == name and value != before.get(key, 0)
    }


def labelled(**labels: str) -> Labels:
    return frozenset(labels.items())


@pytest.mark.parametrize("said", ["", "Bearer ", f"Bearer {TOKEN}x", f"bearer {TOKEN}", TOKEN, "Bearer é"])
def test_metrics_are_for_whoever_bears_the_token(db: None, said: str) -> None:
    answer = Client().get("/metrics", headers={"Authorization": said})

    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")
    assert b"stationbook" not in answer.content


def test_metrics_are_nowhere_without_a_token(db: None, settings: LazySettings) -> None:
    settings.METRICS_TOKEN = ""

    assert [Client().get("/metrics", headers={"Authorization": said}).status_code for said in ("", "Bearer ")] == [
        404
    ] * 2


def test_requests_are_counted_by_template_method_and_status(staff: User, station: Station) -> None:
    client, made = Client(), booking(station)
    client.force_login(staff)

    def ask() -> None:
        client.get(f"/bookings/{made.pk}/")
        client.get(f"/bookings/{uuid4()}/")
        client.get(f"/{uuid4()}/")

    route = "/bookings/<uuid:booking_id>/"
    found = grown(ask, "stationbook_requests_total")
    assert {key: value for key, value in found.items() if ("route", "/metrics") not in key} == {
        labelled(route=route, method="GET", status="2xx"): 1,
        labelled(route=route, method="GET", status="4xx"): 1,
        labelled(route="(unknown)", method="GET", status="4xx"): 1,
    }
    times = grown(ask, "stationbook_request_seconds_count")
    assert times[labelled(route=route, method="GET")] == 2


def test_request_is_in_hand_until_it_is_answered(db: None) -> None:
    """Other tests leave answers that they never close; a server closes each."""
    first, second = (scrape()["stationbook_requests_in_hand", frozenset()] for _time in range(2))

    assert first == second >= 1


def test_process_that_was_killed_holds_no_request_and_keeps_its_counts(tmp_path: Path) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    names = [f"{kind}_{pid}.db" for kind in ("gauge_livesum", "counter") for pid in (gone.pid, os.getpid())]
    for name in names:
        (tmp_path / name).touch()

    prometheus.mark_dead_processes(str(tmp_path))

    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names[1:])


def test_changes_of_bookings_are_counted(transactional_db: None) -> None:
    kitchen = open_station(code="kitchen")
    staff = person(roles.STAFF, kitchen)

    def work() -> None:
        draft = Draft(station="kitchen", date=FRIDAY, slot=kitchen.openings.all()[0].start)
        made = services.create(draft, by=staff)
        services.reschedule(made.pk, to=Place(SATURDAY, made.slot), by=staff)
        services.change_status(made.pk, Status.CONFIRMED, by=staff)
        services.edit(made.pk, {"party_adults": 2}, by=staff)
        bookings(3, kitchen, FRIDAY, made.slot)
        with pytest.raises(SlotFull):
            services.create(draft, by=staff)

    assert grown(work, "stationbook_bookings_total") == {
        labelled(action="create", outcome="done"): 1,
        labelled(action="create", outcome="slot_full"): 1,
        labelled(action="reschedule", outcome="done"): 1,
        labelled(action="status", outcome="done"): 1,
        labelled(action="edit", outcome="done"): 1,
        labelled(action="import", outcome="done"): 3,
    }


def test_change_that_is_rolled_back_is_not_counted(transactional_db: None) -> None:
    kitchen = open_station(code="kitchen")

    def work() -> None:
        with transaction.atomic():
            booking(kitchen)
            transaction.set_rollback(True)

    assert grown(work, "stationbook_bookings_total") == {}


def test_import_counts_each_row_that_is_refused(transactional_db: None) -> None:
    kitchen = open_station(code="kitchen", capacity=1)
    draft = Draft(station="kitchen", date=FRIDAY, slot=kitchen.openings.all()[0].start)

    found = grown(lambda: services.create_many([draft] * 3, by=roles.OPERATOR), "stationbook_bookings_total")

    assert found == {
        labelled(action="import", outcome="done"): 1,
        labelled(action="import", outcome="slot_full"): 2,
    }


def test_refusals_are_counted_by_code(staff: User, station: Station) -> None:
    client, made = Client(), booking(station)
    client.force_login(staff)
    place = {"date": "2031-03-08", "slot": "03:00", "version": 1}

    def ask() -> None:
        Client().get("/api/stations/")
        client.get("/api/nowhere/")
        client.get("/nowhere/")
        client.post(f"/bookings/{made.pk}/move/", place)
        client.post(f"/bookings/{made.pk}/step/", {"status": "pending", "version": 1})

    assert grown(ask, "stationbook_refusals_total") == {
        labelled(code="not_authenticated"): 1,
        labelled(code="not_found"): 2,
        labelled(code="no_such_slot"): 1,
        labelled(code="invalid_step"): 1,
    }


def test_sign_ins_are_counted(staff: User) -> None:
    def ask() -> None:
        for password in (PASSWORD, "wrong"):
            Client().post("/accounts/login/", {"email": staff.email, "password": password})

    assert grown(ask, "stationbook_sign_ins_total") == {labelled(outcome="done"): 1, labelled(outcome="refused"): 1}


def test_waits_for_locks_are_timed(transactional_db: None) -> None:
    kitchen = open_station(code="kitchen")
    draft = Draft(station="kitchen", date=FRIDAY, slot=kitchen.openings.all()[0].start)

    found = grown(lambda: services.create(draft, by=roles.OPERATOR), "stationbook_lock_wait_seconds_count")

    both = {labelled(on="station"): 1} | ({labelled(on="database"): 1} if connection.vendor == "sqlite" else {})
    assert found == both


def test_errors_of_the_database_are_counted_once(staff: User) -> None:
    client, raised = Client(raise_request_exception=False), []
    client.force_login(staff)

    def away(*_call: Any) -> Any:
        raised.append(OperationalError("db.internal"))
        raise raised[-1]

    def ask() -> None:
        with connection.execute_wrapper(away):
            assert client.get("/calendar/week/").status_code == 503
            assert client.get("/api/stations/").status_code == 503

    found = grown(ask, "stationbook_database_errors_total")

    assert found == {labelled(kind="OperationalError"): len(raised)}
    assert len(raised) >= 2


def test_database_says_how_mails_and_workers_are(station: Station) -> None:
    Heartbeat().beat(timezone.now())
    create(station)
    Booking.objects.update(needs_place=True)

    found = scrape()

    assert found["stationbook_database_up", frozenset()] == 1
    assert found["stationbook_mail_queue", labelled(state="waiting")] == 1
    assert found["stationbook_mail_queue", labelled(state="sending")] == 0
    assert found["stationbook_mail_queue_oldest_seconds", frozenset()] < 60
    assert found["stationbook_workers", frozenset()] == 1
    assert found["stationbook_worker_round_seconds", frozenset()] == 0
    assert found["stationbook_worker_heartbeat_age_seconds", frozenset()] < 60
    assert found["stationbook_bookings_displaced", frozenset()] == 1
    assert found["stationbook_wal_archive_failing_seconds", frozenset()] == 0


def test_round_that_does_not_end_is_reported(db: None) -> None:
    WorkerBeat.objects.create(seen_at=timezone.now(), round="retention", round_seconds=4_000)
    WorkerBeat.objects.create(seen_at=timezone.now() - timedelta(hours=1), round="tidying", round_seconds=9_000)

    assert scrape()["stationbook_worker_round_seconds", frozenset()] == 4_000


def test_clock_in_doubt_is_reported(db: None) -> None:
    before = scrape()["stationbook_clock_trusted", frozenset()]
    clock_check.confirm(timezone.now() - timedelta(days=20))
    ClockWatch().observe(timezone.now())

    assert (before, scrape()["stationbook_clock_trusted", frozenset()]) == (1, 0)
    assert abs(scrape()["stationbook_clock_difference_seconds", frozenset()]) < 5


@pytest.mark.slow
def test_age_of_the_last_backup_is_reported(transactional_db: None, tmp_path: Path) -> None:
    never = scrape()["stationbook_backup_age_seconds", frozenset()]
    with time_machine.travel(timezone.now() - timedelta(hours=30)):
        call_command("backup", str(tmp_path / "first"))
    old = scrape()["stationbook_backup_age_seconds", frozenset()]
    with pytest.raises(CommandError):
        call_command("backup", str(tmp_path / "first" / "manifest.json" / "nowhere"))
    failed = scrape()["stationbook_backup_age_seconds", frozenset()]
    call_command("backup", str(tmp_path / "second"))
    new = scrape()["stationbook_backup_age_seconds", frozenset()]

    assert never == float("inf")
    assert 30 * 3600 <= old <= failed < 31 * 3600
    assert new < 600


def test_emails_are_counted_by_kind(
    station: Station, staff: User, mail_server: ScriptedSmtpServer, settings: LazySettings
) -> None:
    settings.MAIL_SERVER = server_settings(mail_server)
    create(station)
    sessions.save_password(staff)

    found = grown(lambda: call_command("deliver", "--once"), "stationbook_mails_total")

    assert found == {
        labelled(kind="made", outcome="sent"): 1,
        labelled(kind="password_changed", outcome="sent"): 1,
    }


def test_mails_of_the_last_hour_are_counted_by_their_end(station: Station) -> None:
    now = timezone.now()
    for state, ago in ((State.SENT, 1), (State.FAILED, 59), (State.SENT, 61)):
        create(station)
        mail = Mail.objects.get(ended_at=None)
        mail.state, mail.message, mail.ended_at = state, "x", now - timedelta(minutes=ago)
        mail.save()

    found = scrape()

    assert {
        state: found["stationbook_mails_ended", labelled(state=state)] for state in ("sent", "failed", "unreached")
    } == {
        "sent": 1,
        "failed": 1,
        "unreached": 0,
    }


def test_without_its_database_the_rest_is_still_reported(db: None) -> None:
    def away(*_call: Any) -> Any:
        raise OperationalError("db.internal")

    with connection.execute_wrapper(away):
        found = scrape()

    assert found["stationbook_database_up", frozenset()] == 0
    assert "stationbook_mail_queue" not in {name for name, _labels in found}
    assert "stationbook_requests_total" in {name for name, _labels in found}


def test_document_names_every_metric_with_its_labels(station: Station, settings: LazySettings) -> None:
    document = (settings.BASE_DIR / "docs/monitoring.md").read_text()
    rows = re.findall(r"^\| (`stationbook_[^|]*) \|([^|]*)\|", document, re.MULTILINE)
    named = {name: {*re.findall(r"\w+", labels)} for names, labels in rows for name in re.findall(r"`(\w+)`", names)}

    booking(station)
    Client().get("/accounts/login/")
    told: dict[str, set[str]] = {}
    for name, labels in scrape():
        if name.startswith("stationbook_") and not name.endswith("_created"):
            plain = re.sub(r"_(bucket|count|sum)$", "", name)
            told.setdefault(plain, set()).update({label for label, _value in labels} - {"le"})
    assert told == named
