"""Emails about people's own accounts: what a security notice says, where links lead, and that none is lost or waits for ever."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Any, Final

import pytest
import time_machine
from django.core.management import call_command
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone, translation
from pytest_django import Settings

from accounts import delegation, roles
from accounts.audit import origin
from accounts.audit.origin import Channel, Origin
from accounts.auth import account_emails, email_change, password_reset, sessions, two_factor
from accounts.auth.account_email_text import NOTICES
from accounts.auth.models import AccountEmail, EmailKind
from accounts.models import User
from bookings.mails import account_email_delivery, stats
from bookings.operations import worker
from core.mail.smtp import Outcome, SmtpTransport
from stations.models import Station
from tests.authenticator import code_of
from tests.bookings.mails.conftest import server_settings
from tests.bookings.mails.smtp_server import ScriptedSmtpServer
from tests.factories import UserFactory, person

NOON: Final = datetime(2031, 3, 7, 11, tzinfo=UTC)
ADDRESS: Final = "203.0.113.9"
Send = Callable[..., list[Outcome]]

pytestmark = pytest.mark.usefixtures("installed_mail_server")


@pytest.fixture
def send(mail_server: ScriptedSmtpServer) -> Send:
    """What a worker does, so much later."""

    def run(after: timedelta = timedelta(0)) -> list[Outcome]:
        found: list[Outcome] = []
        with SmtpTransport(server_settings(mail_server)) as transport:
            while outcome := account_email_delivery.deliver_next(transport, now=lambda: timezone.now() + after):
                found.append(outcome)
        return found

    return run


@pytest.fixture
def manager(station: Station) -> User:
    return person(roles.MANAGERS, station, email="manager@example.com")


def acting(actor: User | None) -> Any:
    """As in a request of theirs, or at the command line."""
    return origin.override_origin(Origin(Channel.PAGE, actor, ADDRESS) if actor else Origin())


def body_of(mail: EmailMessage) -> str:
    return str(mail.get_content()).replace("\r\n", "\n").replace("\N{NARROW NO-BREAK SPACE}", " ")


def test_notice_says_what_when_from_where_and_what_to_do(
    staff: User, mail_server: ScriptedSmtpServer, send: Send
) -> None:
    User.objects.filter(pk=staff.pk).update(name="Sam")
    staff.refresh_from_db()
    with time_machine.travel(NOON, tick=False), acting(staff):
        account_emails.queue(staff, EmailKind.API_KEY_CREATED, name="Web shop")
        assert send() == [Outcome.SENT]

    [mail] = mail_server.kept
    assert (mail["To"], mail["From"], mail["Subject"]) == (
        staff.email,
        "Stationbook <stationbook@localhost>",
        "An API key was created",
    )
    assert body_of(mail) == (
        "Hello Sam,\n\n"
        "The API key “Web shop” was created in your name.\n\n"
        "When: Friday 7 March 2031, 12:00 (time in Berlin)\n"
        "From: 203.0.113.9\n\n"
        "If this was you, you don't need to do anything.\n\n"
        "If it was not you, someone else is using your account. Sign in, choose a new password and revoke all access on your "
        "account page. If you can't sign in, ask a manager of your station to send you a link for a new password.\n\n"
        "https://book.example.com/accounts/me/\n"
    )


def test_notice_of_what_a_manager_did_names_them_and_speaks_the_stations_language(
    staff: User, manager: User, station: Station, mail_server: ScriptedSmtpServer, send: Send
) -> None:
    Station.objects.filter(pk=station.pk).update(language="de")
    with time_machine.travel(NOON, tick=False), acting(manager), translation.override("es"):
        delegation.notify_of_changes(staff, ["name", "groups"], old_email=staff.email)
        send()

    [mail] = mail_server.kept
    assert (mail["Subject"], mail["Content-Language"]) == ("Ihre Berechtigungen wurden geändert", "de")
    text = body_of(mail)
    wanted = ("Von: 203.0.113.9", "Durch: manager@example.com", "Gruppen: Station staff", "Stationen: Kitchen")
    assert [one for one in wanted if one not in text] == []


def test_notice_of_what_the_operator_did_says_so(staff: User, mail_server: ScriptedSmtpServer, send: Send) -> None:
    two_factor.confirm(staff, code_of(two_factor.start_enrolment(staff)))
    call_command("forget_second_factor", staff.email)
    send()

    mail = mail_server.kept[-1]
    assert mail["Subject"] == "Two-factor authentication is off"
    assert "By: the operator of the server" in body_of(mail)
    assert "From:" not in body_of(mail)


@pytest.mark.looks
@pytest.mark.parametrize("language", ["en", "es", "de"])
@pytest.mark.parametrize("kind", NOTICES)
def test_every_notice_is_written_in_every_language(
    staff: User, mail_server: ScriptedSmtpServer, send: Send, kind: EmailKind, language: str
) -> None:
    with acting(staff), translation.override(language):
        account_emails.queue(staff, kind, name="Web shop")
    subject, sentence = (str(words) for words in NOTICES[kind])

    send()

    [mail] = mail_server.kept
    with translation.override(language):
        said = str(NOTICES[kind][0]), str(NOTICES[kind][1]) % {"name": "Web shop"}
    assert mail["Subject"] == said[0]
    assert said[1] in body_of(mail)
    assert (language == "en") == (subject == said[0])
    assert (language == "en") == (sentence % {"name": "Web shop"} == said[1])
    assert mail["Content-Language"] == language


def test_every_kind_has_its_words() -> None:
    assert {*NOTICES, *account_emails.LINK_KINDS, EmailKind.RETENTION_NOTICE} == set(EmailKind)


def test_notice_and_change_stand_or_fall_together(staff: User) -> None:
    with transaction.atomic():
        sessions.save_password(staff)
        queued = AccountEmail.objects.count()
        transaction.set_rollback(True)

    assert (queued, AccountEmail.objects.count()) == (1, 0)


def test_nothing_is_queued_without_a_mail_server(staff: User, settings: Settings) -> None:
    settings.MAIL_SERVER = {}

    sessions.save_password(staff)

    assert not AccountEmail.objects.exists()


def test_recipient_and_details_rest_unreadable(manager: User, staff: User) -> None:
    with acting(manager):
        account_emails.queue(staff, EmailKind.API_KEY_CREATED, to="somebody.secret@example.com", name="Secret shop")
    with connection.cursor() as cursor:
        cursor.execute("SELECT email, details FROM accounts_accountemail")
        [stored] = cursor.fetchall()

    raw = b"".join(bytes(value) for value in stored)
    assert [word for word in (b"secret", b"Secret", b"manager@", ADDRESS.encode()) if word in raw] == []


def test_email_is_sent_once_and_its_row_goes(staff: User, mail_server: ScriptedSmtpServer, send: Send) -> None:
    sessions.save_password(staff)

    assert [send(), send(), len(mail_server.kept), AccountEmail.objects.count()] == [[Outcome.SENT], [], 1, 0]


def test_mail_server_that_has_no_time_is_asked_again(staff: User, mail_server: ScriptedSmtpServer, send: Send) -> None:
    mail_server.answers["RCPT"] = ["451 later"]
    sessions.save_password(staff)

    assert [send(), send(), send(timedelta(minutes=5))] == [[Outcome.DEFERRED], [], [Outcome.SENT]]


def test_email_that_cannot_be_sent_is_forgotten_after_two_days(
    staff: User, mail_server: ScriptedSmtpServer, send: Send
) -> None:
    sessions.save_password(staff)
    worker.tidy(timezone.now() + timedelta(hours=47))
    assert AccountEmail.objects.count() == 1

    assert send(timedelta(hours=49)) == []
    worker.tidy(timezone.now() + timedelta(hours=49))
    assert (mail_server.kept, AccountEmail.objects.count()) == ([], 0)


def test_email_survives_a_clock_that_leaps_and_is_put_right(
    staff: User, mail_server: ScriptedSmtpServer, send: Send
) -> None:
    sessions.save_password(staff)

    assert [send(timedelta(days=30)), send(), len(mail_server.kept)] == [[], [Outcome.SENT], 1]


def test_what_waits_is_forgotten_once_there_is_no_mail_server(staff: User, settings: Settings) -> None:
    sessions.save_password(staff)
    settings.MAIL_SERVER = {}

    worker.tidy(timezone.now())

    assert not AccountEmail.objects.exists()


def test_address_that_no_header_can_hold_stops_nothing(
    staff: User, mail_server: ScriptedSmtpServer, send: Send
) -> None:
    account_emails.queue(staff, EmailKind.EMAIL_CHANGED, to="a\u0301 b@exämple..com")
    sessions.save_password(staff)

    assert (send(), len(mail_server.kept)) == ([Outcome.REFUSED, Outcome.SENT], 1)


def test_address_that_no_header_holds_is_refused_once(
    staff: User, send: Send, caplog: pytest.LogCaptureFixture
) -> None:
    """The fields' own check takes a long s for an s."""
    User.objects.filter(pk=staff.pk).update(email="ſtaff@example.com")
    sessions.save_password(User.objects.get(pk=staff.pk))

    assert send() == [Outcome.REFUSED]

    assert not AccountEmail.objects.exists()
    assert "An account email could not be rendered" in caplog.text
    assert "taff@" not in caplog.text


