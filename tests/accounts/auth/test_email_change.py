"""Changing one's own email, and abusing it: with someone else's address, someone else's link or an old link."""

import re
from datetime import timedelta
from typing import Any, Final

import pytest
import time_machine
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts import roles
from accounts.auth import account_email_text, account_emails
from accounts.auth.models import AccountEmail, EmailChange, EmailKind
from accounts.models import AuditEntry, User
from stations.models import Station
from tests.concurrency import run_concurrently
from tests.factories import PASSWORD, person

PAGE: Final = "/accounts/me/email/"
NEW: Final = "new@example.com"


@pytest.fixture
def mailed(settings: Settings) -> None:
    settings.MAIL_SERVER, settings.PUBLIC_URL = {"EMAIL_HOST": "mail.example.com"}, "https://book.example.com"


def browser_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def link() -> str:
    """The path in the email that waits last."""
    text = account_email_text.render(AccountEmail.objects.filter(kind=EmailKind.CONFIRM_EMAIL).latest("pk"))
    [found] = re.findall(r"https://book\.example\.com(/\S+)", text.body)
    return str(found)


def email_of(user: User) -> str:
    return User.objects.get(pk=user.pk).email


def test_without_a_mail_server_it_is_changed_at_once(staff: User) -> None:
    browser, old = browser_of(staff), staff.email

    answer = browser.post(PAGE, {"email": " New@Example.com"}, follow=True)

    assert (email_of(staff), answer.redirect_chain) == (NEW, [("/accounts/me/", 302)])
    assert "Your email has been changed." in answer.content.decode()
    entry = AuditEntry.objects.filter(object_pk=staff.pk).latest("pk")
    assert (entry.actor, entry.changes) == (staff, {"email": [old, NEW]})
    assert Client().post("/accounts/login/", {"email": NEW, "password": PASSWORD}).status_code == 302


def test_pasted_email_is_kept_without_its_marks(staff: User) -> None:
    browser_of(staff).post(PAGE, {"email": "\u200bnew@exam\u00adple.com\u202c"})

    assert email_of(staff) == NEW


def test_with_a_mail_server_it_is_changed_by_the_link_alone(mailed: None, staff: User) -> None:
    browser, old = browser_of(staff), staff.email

    told = browser.post(PAGE, {"email": NEW}, follow=True).content.decode()
    before = email_of(staff)
    page = browser.get(link())
    read = email_of(staff)
    answer = browser.post(link(), follow=True)

    assert "We&#x27;ve sent a link to your new email." in told
    assert (before, read, email_of(staff)) == (old, old, NEW)
    assert f"From now on, you will sign in as {NEW}." in page.content.decode()
    assert "Your email has been changed." in answer.content.decode()
    waiting = AccountEmail.objects.order_by("pk")
    assert [(one.kind, one.email) for one in waiting] == [("confirm_email", NEW), ("email_changed", old)]


def test_link_works_once(mailed: None, staff: User) -> None:
    browser = browser_of(staff)
    browser.post(PAGE, {"email": NEW})
    address = link()

    assert [browser.post(address).status_code for _time in range(2)] == [302, 404]


def test_link_works_for_a_day(mailed: None, staff: User) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        browser_of(staff).post(PAGE, {"email": NEW})
        address = link()
        clock.shift(timedelta(hours=24) - timedelta(seconds=1))
        assert browser_of(staff).get(address).status_code == 200
        clock.shift(timedelta(seconds=1))
        assert browser_of(staff).get(address).status_code == 404


def test_link_needs_its_own_person_signed_in(mailed: None, staff: User, station: Station) -> None:
    """An address that was mistyped is somebody's: their link gives them nothing."""
    browser_of(staff).post(PAGE, {"email": NEW})
    address, other = link(), person(roles.STAFF, station)

    answers = [Client().post(address), browser_of(other).post(address)]

    assert [answer.status_code for answer in answers] == [302, 404]
    assert answers[0].headers["Location"].startswith("/accounts/login/?next=/accounts/me/email/")
    assert (email_of(staff), email_of(other)) == (staff.email, other.email)


