"""Every form of every page and of the admin, sent twice: the second time is answered as the first, and changes nothing.

The forms are found by opening every address there is.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

import pytest
from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.db import transaction
from django.test import Client, override_settings
from django.urls import get_resolver, resolve
from pytest_django import DjangoDbBlocker

from accounts import roles
from accounts.models import AuditChain, AuditEntry, BlindIndex, IdempotencyKey, Session, User
from bookings.models import UndoStep
from core.web import form_keys
from tests.factories import PASSWORD
from tests.forms import Button, Form, forms_of
from tests.test_access import MAILS, World, built, routes, world

__all__ = ["built", "world"]

PAGES: Final = sorted({*routes(get_resolver())} - {"admin/logout/", "feeds/<str:secret>.ics"})

WITHOUT_KEY: Final = {
    "search": "reads",
    "booking-contact": "reads",
    "customer-contact": "reads",
    "admin:accounts_customer_data": "reads",
    "admin:accounts_customer_export": "reads",
    "language": "sets a cookie",
    "admin:logout": "signs out, however often it is sent",
    "logout": "signs out, however often it is sent",
    "booking-party": "names the booking's version",
    "booking-step": "names the booking's version",
    "door-update": "names the booking's version",
    "move-booking": "names the booking's version",
    "undo": "names the booking's version, or is the key Ctrl+Z, which means another change each time",
    "redo": "names the booking's version, or is the key Ctrl+Y, which means another change each time",
}
"""Addresses whose forms need no one-time key, and why."""
MEANS_ANOTHER: Final = {"undo", "redo"}
"""What changes more when it is sent again, and should."""
CHANGE_NOTHING: Final = {
    *(
        "search",
        "language language=de",
        "language language=en",
        "language language=es",
        "booking-party guests=1",
        "door-update change=guests 0 1",
    ),
    *("undo", "redo"),  # for nothing was changed before
    *(
        "admin:accounts_auditentry_change",
        "admin:auth_group_change",
        "admin:bookings_mail_change",
    ),  # which are only shown
    *("admin:accounts_customer_changelist", "admin:auth_group_changelist", "admin:stations_station_changelist"),
    "admin:accounts_user_changelist action=reset_two_factor",
    *(f"admin:bookings_booking_changelist action={action}" for action in ("confirm", "mark_arrived", "mark_no_show")),
    "admin:bookings_mail_changelist action=send_again",
    "admin:stations_station_build preview=Preview",
}
"""Forms and buttons that change nothing in the database as they are sent here, the first time either."""
INDEX: Final = {BlindIndex._meta.label}
"""How customers are found: an email more means some rows more, by which nobody is added."""
LOG: Final = {model._meta.label for model in (AuditEntry, AuditChain, LogEntry, UndoStep)}
"""What is written about changes, beside them."""
MAKERS: Final[dict[str, str]] = {
    "new-booking": "bookings/new/",
    "feeds": "feeds/",
    "api-keys": "accounts/me/keys/",
    "change-email": "accounts/me/email/",
    "change-password": "accounts/me/",
    "start-two-factor": "accounts/me/factor/",
    "confirm-email": "accounts/me/email/<str:token>/",
    "forgotten-password": "accounts/forgotten/",
    "new-password": "accounts/new-password/<str:reset_token>/",
    "admin:stations_station_add": "admin/stations/station/add/",
    "admin:stations_station_build": "admin/stations/station/<int:station_id>/build/",
    "admin:bookings_booking_add": "admin/bookings/booking/add/",
    "admin:auth_group_add": "admin/auth/group/add/",
    "admin:accounts_user_add": "admin/accounts/user/add/",
    "admin:accounts_user_password-link": "admin/accounts/user/<path:object_id>/change/",
    "close-day": "calendar/close/",
    "login": "accounts/login/",
    "admin:stations_station_hours": "admin/stations/station/<int:station_id>/hours/",
}
"""Forms that make something, each with a page that has it. The last leaves no slot where others book."""
BY_OTHERS: Final = {"login": "nobody", "confirm-email": "staff"}
"""Who sends those that are not a superuser's."""
OF_THE_MOMENT: Final = {"walk-in"}
"""Forms that need a slot that is running. `tests/bookings/views/test_door.py` sends them twice."""
LOGS_EACH_READ: Final = {name for name, reason in WITHOUT_KEY.items() if reason == "reads"}


