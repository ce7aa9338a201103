"""Managers are told before the worker erases anybody at their station, and have days to stop it."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from email.message import EmailMessage
from typing import Any, Final

import pytest
import time_machine
from django.utils import timezone

from accounts import roles
from accounts.customers import Contact
from accounts.models import AccountEmail, AuditEntry, Customer, User
from bookings.admin.audit_trail import describe
from bookings.mails import account_email_delivery
from bookings.models import RetentionNotice
from bookings.operations import worker
from core.mail.smtp import SmtpTransport
from stations.models import Station
from tests.bookings.mails.conftest import mail_server as mail_server  # a fixture
from tests.bookings.mails.conftest import server_settings
from tests.bookings.mails.smtp_server import ScriptedSmtpServer
from tests.concurrency import run_concurrently
from tests.factories import booking, open_station, person, staff

NOON: Final = datetime(2031, 3, 7, 11, tzinfo=UTC)
DAY: Final = timedelta(days=1)


@pytest.fixture
def clock(db: None) -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOON, tick=False) as clock:
        yield clock


@pytest.fixture
def station(clock: time_machine.Traveller, station: Station, settings: Any, mail_server: ScriptedSmtpServer) -> Station:
    """Keeps customers for a year, and has two whose last booking is longer ago."""
    settings.MAIL_SERVER, settings.PUBLIC_URL = server_settings(mail_server), "https://book.example.com"
    Station.objects.update(retention_months=12)
    station.refresh_from_db()
    for name in ("Ana", "Leo"):
        contact = Contact(name, f"{name}@example.com")
        booking(station, date(2030, 1, 7), time(18), customer=contact)
    return station


@pytest.fixture
def manager(station: Station) -> User:
    staff(station)
    return person(roles.MANAGERS, station, email="manager@example.com", name="Sam")


def work(mail_server: ScriptedSmtpServer) -> list[EmailMessage]:
    """What a worker does in a day; the emails that it sends."""
    before = len(mail_server.kept)
    worker.retain(timezone.now())
    with SmtpTransport(server_settings(mail_server)) as transport:
        while account_email_delivery.deliver_next(transport):
            pass
    return mail_server.kept[before:]


def kept() -> int:
    return Customer.objects.kept().count()


def body_of(mail: EmailMessage) -> str:
    return str(mail.get_content()).replace("\r\n", "\n")


def test_managers_are_told_what_will_be_erased_when_and_how_to_stop_it(
    station: Station, manager: User, mail_server: ScriptedSmtpServer
) -> None:
    [mail] = work(mail_server)

    assert (mail["To"], mail["Subject"]) == (
        "manager@example.com",
        "Customers of Kitchen will be erased from Friday 14 March 2031",
    )
    assert body_of(mail) == (
        "Hello Sam,\n\n"
        "Kitchen keeps customer data for 12 months after a customer's last booking. From Friday 14 March 2031, "
        "Stationbook will erase customers whose retention period has ended.\n\n"
        "Today, this applies to 2 customers. Their last booking ended before Thursday 7 March 2030.\n"
        "Their name, email, phone, notes and special requests will be permanently erased. "
        "Their bookings are kept without a name.\n\n"
        "To stop this, open the station's settings before that day and clear the number of months or enter a larger one. "
        "If you agree, you do not need to do anything.\n\n"
        f"https://book.example.com/admin/stations/station/{station.pk}/change/\n\n"
        "If these dates or numbers look wrong, contact the person who runs the server: its clock may be wrong.\n"
    )
    assert kept() == 2


def test_customers_are_erased_once_the_notice_period_is_over(
    clock: time_machine.Traveller, manager: User, mail_server: ScriptedSmtpServer
) -> None:
    left = []
    for day in (0, 1, 6, 7):
        clock.move_to(NOON + day * DAY)
        work(mail_server)
        left.append(kept())

    assert (left, len(mail_server.kept)) == ([2, 2, 2, 0], 1)


def test_nobody_is_erased_before_the_notice_was_sent(
    clock: time_machine.Traveller, manager: User, mail_server: ScriptedSmtpServer
) -> None:
    mail_server.answers["RCPT"] = ["451 later"] * 100
    work(mail_server)
    clock.move_to(NOON + 30 * DAY)
    work(mail_server)
    mail_server.answers["RCPT"] = []
    clock.move_to(NOON + 30 * DAY + timedelta(hours=1))
    work(mail_server)
    clock.move_to(NOON + 36 * DAY)
    work(mail_server)
    before = kept()
    clock.move_to(NOON + 38 * DAY)
    work(mail_server)

    assert (before, kept()) == (2, 0)


def test_notice_that_no_mail_server_took_is_sent_again(
    clock: time_machine.Traveller, manager: User, mail_server: ScriptedSmtpServer
) -> None:
    mail_server.answers["RCPT"] = ["550 5.1.1 nobody"]
    work(mail_server)
    clock.move_to(NOON + 3 * DAY)
    work(mail_server)

    assert (len(mail_server.kept), RetentionNotice.objects.get().sent_at) == (1, NOON + 3 * DAY)


def test_rule_that_a_manager_takes_away_erases_nobody_and_is_told_again_when_it_is_back(
    clock: time_machine.Traveller, manager: User, mail_server: ScriptedSmtpServer
) -> None:
    work(mail_server)
    Station.objects.update(retention_months=None)
    clock.move_to(NOON + 8 * DAY)
    work(mail_server)
    Station.objects.update(retention_months=12)
    work(mail_server)

    assert (kept(), len(mail_server.kept), RetentionNotice.objects.get().sent_at) == (2, 2, NOON + 8 * DAY)


@pytest.mark.parametrize(("months", "left"), [(6, 2), (13, 0)])
def test_shorter_rule_is_told_again_and_a_longer_one_is_not(
    clock: time_machine.Traveller, manager: User, mail_server: ScriptedSmtpServer, months: int, left: int
) -> None:
    work(mail_server)
    Station.objects.update(retention_months=months)
    clock.move_to(NOON + 8 * DAY)
    work(mail_server)

    assert kept() == left


def test_station_where_nobody_is_due_sends_no_notice(
    station: Station, manager: User, mail_server: ScriptedSmtpServer
) -> None:
    Station.objects.update(retention_months=24)

    assert (work(mail_server), RetentionNotice.objects.exists()) == ([], False)


def test_station_without_managers_tells_superusers(station: Station, mail_server: ScriptedSmtpServer) -> None:
    staff(station)
    person(roles.MANAGERS, station, is_active=False)
    User.objects.create_superuser("root@example.com", "four quiet green horses")

    assert [mail["To"] for mail in work(mail_server)] == ["root@example.com"]


def test_station_where_nobody_can_be_emailed_is_logged(
    clock: time_machine.Traveller,
    station: Station,
    manager: User,
    mail_server: ScriptedSmtpServer,
    settings: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    settings.MAIL_SERVER = {}
    worker.retain(NOON)
    before = kept()
    clock.move_to(NOON + 7 * DAY)
    worker.retain(timezone.now())

    assert (before, kept()) == (2, 0)
    assert "2 customers of station kitchen will be erased from 2031-03-14 on" in caplog.text


def test_days_are_counted_again_where_the_clock_was_ahead(
    clock: time_machine.Traveller, manager: User, mail_server: ScriptedSmtpServer
) -> None:
    clock.move_to(NOON + 90 * DAY)
    work(mail_server)
    clock.move_to(NOON)
    work(mail_server)
    clock.move_to(NOON + 7 * DAY)
    work(mail_server)

    assert kept() == 0


def test_notice_is_in_the_audit_log(station: Station, manager: User, mail_server: ScriptedSmtpServer) -> None:
    work(mail_server)

    entry = AuditEntry.objects.get(event="retention_notice")
    assert (entry.station, entry.object_pk, entry.actor) == (station, str(station.pk), None)
    assert entry.changes == {"customers_due": [None, 2], "erased_from": [None, "2031-03-14"]}
    assert describe(entry, None) == "Notice to managers: 2 customers due, erased from 2031-03-14"


def test_notice_and_its_emails_stand_or_fall_together(
    station: Station, manager: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_fields: Any, **_options: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(AuditEntry.objects, "log_create", broken)
    with pytest.raises(ZeroDivisionError):
        worker.retain(NOON)

    assert (RetentionNotice.objects.exists(), AccountEmail.objects.exists()) == (False, False)


@pytest.mark.long
@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_workers_at_once_tell_managers_once(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kitchen = open_station(code="kitchen", retention_months=12)
    booking(kitchen, timezone.now().date() - 800 * DAY, time(18), customer=Contact("Ana", "ana@example.com"))
    person(roles.MANAGERS, kitchen)
    monkeypatch.setenv("EMAIL_URL", "smtp://127.0.0.1:9")

    run_concurrently(database_url, 4, module="tests.bookings.notifier")

    notices = AuditEntry.objects.filter(event="retention_notice").count()
    assert (RetentionNotice.objects.count(), AccountEmail.objects.count(), notices) == (1, 1, 1)


@pytest.mark.parametrize("language", ["es", "de"])
def test_notice_speaks_the_station_s_language(
    station: Station, manager: User, mail_server: ScriptedSmtpServer, language: str
) -> None:
    Station.objects.update(language=language)

    [mail] = work(mail_server)

    assert mail["Content-Language"] == language
    assert "will be erased" not in str(mail["Subject"])
    assert "Stationbook erases" not in body_of(mail)