def test_link_still_works_after_signing_in_to_open_it(mailed: None, staff: User) -> None:
    browser_of(staff).post(PAGE, {"email": NEW})
    address, elsewhere = link(), Client()
    elsewhere.post("/accounts/login/", {"email": staff.email, "password": PASSWORD})

    assert elsewhere.post(address).status_code == 302
    assert email_of(staff) == NEW


def with_another_password(user: User) -> None:
    user.set_password("another long enough one")
    user.save()


def with_everything_ended(user: User) -> None:
    User.objects.filter(pk=user.pk).update(epoch=user.epoch + 1)


def with_another_wish(user: User) -> None:
    wish = EmailChange.objects.get(user=user)
    wish.email = "other@example.com"
    wish.save()


@pytest.mark.parametrize("become", [with_another_password, with_everything_ended, with_another_wish])
def test_link_is_void_once_its_person_has_changed(mailed: None, staff: User, become: Any) -> None:
    browser_of(staff).post(PAGE, {"email": NEW})
    address = link()

    become(staff)

    staff.refresh_from_db()
    assert browser_of(staff).post(address).status_code == 404
    assert email_of(staff) == staff.email


@pytest.mark.parametrize("token", ["x", "-", "abc-def", "cx4lp0-" + "0" * 32])
def test_forged_link_changes_nothing(mailed: None, staff: User, token: str) -> None:
    browser = browser_of(staff)
    browser.post(PAGE, {"email": NEW})

    assert [browser.post(f"{PAGE}{token}/").status_code, email_of(staff)] == [404, staff.email]


def test_nobody_learns_by_it_who_has_an_account(mailed: None, staff: User, station: Station) -> None:
    other = person(roles.STAFF, station)
    told = [
        browser_of(staff).post(PAGE, {"email": email}, follow=True).content.decode().replace(email, "")
        for email in (other.email, NEW)
    ]

    unique = r'(value|nonce)="[^"]*"'
    assert re.sub(unique, "", told[0]) == re.sub(unique, "", told[1])


def test_address_of_somebody_else_is_never_taken(staff: User, station: Station, settings: Settings) -> None:
    other = person(roles.STAFF, station)

    at_once = browser_of(staff).post(PAGE, {"email": other.email.upper()})
    settings.MAIL_SERVER, settings.PUBLIC_URL = {"EMAIL_HOST": "mail.example.com"}, "https://book.example.com"
    browser_of(staff).post(PAGE, {"email": other.email})
    by_link = browser_of(staff).post(link())

    assert (at_once.status_code, by_link.status_code) == (400, 400)
    assert "This email can&#x27;t be used." in at_once.content.decode()
    assert "This email can&#x27;t be used." in by_link.content.decode()
    assert email_of(staff) == staff.email


@pytest.mark.parametrize("email", ["", "x", "a@b", "ana@example.com\nBcc: eve@example.com", "x" * 250 + "@example.com"])
def test_what_is_no_email_is_refused(mailed: None, staff: User, email: str) -> None:
    answer = browser_of(staff).post(PAGE, {"email": email})

    assert (answer.status_code, list(answer.context["form"].errors)) == (400, ["email"])
    assert not AccountEmail.objects.exists()


def test_one_person_has_five_links_an_hour_sent(mailed: None, staff: User) -> None:
    browser = browser_of(staff)

    answers = [browser.post(PAGE, {"email": f"new{number}@example.com"}) for number in range(6)]

    assert [answer.status_code for answer in answers] == [302] * 5 + [429]
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 3600
    assert AccountEmail.objects.count() == 5


def test_link_to_an_address_that_is_no_longer_wanted_is_not_sent(mailed: None, staff: User) -> None:
    browser = browser_of(staff)
    for email in ("mistyped@example.com", NEW):
        browser.post(PAGE, {"email": email})

    taken = account_emails.lease_next(timezone.now())

    assert taken
    assert (taken.email, AccountEmail.objects.count()) == (NEW, 1)


@pytest.mark.race
def test_one_of_four_processes_gets_an_email(database_url: str) -> None:
    printed = run_concurrently(database_url, 4, "take_email", NEW)

    assert sorted(printed) == ["changed", *["refused"] * 3]
    assert User.objects.filter(email=NEW).count() == 1
