"""Sudo mode, from the view of someone who has a signed-in browser or a copy of its cookie, but not the password."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
import time_machine
from django import forms
from django.test import Client
from pytest_django import Settings

from accounts import forms as account_forms
from accounts.auth import rate_limit_counters
from accounts.auth.models import AccountEmail
from accounts.models import User
from accounts.views.carried_forms import NOT_CARRIED
from bookings.models import Feed
from tests.accounts.sensitive_actions import NEW_PASSWORD, SENSITIVE_ACTIONS, World
from tests.factories import PASSWORD
from tests.forms import forms_of, password_form, submit

NOON: Final = datetime(2031, 4, 7, 12, tzinfo=UTC)
"""When the customer's booking is over, so that they can be erased."""
STALE: Final = timedelta(minutes=10)


@pytest.fixture(autouse=True)
def clock(db: None) -> Iterator[time_machine.Traveller]:
    rate_limit_counters.delete_expired(before=(NOON + timedelta(days=2)).timestamp())
    with time_machine.travel(NOON, tick=False) as clock:
        yield clock


@pytest.fixture
def world() -> World:
    return World()


def signed_in(user: User, code: str = "") -> Client:
    client = Client()
    answer = client.post("/accounts/login/", {"email": user.email, "password": PASSWORD, "code": code})
    assert answer.status_code == 302
    return client


def stale_browser(world: World, clock: time_machine.Traveller, by: str = "manager", code: str = "") -> Client:
    """Somebody's session, ten minutes after its sign-in."""
    browser = signed_in(getattr(world, by), code)
    clock.shift(STALE)
    return browser


def prepared(name: str, clock: time_machine.Traveller) -> tuple[World, Client, Any]:
    """The world, a stale browser, and the answer to the act."""
    act = SENSITIVE_ACTIONS[name]
    made = World(factor=act.factor)
    browser = stale_browser(made, clock, act.by, made.codes.pop() if act.factor else "")
    return made, browser, browser.post(act.address(made), act.words(made))


@pytest.mark.slow
@pytest.mark.looks
@pytest.mark.parametrize("name", SENSITIVE_ACTIONS)
def test_stolen_cookie_does_no_sensitive_act(clock: time_machine.Traveller, name: str) -> None:
    world, browser, answer = prepared(name, clock)

    guess = submit(browser, answer, **SENSITIVE_ACTIONS[name].typed, old="wrong")

    assert [answer.status_code, guess.status_code] in ([403, 400], [400, 400])
    assert password_form(guess)
    assert not SENSITIVE_ACTIONS[name].is_done(world, answer)
    assert not SENSITIVE_ACTIONS[name].is_done(world, guess)


@pytest.mark.parametrize("name", SENSITIVE_ACTIONS)
def test_sensitive_act_is_done_after_the_password_as_it_was_submitted(clock: time_machine.Traveller, name: str) -> None:
    world, browser, answer = prepared(name, clock)

    done = submit(browser, answer, **SENSITIVE_ACTIONS[name].typed, old=PASSWORD)

    assert SENSITIVE_ACTIONS[name].is_done(world, done)


@pytest.mark.slow
@pytest.mark.looks
@pytest.mark.parametrize("name", SENSITIVE_ACTIONS)
def test_sensitive_act_right_after_sign_in_asks_nothing(name: str) -> None:
    act = SENSITIVE_ACTIONS[name]
    world = World(factor=act.factor)
    browser = signed_in(getattr(world, act.by), world.codes.pop() if act.factor else "")

    answer = browser.post(act.address(world), act.words(world))

    assert act.is_done(world, answer)


@pytest.mark.parametrize("name", [name for name, act in SENSITIVE_ACTIONS.items() if act.notice])
def test_person_hears_of_a_sensitive_act_by_email(clock: time_machine.Traveller, settings: Settings, name: str) -> None:
    world, browser, answer = prepared(name, clock)
    settings.MAIL_SERVER = {"EMAIL_HOST": "mail.example.com"}
    old_emails = {who: getattr(world, who).email for who in ("manager", "peer")}

    submit(browser, answer, **SENSITIVE_ACTIONS[name].typed, old=PASSWORD)

    who, kind = SENSITIVE_ACTIONS[name].notice or ("", "")
    [email] = AccountEmail.objects.all()
    assert (email.user, email.kind, email.email) == (getattr(world, who), kind, old_emails[who])


def test_password_counts_as_recent_for_ten_minutes(world: World, clock: time_machine.Traveller) -> None:
    browser = signed_in(world.manager)
    clock.shift(STALE - timedelta(seconds=1))
    fresh = browser.post("/feeds/", {"details": "on"}).status_code
    clock.shift(timedelta(seconds=1))

    stale = browser.post("/feeds/", {"details": "on"}).status_code

    assert (fresh, stale, Feed.objects.filter(station=None).count()) == (200, 403, 1)


