"""Which addresses ask for the password again (sudo mode): each is decided on here, and a new one fails until it is."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final

import pytest
import time_machine
from django.test import Client
from django.urls import get_resolver
from django.utils import timezone

from accounts.auth import api_keys, authentication, two_factor
from bookings.icalendar import feeds
from tests.authenticator import code_of
from tests.forms import password_form
from tests.test_access import World, built, routes, world

__all__ = ["built", "world"]

pytestmark = pytest.mark.looks

KINDS: Final = (
    *("stations/station", "bookings/booking", "bookings/mail", "accounts/customer", "accounts/user"),
    *("accounts/auditentry", "auth/group"),
)
"""The admin's lists."""

SENSITIVE: Final[dict[str, dict[str, Any]]] = {
    "accounts/me/password/": {},
    "accounts/me/email/": {},
    "accounts/me/factor/app/": {},
    "accounts/me/factor/confirm/": {},
    "accounts/me/factor/codes/": {},
    "accounts/me/factor/none/": {},
    "accounts/me/keys/": {},
    "feeds/": {"details": "on"},
    "feeds/<int:feed_id>/renew/": {},
    "admin/bookings/booking/": {"action": "export"},
    "admin/accounts/auditentry/": {"action": "export"},
    "admin/accounts/customer/<uuid:customer_id>/data/": {},
    "admin/accounts/customer/<uuid:customer_id>/export/": {},
    "admin/accounts/customer/<uuid:customer_id>/erase/": {},
    "admin/accounts/user/": {"action": "revoke_access"},
    "admin/accounts/user/add/": {},
    "admin/accounts/user/<path:object_id>/change/": {},
    "admin/accounts/user/<int:user_id>/password-link/": {},
    "admin/auth/group/": {"action": "x"},
    "admin/auth/group/add/": {},
    "admin/auth/group/<path:object_id>/change/": {},
}
"""With what makes it so, where an address does other things too."""

NOT_SENSITIVE: Final = {
    "give the password themselves, or leave": {
        "api/auth/login", "accounts/login/", "accounts/confirm/", "api/auth/logout", "accounts/logout/", "admin/logout/",
    },
    "give a secret of their own": {
        "api/auth/refresh", "accounts/forgotten/", "accounts/new-password/<str:reset_token>/", "accounts/me/email/<str:token>/",
    },
    "take access away, which must not wait": {
        "accounts/me/end/", "accounts/me/keys/<int:key_id>/revoke/", "feeds/<int:feed_id>/revoke/",
        "accounts/me/sessions/<int:session_id>/end/", "accounts/me/sessions/others/end/",
    },
    "are for reading and changing bookings, as at work": {
        "api/bookings/", "api/bookings/<str:booking_id>/", "api/bookings/<str:booking_id>/status/",
        "api/bookings/admin/<str:booking_id>", "api/customers/search", "calendar/search/",
        "calendar/search/hits/", "bookings/new/find/", "bookings/new/", "bookings/new/for/",
        "bookings/<uuid:booking_id>/edit/", "bookings/<uuid:booking_id>/contact/", "bookings/<uuid:booking_id>/step/",
        "bookings/<uuid:booking_id>/party/", "calendar/door/<uuid:booking_id>/", "calendar/door/walk-in/",
        "customers/<uuid:customer_id>/contact/", "customers/<uuid:customer_id>/edit/",
        "bookings/<uuid:booking_id>/move/", "bookings/<uuid:booking_id>/mails/<uuid:mail_id>/",
        "bookings/undo/", "bookings/redo/",
        "bookings/<uuid:booking_id>/contact/decide/", "admin/accounts/customer/<uuid:customer_id>/contact/",
        "admin/bookings/booking/add/", "admin/bookings/booking/<path:object_id>/change/", "admin/bookings/mail/",
        "admin/accounts/customer/<path:object_id>/change/",
    },
    "change a name": {"accounts/me/name/"},
    "are about stations, not people": {
        "calendar/close/", "calendar/close/reopen/",
        "admin/stations/station/add/", "admin/stations/station/<int:station_id>/build/",
        "admin/stations/station/<int:station_id>/hours/",
        "admin/stations/station/<path:object_id>/change/", "language/",
    },
    "do nothing": {
        "admin/password_change/", "admin/accounts/user/<int:user_id>/password/",
        *(f"admin/{kind}/<path:object_id>/delete/" for kind in KINDS),
        *("admin/bookings/mail/add/", "admin/accounts/customer/add/", "admin/accounts/auditentry/add/"),
        *("admin/bookings/mail/<path:object_id>/change/", "admin/accounts/auditentry/<path:object_id>/change/"),
    },
}  # fmt: skip
"""Why each of the others asks for nothing."""