def test_email_that_waits_is_seen_by_whoever_watches(staff: User) -> None:
    sessions.save_password(staff)

    assert stats.queue_stats(timezone.now() + timedelta(minutes=5)).oldest >= timedelta(minutes=5)


def test_restore_forgets_what_waited(staff: User) -> None:
    sessions.save_password(staff)
    email_change.change(staff, "new@example.com")

    sessions.revoke_access_of_everyone()

    assert not AccountEmail.objects.exists()


def link_in(mail: EmailMessage) -> str:
    [link] = re.findall(r"https://book\.example\.com(/\S+)", body_of(mail))
    return str(link)


def test_invitation_leads_to_a_first_password(
    station: Station, manager: User, mail_server: ScriptedSmtpServer, send: Send
) -> None:
    user = UserFactory(email="new@example.com")
    user.set_unusable_password()
    user.save()
    user.stations.add(station)
    with acting(manager):
        assert password_reset.create_manager_link(user) is None
    send()

    mail = mail_server.kept[0]
    answer = Client().post(link_in(mail), {"new": "seven green horses", "again": "seven green horses"})

    assert (mail["To"], mail["Subject"]) == ("new@example.com", "Your account for Stationbook")
    assert "manager@example.com has created an account for you" in body_of(mail)
    assert "You sign in with this email: new@example.com" in body_of(mail)
    assert answer.status_code == 200
    user.refresh_from_db()
    assert user.check_password("seven green horses")