@dataclass(frozen=True)
class Found:
    """A form of a page with one of its buttons, and the name of the address that it is sent to."""

    page: str
    form: Form
    button: Button

    @property
    def address(self) -> str:
        return urljoin(self.page, self.button.action or self.form.action or self.page)

    @property
    def name(self) -> str:
        return resolve(urlsplit(self.address).path).view_name

    def __str__(self) -> str:
        pressed = "&".join(f"{name}={value}" for name, value in self.button.fields.items())
        return f"{self.name} {pressed}".strip()


def found_on(client: Client, page: str) -> list[Found]:
    """The forms of a page that write, one for each button and each action that a list offers."""
    answer = client.get(page, headers={"Accept": "text/html"})
    if answer.streaming or answer.status_code != 200:
        return []
    return [
        Found(page, form, button) for form in forms_of(answer) if form.method == "post" for button in buttons_of(form)
    ]


def buttons_of(form: Form) -> list[Button]:
    actions = [Button("action", action) for action in form.choices.get("action", []) if action]
    return actions or list(dict.fromkeys(form.buttons)) or [Button()]


def tables() -> dict[str, list[str]]:
    """All that is in the database, but for the keys themselves; of sessions, which each request touches, whose there are."""
    models = [model for model in apps.get_models() if model not in (Session, IdempotencyKey) and model._meta.managed]
    found = {model._meta.label: sorted(map(repr, model._base_manager.values())) for model in models}
    whose = Session.objects.filter(user__isnull=False).values_list("user", flat=True)
    return {**found, Session._meta.label: sorted(map(str, whose))}


def new_booking(world: World) -> dict[str, Any]:
    return {"station": world.station.pk, "date": "2031-03-07", "slot": "18:00", "slots": 1, "status": "confirmed",
            "party_adults": 2, "party_kids": 0, "total_due_cents": 0, "deposit_due_cents": 0}  # fmt: skip


def an_opening(world: World) -> dict[str, Any]:
    return {"openings-TOTAL_FORMS": "1", "openings-0-weekday": "0", "openings-0-start": "08:00", "openings-0-minutes": "30",
            "openings-0-capacity": "2"}  # fmt: skip


TYPED: Final[dict[str, Callable[[World], dict[str, Any]]]] = {
    "login": lambda world: {"email": getattr(world.people["stranger"], "email", ""), "password": PASSWORD},
    "new-booking": lambda world: {"slot": "18:00", "date": "2031-03-07", "party_adults": 2, "party_kids": 0,
                                  "name": "Leo Lindqvist", "email": "leo@example.com"},
    "edit-booking": lambda world: {"party_adults": 3},
    "edit-customer": lambda world: {"name": "Somebody Else"},
    "feeds": lambda world: {"station": "", "details": "on"},
    "change-name": lambda world: {"name": "Somebody Else"},
    "change-email": lambda world: {"email": "other@example.com"},
    "change-password": lambda world: {"old": PASSWORD, "new": "seven green horses", "again": "seven green horses"},
    "new-password": lambda world: {"new": "seven green horses", "again": "seven green horses"},
    "forgotten-password": lambda world: {"email": world.member.email},
    "api-keys": lambda world: {"name": "Web shop", "stations": [world.station.pk], "rights": [roles.VIEW]},
    "admin:bookings_booking_add": new_booking,
    "admin:bookings_booking_change": lambda world: {"party_adults": 3},
    "admin:accounts_user_add": lambda world: {"email": "new@example.com", "groups": [], "stations": [world.station.pk]},
    "admin:accounts_user_change": lambda world: {"name": "Somebody Else"},
    "admin:accounts_customer_change": lambda world: {"name": "Somebody Else"},
    "admin:auth_group_add": lambda world: {"name": "Owners"},
    "admin:stations_station_add": lambda world: {"code": "court", "name": "Court", **an_opening(world)},
    "admin:stations_station_change": lambda world: {"name": "Old Kitchen"},
    "admin:stations_station_hours": lambda world: {"slots": '[[0, "09:00", 60, 2, null]]', "displace": "on"},
    "admin:stations_station_build": lambda world: {"weekdays": [0, 1], "start": "08:00", "end": "12:00", "minutes": 30,
                                                   "capacity": 2, "first_date": "2031-03-01", "replace": ""},
}  # fmt: skip
"""What somebody types into the forms that cannot be sent as they stand, so that each makes or changes something."""