READS: Final = {
    "", "calendar/", "calendar/week/", "calendar/month/", "calendar/day/", "calendar/agenda/", "calendar/stations/",
    "calendar/door/", "calendar/changes/", "customers/<uuid:customer_id>/",
    "calendar/print/",
    "bookings/<uuid:booking_id>/", "bookings/<uuid:booking_id>/move-options/", "feeds/<str:secret>.ics", "accounts/me/",
    "bookings/new/check/",
    "accounts/me/factor/", "accounts/me/sessions/", "api/", "api/^", "api/schema/", "api/docs/", "api/bookings/admin/weekly",
    "api/bookings/admin/monthly", "api/bookings/export", "api/stations/", "api/stations/<str:code>/slots",
    "api/customers/<str:customer_id>/",
    "admin/", "admin/login/", "admin/autocomplete/", "admin/jsi18n/", "admin/<app_label>/", "admin/<url>",
    "admin/stations/station/", "admin/accounts/customer/", "admin/bookings/mail/preview/",
    *(f"admin/{kind}/<path:object_id>/{page}" for kind in KINDS for page in ("", "history/")),
}  # fmt: skip
"""Nothing is written there, whatever is sent."""


def test_every_address_is_decided_on() -> None:
    decided = [*SENSITIVE, *READS, *(route for group in NOT_SENSITIVE.values() for route in group)]

    assert sorted(decided) == sorted(set(routes(get_resolver())))


@pytest.fixture
def visitor(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """A superuser's, with two-factor authentication and a feed with details; the password was given eleven minutes ago."""
    root = world.people["root"]
    assert root
    two_factor.confirm(root, code_of(two_factor.start_enrolment(root)))
    two_factor.start_enrolment(root)
    feed, _secret = feeds.create(station=world.station, details=True, by=root)
    monkeypatch.setattr(world, "feed", feed)
    client = Client()
    client.force_login(root)
    client.get("/accounts/me/")
    with time_machine.travel(timezone.now() + timedelta(minutes=11)):
        yield client


def sent(world: World, route: str) -> dict[str, Any]:
    """Whole where the table of access has it, and with what makes the act sensitive."""
    return {
        **world.body("POST", route),
        "_selected_action": [str(world.keys.get(route, 1))],
        **SENSITIVE.get(route, {}),
    }


@pytest.mark.parametrize("route", SENSITIVE)
def test_sensitive_address_asks_for_the_password(world: World, visitor: Client, route: str) -> None:
    words = {name: value for name, value in sent(world, route).items() if name != "old"}

    answer = visitor.post(world.address(route), words)

    assert answer.status_code in (400, 403)
    assert password_form(answer)


@pytest.mark.slow
@pytest.mark.parametrize("route", sorted({*READS, *(one for group in NOT_SENSITIVE.values() for one in group)}))
def test_other_addresses_never_ask(world: World, visitor: Client, route: str) -> None:
    answer = visitor.post(world.address(route), sent(world, route))

    shown = "" if answer.streaming else answer.content.decode()
    assert "Confirm your password" not in shown


@pytest.mark.parametrize("route", SENSITIVE)
def test_no_token_or_key_reaches_a_sensitive_act(world: World, route: str) -> None:
    root = world.people["root"]
    assert root
    _key, text = api_keys.create(
        name="Shop", stations=[world.station], rights=api_keys.GRANTABLE_RIGHTS, expires_on=None, by=root
    )
    for bearer in (text, authentication.issue_tokens(root)["access"]):
        answer = Client().post(world.address(route), sent(world, route), headers={"Authorization": f"Bearer {bearer}"})

        assert answer.headers["Location"].startswith(("/accounts/login/", "/admin/login/"))