def test_link_for_a_new_password_says_who_sent_it(
    staff: User, manager: User, mail_server: ScriptedSmtpServer, send: Send
) -> None:
    with acting(manager):
        password_reset.create_manager_link(staff)
    send()

    [mail] = mail_server.kept
    assert mail["Subject"] == "Choose a new password for Stationbook"
    assert "manager@example.com has sent you this link" in body_of(mail)
    assert Client().get(link_in(mail)).status_code == 200


def test_link_goes_to_nobody_who_was_made_inactive_and_the_notice_does(
    staff: User, manager: User, mail_server: ScriptedSmtpServer, send: Send
) -> None:
    with acting(manager):
        password_reset.create_manager_link(staff)
        User.objects.filter(pk=staff.pk).update(is_active=False)
        delegation.notify_of_changes(staff, ["is_active"], old_email=staff.email)

    send()

    assert [mail["Subject"] for mail in mail_server.kept] == ["Your permissions were changed"]


def test_worker_sends_them_on_its_rounds(staff: User, mail_server: ScriptedSmtpServer) -> None:
    sessions.save_password(staff)
    with SmtpTransport(server_settings(mail_server)) as transport:
        assert worker.run_once(transport) == 1

    assert mail_server.kept[0]["Subject"] == "Your password was changed"
