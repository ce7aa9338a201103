"""Forms whose sender was signed out meanwhile, or signed in again in another tab: nothing is saved, nothing typed is lost.

Asked of every form that there is, as a browser without scripts sends it.
"""

from collections.abc import Callable
from typing import Any, Final

import pytest
from django.conf import settings
from django.db import transaction
from django.test import Client
from django.urls import resolve

from accounts.models import AuditChain, AuditEntry, Session, User
from accounts.views.carried_forms import NOT_CARRIED
from tests.factories import PASSWORD
from tests.forms import forms_of
from tests.test_access import World, built, world
from tests.test_submit_once import Found, again, forms, tables, typed

__all__ = ["built", "forms", "world"]

pytestmark = pytest.mark.looks

FOR_ANYBODY: Final = {"login", "logout", "admin:logout", "language", "forgotten-password", "new-password"}
"""Forms for which nobody needs to be signed in."""
ONLY_SHOWN: Final = {"admin:accounts_auditentry_change", "admin:auth_group_change", "admin:bookings_mail_change"}
"""Forms of the admin that nobody can send."""
BY_SIGN_IN: Final = {model._meta.label for model in (User, Session, AuditEntry, AuditChain)}
"""What signing in writes."""

Forms = list[tuple[Client, Found]]
Send = Callable[[Client, Found, dict[str, Any]], Any]


@pytest.fixture
def personal(forms: Forms) -> Forms:
    return [(browser, found) for browser, found in forms if found.name not in FOR_ANYBODY | ONLY_SHOWN]


def user_of(browser: Client) -> User:
    return User.objects.get(pk=browser.session["_auth_user_id"])


def sign_in(browser: Client, answer: Any, user: User) -> Any:
    """Fill in the page that asks to sign in, and go where it leads."""
    if answer.status_code == 302:
        answer = browser.get(answer.headers["Location"])
    form = next(form for form in forms_of(answer) if "password" in form.passwords)
    address = form.action or answer.wsgi_request.get_full_path()
    return browser.post(address, {**form.fields, "email": user.email, "password": PASSWORD}, follow=True)


def send_signed_out(browser: Client, found: Found, sent: dict[str, Any]) -> Any:
    """Send the form when its session is over, and sign in where that is asked for."""
    user, browser = user_of(browser), again(browser)
    Session.objects.all().delete()
    return sign_in(browser, browser.post(found.address, sent), user)


def send_with_stale_token(browser: Client, found: Found, sent: dict[str, Any]) -> Any:
    """Send the form when its person has signed in again in another tab, which gave the browser another token."""
    browser = again(browser, enforce_csrf_checks=True)
    browser.cookies[settings.CSRF_COOKIE_NAME] = "n" * 32
    return browser.post(found.address, sent, follow=True)


@pytest.mark.slow
@pytest.mark.parametrize("send", [send_signed_out, send_with_stale_token])
def test_interrupted_form_is_shown_again_or_named(world: World, personal: Forms, send: Send) -> None:
    wrong = {}
    for browser, found in personal:
        with transaction.atomic():
            if problem := problem_with(world, browser, found, send):
                wrong[str(found)] = problem
            transaction.set_rollback(True)

    assert wrong == {}


def problem_with(world: World, browser: Client, found: Found, send: Send) -> str:
    sent, before = typed(world, found), tables()
    answer = send(browser, found, sent)
    changed = {name for name, rows in tables().items() if rows != before[name]} - BY_SIGN_IN
    if changed or answer.status_code != 200:
        return f"{answer.status_code}, changed {changed}"
    if not redisplays(found):
        return "" if "Not saved: " in answer.content.decode() else "not named"
    if "Not saved yet: " not in answer.content.decode():
        return "not shown again"
    return "" if typed_again(answer, sent) else "what was typed is lost"


def redisplays(found: Found) -> bool:
    return getattr(resolve(found.address.partition("?")[0]).func, "redisplays", False)


def typed_again(answer: Any, sent: dict[str, Any]) -> bool:
    """Whether a form of the page holds what was sent."""
    kept = {name: listed(value) for name, value in sent.items() if name not in NOT_CARRIED}
    return any(
        all(form.fields.get(name) == values for name, values in kept.items() if name in form.fields)
        and kept.keys() & form.fields.keys()
        for form in forms_of(answer)
    )


def listed(value: Any) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]