def typed(world: World, found: Found) -> dict[str, Any]:
    chosen = (
        {"_selected_action": [str(world.keys.get(found.page.lstrip("/"), 1))]}
        if "action" in found.button.fields
        else {}
    )
    made = TYPED[found.name](world) if found.name in TYPED else {}
    return {**found.form.fields, **made, **found.button.fields, **chosen}


def signed_in(user: User | None) -> Client:
    browser = Client()
    if user:
        browser.force_login(User.objects.get(pk=user.pk))
        browser.get("/accounts/me/")
    return browser


def browsers_of(world: World) -> list[Client]:
    """One that is not signed in, a superuser's, and one of somebody who has a feed and an API key."""
    return [signed_in(world.people[role]) for role in ("nobody", "root", "staff")]


@pytest.fixture(scope="module")
def forms(built: World, django_db_blocker: DjangoDbBlocker) -> list[tuple[Client, Found]]:
    """Every form and button there is, from the first page that has it."""
    pages = [built.address(route) + built.query("GET", route) for route in PAGES]
    with django_db_blocker.unblock(), override_settings(**MAILS):
        found = [(browser, one) for browser in browsers_of(built) for page in pages for one in found_on(browser, page)]
    return list({str(one): (browser, one) for browser, one in reversed(found)}.values())


@pytest.mark.slow
@pytest.mark.looks
def test_every_form_that_writes_has_a_key(forms: list[tuple[Client, Found]]) -> None:
    without = {found.name for _browser, found in forms if form_keys.FIELD not in found.form.fields}

    assert without == set(WITHOUT_KEY)


@pytest.mark.slow
@pytest.mark.looks
def test_form_sent_twice_is_done_once(world: World, forms: list[tuple[Client, Found]]) -> None:
    outcomes = {}
    for browser, found in [one for one in forms if one[1].name not in OF_THE_MOMENT]:
        with transaction.atomic():
            outcomes[str(found)] = send_twice(world, browser, found)
            transaction.set_rollback(True)

    assert {name: one.problem for name, one in outcomes.items() if one.problem} == {}
    assert {name for name, one in outcomes.items() if not one.changes} == CHANGE_NOTHING
    assert {name.partition(" ")[0] for name, one in outcomes.items() if one.makes} == set(MAKERS)


@dataclass(frozen=True)
class Outcome:
    changes: bool
    """Whether the form changed anything, the first time."""
    makes: bool
    """Whether there are more rows than before, log, steps to undo and search index apart."""
    problem: str
    """What was wrong with the second answer, if anything."""


def send_twice(world: World, browser: Client, found: Found) -> Outcome:
    browser, sent, before = again(browser), typed(world, found), tables()
    first, made = browser.post(found.address, sent), tables()
    page, after_first = landing(browser, first), tables()
    second, after_second = browser.post(found.address, sent), tables()

    log = LOG if found.name in LOGS_EACH_READ or first.streaming else set()
    changed = [name for name in after_first if after_second[name] != after_first[name] and name not in log]
    problem = f"changed {changed} again" if changed and found.name not in MEANS_ANOTHER else ""
    if landing(browser, second) != page:
        problem += f" led to {landing(browser, second)}, not {page}"
    makes = any(len(made[name]) > len(before[name]) for name in made.keys() - LOG - INDEX)
    return Outcome(made != before, makes, problem)


def again(browser: Client, **options: Any) -> Client:
    """The same browser, whose cookies what is undone here does not change."""
    copy = Client(**options)
    for name, morsel in browser.cookies.items():
        copy.cookies[name] = morsel.value
    return copy


def landing(browser: Client, answer: Any) -> tuple[int, str]:
    """The status and the address of the page that an answer leads to."""
    if answer.status_code == 302:
        answer = browser.get(answer.headers["Location"], follow=True)
    return answer.status_code, answer.wsgi_request.path