def test_confirmation_lasts_for_ten_minutes_and_makes_no_other_session_recent(
    world: World, clock: time_machine.Traveller
) -> None:
    elsewhere, browser = signed_in(world.manager), signed_in(world.manager)
    clock.shift(timedelta(hours=1))
    browser.post("/accounts/confirm/", {"old": PASSWORD})
    clock.shift(STALE - timedelta(seconds=1))

    statuses = [client.post("/feeds/", {"details": "on"}).status_code for client in (browser, elsewhere)]

    clock.shift(timedelta(seconds=1))
    assert [*statuses, browser.post("/feeds/", {"details": "on"}).status_code] == [200, 403, 403]


def test_operator_says_for_how_long(world: World, clock: time_machine.Traveller, settings: Settings) -> None:
    settings.REAUTHENTICATION_SECONDS = 60
    browser = signed_in(world.manager)
    clock.shift(timedelta(minutes=1))

    assert browser.post("/feeds/", {"details": "on"}).status_code == 403


def test_copied_cookie_is_worth_nothing_once_its_owner_has_confirmed(
    world: World, clock: time_machine.Traveller, settings: Settings
) -> None:
    browser = stale_browser(world, clock)
    thief = Client()
    thief.cookies[settings.SESSION_COOKIE_NAME] = browser.cookies[settings.SESSION_COOKIE_NAME].value
    assert thief.get("/accounts/me/").status_code == 200

    browser.post("/accounts/confirm/", {"old": PASSWORD})

    assert browser.get("/accounts/me/").status_code == 200
    assert thief.get("/accounts/me/").status_code == 302


def test_password_cannot_be_guessed_on_the_confirm_page(
    world: World, clock: time_machine.Traveller, settings: Settings
) -> None:
    settings.LOGIN_RATE_LIMIT = "3/day"
    browser = stale_browser(world, clock)
    answer = browser.post("/feeds/", {"details": "on"})

    tries = [submit(browser, answer, old=word).status_code for word in ("a", "b", "c", PASSWORD)]

    again = Client().post("/accounts/login/", {"email": world.manager.email, "password": PASSWORD})
    assert (tries, again.status_code) == ([400, 400, 400, 429], 429)
    assert not Feed.objects.filter(station=None).exists()


def test_confirm_page_leads_on_to_where_one_wanted_to_go(world: World, clock: time_machine.Traveller) -> None:
    browser = stale_browser(world, clock)
    page = browser.get("/accounts/confirm/?next=/accounts/me/keys/")

    answer = submit(browser, page, old=PASSWORD)

    assert answer.headers["Location"] == "/accounts/me/keys/"
    assert browser.get("/accounts/confirm/?next=/feeds/").headers["Location"] == "/feeds/"


@pytest.mark.looks
@pytest.mark.parametrize("target", ["https://evil.example.org/", "//evil.example.org", "javascript:alert(1)", "\\\\x"])
def test_confirm_page_never_leads_to_somebody_elses_site(
    world: World, clock: time_machine.Traveller, target: str
) -> None:
    browser = stale_browser(world, clock)

    answer = browser.post("/accounts/confirm/", {"old": PASSWORD, "next": target})

    assert answer.headers["Location"] == "/accounts/me/"


def test_confirm_page_carries_on_what_was_typed_to_the_letter(world: World, clock: time_machine.Traveller) -> None:
    browser = stale_browser(world, clock)
    name = 'Zoë "Q" <b>&amp;\'s'
    groups = [str(group.pk) for group in world.peer.groups.all()]
    words = {"email": "new@example.com", "name": name, "groups": groups, "stations": [str(world.station.pk)]}

    answer = browser.post("/admin/accounts/user/add/?_changelist_filters=q%3Dx", {**words, "_save": "Save"})

    form = password_form(answer)
    assert form
    assert form.action == "/admin/accounts/user/add/?_changelist_filters=q%3Dx"
    carried = {
        key: values for key, values in form.fields.items() if key not in ("csrfmiddlewaretoken", "form_key", "old")
    }
    assert carried == {key: value if isinstance(value, list) else [value] for key, value in words.items()} | {
        "_save": ["Save"]
    }
    submit(browser, answer, old=PASSWORD)
    assert User.objects.get(email="new@example.com").name == name


def test_confirm_page_carries_no_password_on(world: World, clock: time_machine.Traveller) -> None:
    browser = stale_browser(world, clock)
    secret = "a word that nobody shall read"
    words = {"details": "on", "password": secret, "new": secret, "again": secret, "old": secret}

    html = browser.post("/feeds/", words).content.decode()

    assert secret not in html


def test_no_password_field_of_any_form_is_carried_on() -> None:
    kinds = [kind for kind in vars(account_forms).values() if isinstance(kind, type) and issubclass(kind, forms.Form)]
    names = {
        name
        for kind in kinds
        for name, field in kind.base_fields.items()
        if isinstance(field.widget, forms.PasswordInput)
    }

    assert names
    assert names <= NOT_CARRIED


