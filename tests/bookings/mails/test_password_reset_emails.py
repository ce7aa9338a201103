"""A forgotten password, as somebody tries it who wants another's account: what is told, what is mailed, what a link is worth."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from accounts import roles
from accounts.auth import authentication, password_reset, two_factor
from accounts.models import AuditEntry, ResetRequest, User
from bookings.mails import account_email_delivery
from bookings.operations import worker
from core.mail import smtp
from core.mail.smtp import Outcome, SmtpTransport
from stations.models import Station
from tests.authenticator import code_of
from tests.bookings.mails.conftest import server_settings
from tests.bookings.mails.smtp_server import ScriptedSmtpServer
from tests.concurrency import run_concurrently
from tests.factories import PASSWORD, UserFactory, person

ASK: Final = "/accounts/forgotten/"
NEW: Final = "seven quiet green horses"
Send = Callable[..., list[Outcome]]

pytestmark = pytest.mark.usefixtures("installed_mail_server")


@pytest.fixture
def send(mail_server: ScriptedSmtpServer, monkeypatch: pytest.MonkeyPatch) -> Send:
    """What a worker does, so much later."""
    monkeypatch.setattr(smtp, "TIMEOUT_SECONDS", 0.5)

    def run(after: timedelta = timedelta(0)) -> list[Outcome]:
        found: list[Outcome] = []
        with SmtpTransport(server_settings(mail_server)) as transport:
            while (
                outcome := account_email_delivery.deliver_next(transport, now=lambda: timezone.now() + after)
            ) is not None:
                found.append(outcome)
        return found

    return run


def ask(email: str, client: Client | None = None, **headers: str) -> Any:
    return (client or Client()).post(ASK, {"email": email}, headers=headers)


def link_in(mail_server: ScriptedSmtpServer) -> str:
    """The one link of the one mail that has come."""
    [mail] = mail_server.take_out()
    [link] = re.findall(r"https?://\S+", mail.get_content())
    return str(link)


def path_of(link: str) -> str:
    return link.removeprefix("https://book.example.com")


def link_for(user: User) -> str:
    return f"/accounts/new-password/{password_reset.make_token(user)}/"


def choose(path: str, new: str = NEW, again: str = NEW) -> int:
    return Client().post(path, {"new": new, "again": again}).status_code


def log_in(user: User, password: str, code: str = "") -> Client | None:
    client = Client()
    answer = client.post("/accounts/login/", {"email": user.email, "password": password, "code": code})
    return client if answer.status_code == 302 else None


def test_whoever_forgot_their_password_chooses_another_by_mail(
    staff: User, mail_server: ScriptedSmtpServer, send: Send
) -> None:
    assert "sent you a link" in ask(staff.email.upper()).content.decode()
    assert send() == [Outcome.SENT]

    mail = mail_server.kept[0]
    path = path_of(link_in(mail_server))

    assert (mail["To"], mail["Subject"]) == (staff.email, "Your new password for Stationbook")
    assert Client().get(path).status_code == 200
    assert choose(path) == 200
    assert log_in(staff, PASSWORD) is None
    assert log_in(staff, NEW)
    assert not ResetRequest.objects.exists()


def test_new_password_ends_what_was_before_and_is_recorded(staff: User) -> None:
    browser, access = log_in(staff, PASSWORD), authentication.issue_tokens(staff)["access"]
    staff.refresh_from_db()
    assert browser

    assert choose(link_for(staff)) == 200

    assert browser.get("/accounts/me/").status_code == 302
    assert Client().get("/api/stations/", headers={"Authorization": f"Bearer {access}"}).status_code == 401
    entry = AuditEntry.objects.get(event="password")
    assert (entry.actor, entry.object_pk, entry.channel) == (staff, str(staff.pk), "page")


def inactive() -> User:
    return UserFactory(email="gone@example.com", is_active=False)


def without_password() -> User:
    user = UserFactory(email="keyless@example.com")
    user.set_unusable_password()
    user.save()
    return user


@pytest.mark.parametrize("make", [inactive, without_password, lambda: UserFactory.build(email="nobody@example.com")])
def test_nobody_is_written_to_but_who_may_log_in(
    staff: User, mail_server: ScriptedSmtpServer, send: Send, make: Callable[[], User]
) -> None:
    ask(make().email)

    assert (send(), mail_server.kept, ResetRequest.objects.count()) == ([], [], 0)


def test_answer_and_its_cost_tell_nobody_who_has_an_account(staff: User) -> None:
    told = []
    ask("first@example.com")  # so that what is read once for all has been read
    for email in (staff.email, inactive().email, without_password().email, "nobody@example.com"):
        with CaptureQueriesContext(connection) as asked:
            answer = ask(email)
        page = re.sub(r'nonce="[^"]*"|value="[^"]*"', "", answer.content.decode())
        told.append((answer.status_code, page, [one["sql"].split("(")[0] for one in asked]))

    assert told == [told[0]] * 4


def test_link_leads_to_the_product_whatever_host_a_request_names(
    staff: User, mail_server: ScriptedSmtpServer, send: Send, settings: Settings
) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    ask(staff.email, Host="evil.example.org", X_Forwarded_Host="evil.example.org")
    send()

    assert link_in(mail_server).startswith("https://book.example.com/accounts/new-password/")


def test_link_is_good_once(staff: User) -> None:
    path = link_for(staff)

    assert [choose(path), choose(path, "another long one", "another long one"), Client().get(path).status_code] == [
        200, 404, 404,
    ]  # fmt: skip
    assert log_in(staff, NEW)


def test_link_is_over_after_an_hour(staff: User) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        path = link_for(staff)
        clock.shift(timedelta(minutes=59))
        assert Client().get(path).status_code == 200
        clock.shift(timedelta(minutes=2))
        assert choose(path) == 404


def logged_in(user: User) -> None:
    log_in(user, PASSWORD)


def deactivated(user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)


def ended(user: User) -> None:
    User.objects.filter(pk=user.pk).update(epoch=user.epoch + 1)


def with_another_email(user: User) -> None:
    User.objects.filter(pk=user.pk).update(email="new@example.com")


def with_another_password(user: User) -> None:
    user.set_password("another long enough one")
    user.save()


def deleted(user: User) -> None:
    user.delete()


@pytest.mark.parametrize("become", [logged_in, deactivated, ended, with_another_email, with_another_password, deleted])
def test_link_is_over_when_its_person_changed(staff: User, become: Callable[[User], None]) -> None:
    path = link_for(staff)

    become(staff)

    assert (choose(path), Client().get(path).status_code) == (404, 404)


@pytest.mark.parametrize(
    "ticket",
    ["x", "-", "1-", "{other}-{token}", "{pk}-{token}x", "{pk}-a-b", "९-{token}", "9999999999999999999-{token}"],
)
def test_forged_link_opens_nothing(staff: User, station: Station, ticket: str) -> None:
    other = person(roles.STAFF, station)
    token = password_reset.make_token(staff).partition("-")[2]

    path = f"/accounts/new-password/{ticket.format(pk=staff.pk, other=other.pk, token=token)}/"

    assert (choose(path), Client().get(path).status_code) == (404, 404)
    assert log_in(other, PASSWORD)


def test_new_password_must_be_a_good_one(staff: User) -> None:
    path = link_for(staff)

    assert [choose(path, "12345678", "12345678"), choose(path, NEW, "x"), choose(path, "", "")] == [400] * 3
    assert log_in(staff, PASSWORD)


def test_second_factor_is_still_asked_for(staff: User) -> None:
    secret = two_factor.start_enrolment(staff)
    two_factor.confirm(staff, code_of(secret, steps=-1))

    assert choose(link_for(staff)) == 200

    assert log_in(staff, NEW) is None
    assert log_in(staff, NEW, code_of(secret))


def test_new_password_signs_nobody_in(staff: User) -> None:
    client = Client()
    client.post(link_for(staff), {"new": NEW, "again": NEW})

    assert "_auth_user_id" not in client.session


@pytest.mark.parametrize("missing", ["MAIL_SERVER", "PUBLIC_URL"])
def test_without_mail_or_an_address_of_its_own_nothing_is_offered(
    staff: User, settings: Settings, missing: str
) -> None:
    path = link_for(staff)
    assert "Forgot your password?" in Client().get("/accounts/login/").content.decode()
    setattr(settings, missing, "")

    assert [Client().get(ASK).status_code, ask(staff.email).status_code, choose(path)] == [404] * 3
    assert "Forgot your password?" not in Client().get("/accounts/login/").content.decode()


def test_one_account_is_written_to_three_times_an_hour_and_nobody_learns_of_it(
    staff: User, mail_server: ScriptedSmtpServer, send: Send
) -> None:
    spellings = [staff.email, staff.email.upper(), f"\u200b{staff.email}", f"{staff.email}\u200e", f" {staff.email}"]
    answers = {ask(email).status_code for email in [*spellings, *["nobody@example.com"] * 5]}

    send()

    assert (answers, len(mail_server.kept)) == ({200}, 3)


def test_one_address_asks_thirty_times_an_hour(db: None) -> None:
    answers = [ask(f"nobody{number}@example.com").status_code for number in range(30)]

    refused = ask("nobody@example.com")

    assert (set(answers), refused.status_code) == ({200}, 429)
    assert 0 < int(refused.headers["Retry-After"]) <= 3600


def test_no_secret_leaves_by_the_pages_headers(staff: User) -> None:
    answer = Client().get(link_for(staff))

    assert answer.headers["Referrer-Policy"] == "strict-origin"
    assert "no-store" in answer.headers["Cache-Control"]


def test_e_mail_that_is_asked_for_rests_unreadable(staff: User) -> None:
    ask("somebody.secret@example.com")
    with connection.cursor() as cursor:
        cursor.execute("SELECT email FROM accounts_resetrequest")
        [(stored,)] = cursor.fetchall()

    assert b"somebody" not in bytes(stored)


def test_mail_server_that_has_no_time_is_asked_again(staff: User, mail_server: ScriptedSmtpServer, send: Send) -> None:
    mail_server.answers["RCPT"] = ["451 later"]
    ask(staff.email)

    assert send() == [Outcome.DEFERRED]
    assert send() == []
    assert send(timedelta(minutes=5)) == [Outcome.SENT]
    assert send(timedelta(minutes=30)) == []


def test_request_that_cannot_be_mailed_is_forgotten_after_an_hour(
    staff: User, mail_server: ScriptedSmtpServer, send: Send
) -> None:
    ask(staff.email)

    assert send(timedelta(minutes=61)) == []
    worker.tidy(timezone.now() + timedelta(minutes=61))
    assert (mail_server.kept, ResetRequest.objects.count()) == ([], 0)


def test_request_that_no_worker_came_for_is_forgotten(staff: User) -> None:
    ask(staff.email)
    worker.tidy(timezone.now() + timedelta(minutes=59))
    assert ResetRequest.objects.count() == 1

    worker.tidy(timezone.now() + timedelta(minutes=61))

    assert ResetRequest.objects.count() == 0


def test_worker_sends_it_on_its_rounds(staff: User, mail_server: ScriptedSmtpServer) -> None:
    ask(staff.email)
    with SmtpTransport(server_settings(mail_server)) as transport:
        assert worker.run_once(transport) == 1

    assert link_in(mail_server)


def test_mail_speaks_the_language_in_which_it_was_asked_for(
    staff: User, mail_server: ScriptedSmtpServer, send: Send
) -> None:
    ask(staff.email, Accept_Language="de")
    send()

    assert (mail_server.kept[0]["Subject"], mail_server.kept[0]["Content-Language"]) == (
        "Ihr neues Passwort für Stationbook",
        "de",
    )


@pytest.mark.race
def test_one_of_eight_processes_uses_a_link(database_url: str) -> None:
    user = UserFactory(email="racer@example.com")

    printed = run_concurrently(database_url, 8, "choose", password_reset.make_token(user), NEW)

    assert sorted(printed) == ["chosen", *["refused"] * 7]