def test_password_page_keeps_no_typed_password(clock: time_machine.Traveller) -> None:
    _world, _browser, answer = prepared("own password", clock)

    assert NEW_PASSWORD not in answer.content.decode()


@pytest.mark.looks
@pytest.mark.parametrize(
    ("address", "asks"),
    [
        ("/accounts/me/", ["/accounts/me/password/"]),
        ("/accounts/me/keys/", ["/accounts/me/keys/"]),
        ("/accounts/me/email/", [""]),
    ],
)
def test_account_pages_ask_for_the_password_only_when_it_is_needed(
    world: World, clock: time_machine.Traveller, address: str, asks: list[str]
) -> None:
    browser = signed_in(world.manager)

    def asking() -> list[str]:
        return [form.action for form in forms_of(browser.get(address)) if "old" in form.passwords]

    fresh = asking()
    clock.shift(STALE)
    assert (fresh, asking()) == ([], asks)


def test_form_that_was_opened_in_time_and_sent_too_late_asks_and_keeps_what_was_typed(
    world: World, clock: time_machine.Traveller
) -> None:
    browser = stale_browser(world, clock)
    words = {"name": "Web shop", "stations": [str(world.station.pk)], "rights": ["accounts.view_bookings"]}

    answer = browser.post("/accounts/me/keys/", {**words, "expires_on": "2032-01-01"})

    form = password_form(answer)
    assert form
    kept = {name: form.fields[name] for name in (*words, "expires_on")}
    assert kept == {
        "name": ["Web shop"],
        "stations": words["stations"],
        "rights": words["rights"],
        "expires_on": ["2032-01-01"],
    }


@pytest.mark.looks
@pytest.mark.parametrize(("language", "heading"), [("es", "Confirme su contraseña"), ("de", "Passwort bestätigen")])
def test_confirm_page_speaks_the_persons_language(
    world: World, clock: time_machine.Traveller, language: str, heading: str
) -> None:
    browser = stale_browser(world, clock)

    answer = browser.post("/feeds/", {"details": "on"}, headers={"Accept-Language": language})

    assert f"<h1>{heading}</h1>" in answer.content.decode()


def test_takeover_by_a_cookie_alone_fails_at_each_step(clock: time_machine.Traveller) -> None:
    """As it went before: one's own password by the admin, one's own two-factor authentication by its action, then a sign-in."""
    world = World(factor=True)
    thief = stale_browser(world, clock, code=world.codes[0])
    words = {"usable_password": "true", "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    remove = {"action": "reset_two_factor", "_selected_action": [str(world.manager.pk)]}

    thief.post(f"/admin/accounts/user/{world.manager.pk}/password/", words)
    thief.post("/admin/accounts/user/", remove)

    manager = User.objects.get(pk=world.manager.pk)
    assert (manager.check_password(PASSWORD), manager.second_factor_at is not None) == (True, True)
    sign_in = {"email": manager.email, "password": NEW_PASSWORD}
    assert Client().post("/accounts/login/", sign_in).status_code == 400


OWN: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "password": ("{pk}/password/", {"usable_password": "true", "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}),
    "link": ("{pk}/password-link/", {}),
    "email": ("{pk}/change/", {"email": "new@example.com", "is_active": "on"}),
    "groups, stations and active": ("{pk}/change/", {"email": "manager@example.com"}),
    "superuser": ("{pk}/change/", {"email": "manager@example.com", "is_active": "on", "is_superuser": "on"}),
    "factor": ("", {"action": "reset_two_factor", "_selected_action": ["{pk}"]}),
    "everything": ("", {"action": "revoke_access", "_selected_action": ["{pk}"]}),
}


@pytest.mark.looks
@pytest.mark.parametrize("who", ["manager", "root"])
@pytest.mark.parametrize("what", OWN)
def test_nobody_changes_their_own_account_in_the_admin(what: str, who: str) -> None:
    world = World(factor=True)
    user = getattr(world, who)
    browser = signed_in(user, world.codes.pop() if who == "manager" else "")
    address, words = OWN[what]
    words = {name: [str(user.pk)] if value == ["{pk}"] else value for name, value in words.items()}
    before = User.objects.values("password", "email", "is_active", "is_superuser", "second_factor_at", "epoch")
    known = before.get(pk=user.pk), list(user.groups.all()), list(user.stations.all())

    answer = browser.post(f"/admin/accounts/user/{address.format(pk=user.pk)}", words)

    assert (before.get(pk=user.pk), list(user.groups.all()), list(user.stations.all())) == known
    assert answer.status_code == 302
    if address:
        assert answer.headers["Location"] == "/accounts/me/"


def test_own_page_in_the_admin_leads_to_the_account_page(world: World) -> None:
    browser = signed_in(world.manager)

    answer = browser.get(f"/admin/accounts/user/{world.manager.pk}/change/", follow=True)

    assert answer.redirect_chain == [("/accounts/me/", 302)]
    assert "This is your own account." in answer.content.decode()
