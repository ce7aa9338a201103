"""Who may open what: role × address × method × status, over every address there is.

A new address without a row here fails. Each call is made whole and valid, so that nothing but the right decides.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import pytest
from django.conf import settings
from django.contrib.auth.models import Group
from django.db import transaction
from django.test import Client, override_settings
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import translation
from pytest_django import DjangoDbBlocker

from accounts import roles
from accounts.auth import api_keys, authentication, email_change, password_reset
from accounts.auth.session_store import digest_of
from accounts.customers import Contact
from accounts.models import AuditEntry, Session, User
from bookings.icalendar import feeds
from bookings.mails import outbox
from bookings.models import Booking, ContactProposal, Mail
from stations.models import Station
from tests import factories
from tests.factories import PASSWORD

ROLES: Final = ("nobody", "outsider", "viewer", "staff", "manager", "integrator", "stranger", "root")
"""Not signed in; staff without a station; four people of the kitchen, of whom the staff keeps a feed and an API key; a manager of
another station; a superuser."""

NAME: Final = "Quillon Xanthe"
METHODS: Final = ("GET", "POST", "PATCH", "PUT", "DELETE")

API = """
                                     nobody outsider viewer staff manager integrator stranger root
GET    api/                             401      403    200   200     200        200      200  200
GET    api/schema/                      200      200    200   200     200        200      200  200
GET    api/docs/                        200      200    200   200     200        200      200  200
POST   api/auth/login                   200      200    200   200     200        200      200  200
POST   api/auth/refresh                 200      200    200   200     200        200      200  200
POST   api/auth/logout                  200      200    200   200     200        200      200  200
GET    api/bookings/admin/weekly        401      403    200   200     200        200      404  200
GET    api/bookings/admin/monthly       401      403    200   200     200        200      404  200
PATCH  api/bookings/admin/<str:booking_id>
                                        401      403    403   200     200        200      404  200
GET    api/bookings/                    401      403    200   200     200        200      404  200
POST   api/bookings/                    401      403    403   201     201        201      404  201
GET    api/bookings/export              401      403    403   403     200        200      404  200
GET    api/bookings/<str:booking_id>/   401      403    200   200     200        200      404  200
PATCH  api/bookings/<str:booking_id>/   401      403    403   200     200        200      404  200
POST   api/bookings/<str:booking_id>/status/
                                        401      403    403   200     200        200      404  200
GET    api/stations/                    401      403    200   200     200        200      200  200
GET    api/stations/<str:code>/slots    401      403    200   200     200        200      404  200
POST   api/customers/search             401      403    403   200     200        200      200  200
GET    api/customers/<str:customer_id>/ 401      403    200   200     200        200      404  200
GET    api/^                            401      403    404   404     404        404      404  404
"""
PAGES = """
                                     nobody outsider viewer staff manager integrator stranger root
GET    accounts/login/                  200      200    200   200     200        200      200  200
POST   accounts/login/                  302      302    302   302     302        302      302  302
POST   language/                        302      302    302   302     302        302      302  302
POST   accounts/logout/               login    login  login login   login      login    login login
GET    accounts/confirm/              login      302    302   302     302        302      302  302
POST   accounts/confirm/              login      302    302   302     302        302      302  302
GET    accounts/forgotten/             200      200    200   200     200        200      200  200
POST   accounts/forgotten/             200      200    200   200     200        200      200  200
GET    accounts/new-password/<str:reset_token>/
                                        200      200    200   200     200        200      200  200
POST   accounts/new-password/<str:reset_token>/
                                        200      200    200   200     200        200      200  200
GET    accounts/me/                   login      200    200   200     200        200      200  200
POST   accounts/me/password/          login      302    302   302     302        302      302  302
GET    accounts/me/name/              login      200    200   200     200        200      200  200
POST   accounts/me/name/              login      302    302   302     302        302      302  302
GET    accounts/me/email/             login      200    200   200     200        200      200  200
POST   accounts/me/email/             login      302    302   302     302        302      302  302
GET    accounts/me/email/<str:token>/ login      404    404   200     404        404      404  404
POST   accounts/me/email/<str:token>/ login      404    404   302     404        404      404  404
GET    accounts/me/factor/            login      200    200   200     200        200      200  200
POST   accounts/me/factor/app/        login      200    200   200     200        200      200  200
POST   accounts/me/factor/confirm/    login      302    302   302     302        302      302  302
POST   accounts/me/factor/codes/      login      302    302   302     302        302      302  302
POST   accounts/me/factor/none/       login      302    302   302     302        302      302  302
GET    accounts/me/keys/              login      200    200   200     200        200      200  200
POST   accounts/me/keys/              login      400    200   200     200        200      400  200
POST   accounts/me/keys/<int:key_id>/revoke/
                                      login      404    404   302     404        404      404  404
GET    accounts/me/sessions/          login      200    200   200     200        200      200  200
POST   accounts/me/sessions/<int:session_id>/end/
                                      login      404    404   302     404        404      404  404
POST   accounts/me/sessions/others/end/
                                      login      302    302   302     302        302      302  302
POST   accounts/me/end/               login    login  login login   login      login    login login
GET    /                                302      302    302   302     302        302      302  302
GET    calendar/                        302      302    302   302     302        302      302  302
GET    calendar/week/                 login      200    200   200     200        403      404  200
GET    calendar/month/                login      200    200   200     200        403      404  200
GET    calendar/day/                   login      200    200   200     200        403      404  200
GET    calendar/agenda/                login      200    200   200     200        403      404  200
GET    calendar/stations/              login      200    200   200     200        403      404  200
GET    calendar/door/                 login      200    200   200     200        403      404  200
POST   calendar/door/walk-in/         login      404    403   302     302        403      404  302
POST   calendar/door/<uuid:booking_id>/
                                      login      404    403   302     302        403      404  302
GET    calendar/changes/              login      200    200   200     200        403      404  200
GET    calendar/close/                login      403    403   403     200        403      404  200
POST   calendar/close/                login      403    403   403     302        403      302  302
POST   calendar/close/reopen/         login      403    403   403     302        403      302  302
GET    calendar/print/                login      200    200   200     200        403      404  200
POST   calendar/search/               login      200    403   200     200        403      200  200
POST   calendar/search/hits/          login      200    403   200     200        403      200  200
POST   bookings/new/find/             login      200    403   200     200        403      200  200
GET    bookings/new/check/            login      404    403   200     200        403      404  200
POST   bookings/new/for/              login      200    403   200     200        403      200  200
GET    bookings/new/                  login      404    403   200     200        403      404  200
POST   bookings/new/                  login      404    403   302     302        403      404  302
GET    bookings/<uuid:booking_id>/    login      404    200   200     200        403      404  200
GET    bookings/<uuid:booking_id>/edit/
                                      login      404    403   200     200        403      404  200
POST   bookings/<uuid:booking_id>/edit/
                                      login      404    403   302     302        403      404  302
POST   bookings/<uuid:booking_id>/contact/
                                      login      404    403   200     200        403      404  200
POST   bookings/<uuid:booking_id>/contact/decide/
                                      login      404    403   302     302        403      404  302
POST   bookings/<uuid:booking_id>/party/
                                      login      404    403   302     302        403      404  302
POST   bookings/<uuid:booking_id>/step/
                                      login      404    403   302     302        403      404  302
GET    bookings/<uuid:booking_id>/move/
                                      login      404    403   200     200        403      404  200
POST   bookings/<uuid:booking_id>/move/
                                      login      404    403   302     302        403      404  302
GET    bookings/<uuid:booking_id>/move-options/
                                      login      404    403   200     200        403      404  200
GET    bookings/<uuid:booking_id>/mails/<uuid:mail_id>/
                                      login      404    403   200     200        403      404  200
POST   bookings/<uuid:booking_id>/mails/<uuid:mail_id>/
                                      login      404    403   302     302        403      404  302
GET    bookings/undo/                 login      200    403   200     200        403      200  200
POST   bookings/undo/                 login      302    403   302     302        403      302  302
GET    bookings/redo/                 login      200    403   200     200        403      200  200
POST   bookings/redo/                 login      302    403   302     302        403      302  302
GET    customers/<uuid:customer_id>/  login      404    200   200     200        403      404  200
POST   customers/<uuid:customer_id>/contact/
                                      login      404    403   200     200        403      404  200
GET    customers/<uuid:customer_id>/edit/
                                      login      404    403   200     200        403      404  200
POST   customers/<uuid:customer_id>/edit/
                                      login      404    403   302     302        403      404  302
GET    feeds/                         login      200    200   200     200        403      200  200
POST   feeds/                         login      200    200   200     200        403      200  200
POST   feeds/<int:feed_id>/renew/     login      404    404   200     404        403      404  404
POST   feeds/<int:feed_id>/revoke/    login      404    404   302     404        403      404  404
GET    feeds/<str:secret>.ics           200      200    200   200     200        200      200  200
GET    admin/login/                   login      403    403   403     302        403      302  302
GET    admin/logout/                    302      302    302   302     405        302      405  405
POST   admin/logout/                    302      302    302   302   login        302    login login
"""
ADMIN = """
                                                      manager stranger root
GET    admin/                                             200      200  200
GET    admin/password_change/                             302      302  302
POST   admin/password_change/                             302      302  302
GET    admin/autocomplete/                                403      403  403
GET    admin/jsi18n/                                      200      200  200
GET    admin/<app_label>/                                 200      200  200
GET    admin/<url>                                        404      404  404

GET    admin/stations/station/                            200      200  200
GET    admin/stations/station/add/                        403      403  200
POST   admin/stations/station/add/                        403      403  200
GET    admin/stations/station/<int:station_id>/hours/     200      404  200
POST   admin/stations/station/<int:station_id>/hours/     200      404  200
GET    admin/stations/station/<int:station_id>/build/     200      404  200
POST   admin/stations/station/<int:station_id>/build/     200      404  200
GET    admin/stations/station/<path:object_id>/           302      302  302
GET    admin/stations/station/<path:object_id>/change/    200      404  200
POST   admin/stations/station/<path:object_id>/change/    200      404  200
GET    admin/stations/station/<path:object_id>/history/   200      404  200
GET    admin/stations/station/<path:object_id>/delete/    403      404  403
POST   admin/stations/station/<path:object_id>/delete/    403      404  403

GET    admin/bookings/booking/                            200      200  200
GET    admin/bookings/booking/add/                        200      200  200
POST   admin/bookings/booking/add/                        200      200  200
GET    admin/bookings/booking/<path:object_id>/           302      302  302
GET    admin/bookings/booking/<path:object_id>/change/    200      404  200
POST   admin/bookings/booking/<path:object_id>/change/    200      404  200
GET    admin/bookings/booking/<path:object_id>/history/   200      404  200
GET    admin/bookings/booking/<path:object_id>/delete/    403      404  403
POST   admin/bookings/booking/<path:object_id>/delete/    403      404  403

GET    admin/bookings/mail/                               200      200  200
POST   admin/bookings/mail/                               302      302  302
GET    admin/bookings/mail/preview/                       200      404  200
GET    admin/bookings/mail/add/                           403      403  403
POST   admin/bookings/mail/add/                           403      403  403
GET    admin/bookings/mail/<path:object_id>/              302      302  302
GET    admin/bookings/mail/<path:object_id>/change/       200      404  200
POST   admin/bookings/mail/<path:object_id>/change/       403      404  403
GET    admin/bookings/mail/<path:object_id>/history/      200      404  200
GET    admin/bookings/mail/<path:object_id>/delete/       403      404  403
POST   admin/bookings/mail/<path:object_id>/delete/       403      404  403

GET    admin/accounts/customer/                           200      200  200
GET    admin/accounts/customer/add/                       403      403  403
POST   admin/accounts/customer/add/                       403      403  403
GET    admin/accounts/customer/<path:object_id>/          302      302  302
GET    admin/accounts/customer/<path:object_id>/change/   200      404  200
POST   admin/accounts/customer/<path:object_id>/change/   200      404  200
GET    admin/accounts/customer/<path:object_id>/history/  200      404  200
POST   admin/accounts/customer/<uuid:customer_id>/data/   200      404  200
POST   admin/accounts/customer/<uuid:customer_id>/export/ 200      404  200
GET    admin/accounts/customer/<uuid:customer_id>/erase/  200      404  200
POST   admin/accounts/customer/<uuid:customer_id>/erase/  200      404  200
POST   admin/accounts/customer/<uuid:customer_id>/contact/
                                                          302      404  302
GET    admin/accounts/customer/<path:object_id>/delete/   403      404  403
POST   admin/accounts/customer/<path:object_id>/delete/   403      404  403

GET    admin/accounts/user/                               200      200  200
GET    admin/accounts/user/add/                           200      200  200
POST   admin/accounts/user/add/                           200      200  200
GET    admin/accounts/user/<path:object_id>/              302      302  302
GET    admin/accounts/user/<path:object_id>/change/       200      404  200
POST   admin/accounts/user/<path:object_id>/change/       200      404  200
GET    admin/accounts/user/<path:object_id>/history/      200      404  200
GET    admin/accounts/user/<path:object_id>/delete/       403      404  403
POST   admin/accounts/user/<path:object_id>/delete/       403      404  403
GET    admin/accounts/user/<int:user_id>/password/        403      404  403
POST   admin/accounts/user/<int:user_id>/password/        403      404  403
POST   admin/accounts/user/<int:user_id>/password-link/   302      404  302

GET    admin/accounts/auditentry/                         200      200  200
GET    admin/accounts/auditentry/add/                     403      403  403
POST   admin/accounts/auditentry/add/                     403      403  403
GET    admin/accounts/auditentry/<path:object_id>/        302      302  302
GET    admin/accounts/auditentry/<path:object_id>/change/ 200      404  200
POST   admin/accounts/auditentry/<path:object_id>/change/ 403      404  403
GET    admin/accounts/auditentry/<path:object_id>/history/
                                                          200      404  200
GET    admin/accounts/auditentry/<path:object_id>/delete/ 403      404  403
POST   admin/accounts/auditentry/<path:object_id>/delete/ 403      404  403

GET    admin/auth/group/                                  403      403  200
GET    admin/auth/group/add/                              403      403  200
POST   admin/auth/group/add/                              403      403  200
GET    admin/auth/group/<path:object_id>/                 302      302  302
GET    admin/auth/group/<path:object_id>/change/          403      403  200
POST   admin/auth/group/<path:object_id>/change/          403      403  403
GET    admin/auth/group/<path:object_id>/history/         403      403  200
GET    admin/auth/group/<path:object_id>/delete/          403      403  403
POST   admin/auth/group/<path:object_id>/delete/          403      403  403
"""
"""Whoever does not manage is sent to the log-in. Forms are sent empty: 200 is the form again, with what is missing."""


class Row(NamedTuple):
    method: str
    route: str
    statuses: dict[str, str]


def rows_of(table: str) -> Iterator[Row]:
    """A table's rows, by its header's roles; one that is too long for its line goes on in the next."""
    header, _newline, lines = table.strip().partition("\n")
    names, words = header.split(), lines.split()
    for at in range(0, len(words), len(names) + 2):
        method, route, *statuses = words[at : at + len(names) + 2]
        known = dict(zip(names, statuses, strict=True))
        yield Row(method, route.removeprefix("/"), {role: known.get(role, "login") for role in ROLES})


ROWS: Final = [row for table in (API, PAGES, ADMIN) for row in rows_of(table)]


def routes(resolver: URLResolver, prefix: str = "") -> Iterator[str]:
    """Every address of the product, as the resolver writes it; expressions by the name of what they catch."""
    for one in resolver.url_patterns:
        path = f"{prefix}{one.pattern}"
        if isinstance(one, URLPattern):
            yield re.sub(r"\^?\(\?P(<\w+>)[^)]*\)(/?)\$", r"\1\2", path)
        else:
            yield from routes(one, path)


class World:
    """The kitchen with a booking of Ana's, and somebody of each role."""

    def __init__(self) -> None:
        self.station = factories.open_station(code="kitchen")
        self.booking = factories.booking(self.station, customer=Contact(NAME, "quill@example.com"))
        outbox.queue_created([self.booking])
        self.mail = Mail.objects.get()
        given = {"email": "quill.two@example.com", "customer": self.booking.customer}
        ContactProposal.objects.create(booking=self.booking, station=self.station, **given)
        bar = factories.open_station(code="bar")
        self.people: dict[str, User | None] = {
            "nobody": None,
            "outsider": factories.person(roles.STAFF),
            "viewer": factories.person(roles.VIEWERS, self.station),
            "staff": factories.staff(self.station),
            "manager": factories.person(roles.MANAGERS, self.station),
            "integrator": factories.person(roles.INTEGRATORS, self.station),
            "stranger": factories.person(roles.MANAGERS, bar),
            "root": User.objects.create_superuser("root@example.com", PASSWORD),
        }
        self.member = factories.staff(self.station)
        owner = self.people["staff"]
        assert owner
        self.owner = owner
        email_change.change(owner, "wanted@example.com")
        self.feed, self.secret = feeds.create(station=self.station, details=False, by=owner)
        self.key, _text = api_keys.create(
            name="Shop", stations=[self.station], rights=[roles.VIEW], expires_on=None, by=owner
        )
        self.keys = {
            "admin/stations/station/": self.station.pk,
            "admin/bookings/booking/": self.booking.pk,
            "admin/bookings/mail/": self.mail.pk,
            "admin/accounts/customer/": self.booking.customer_id,
            "admin/accounts/user/": self.member.pk,
            "admin/accounts/auditentry/": AuditEntry.objects.filter(station=self.station).latest("pk").pk,
            "admin/auth/group/": Group.objects.earliest("pk").pk,
        }
        self.other_browser = Session.objects.get(digest=digest_of(self._signed_in(owner)))
        self.sessions = {role: self._signed_in(user) for role, user in self.people.items() if user}

    def _signed_in(self, user: User) -> str:
        client = Client()
        client.force_login(user)
        return client.cookies[settings.SESSION_COOKIE_NAME].value

    def address(self, route: str) -> str:
        """A route with the kitchen's things in the places of its variables."""
        if "<str:reset_token>" in route:  # which takes longer to make than most pages
            route = route.replace("<str:reset_token>", password_reset.make_token(self.member))
        if "<str:token>" in route:
            route = route.replace("<str:token>", email_change.make_token(self.owner))
        return "/" + (
            route.replace("<str:booking_id>", str(self.booking.pk))
            .replace("<uuid:booking_id>", str(self.booking.pk))
            .replace("<uuid:mail_id>", str(self.mail.pk))
            .replace("<str:customer_id>", str(self.booking.customer_id))
            .replace("<uuid:customer_id>", str(self.booking.customer_id))
            .replace("<str:code>", "kitchen")
            .replace("api/^", "api/nowhere")
            .replace("<app_label>", "bookings")
            .replace("<url>", "nowhere/")
            .replace("<path:object_id>", str(self.keys.get(route.partition("<")[0], "")))
            .replace("<int:station_id>", str(self.station.pk))
            .replace("<int:feed_id>", str(self.feed.pk))
            .replace("<int:key_id>", str(self.key.pk))
            .replace("<int:session_id>", str(self.other_browser.pk))
            .replace("<int:user_id>", str(self.member.pk))
            .replace("<str:secret>", self.secret)
        )

    def query(self, method: str, route: str) -> str:
        days = "date_from=2031-03-03&date_to=2031-03-09"
        known = {
            "api/bookings/admin/weekly": f"?{days}&station=kitchen",
            "api/bookings/admin/monthly": f"?{days}&station=kitchen",
            "api/stations/<str:code>/slots": f"?{days}",
            "api/bookings/": "?station=kitchen",
            "api/bookings/export": f"?{days}&station=kitchen",
            "calendar/week/": "?station=kitchen",
            "calendar/month/": "?station=kitchen",
            "calendar/day/": "?station=kitchen",
            "calendar/print/": "?station=kitchen",
            "calendar/agenda/": "?station=kitchen",
            "calendar/close/": "?station=kitchen&date=2031-03-10",
            "calendar/close/reopen/": "?station=kitchen&date=2031-03-10",
            "calendar/changes/": "?station=kitchen",
            "calendar/door/": "?station=kitchen&date=2031-03-07",
            "calendar/stations/": "?station=kitchen",
            "bookings/new/": "?station=kitchen",
            "bookings/new/check/": "?station=kitchen&date=2031-03-07&slot=18:00",
            "admin/bookings/mail/preview/": "?station=kitchen",
            "bookings/<uuid:booking_id>/move-options/": "?first=2031-03-03&last=2031-03-09",
        }
        return known.get(route, "") if method == "GET" else ""

    def body(self, method: str, route: str) -> dict[str, Any]:
        """What is sent, whole and valid."""
        place = {"date": "2031-03-08", "slot": "19:00"}
        login = {"email": self.member.email, "password": PASSWORD}
        new = {"station": "kitchen", "date": "2031-03-07", "slot": "18:00", "party_adults": 2}
        version = {"version": "1"}
        decision = {"do": "dismiss", "field": "email", "booking": str(self.booking.pk), **version}
        party = {"slots": 1, "party_adults": 3, "party_kids": 0, "total_due_cents": "0", "deposit_due_cents": "0"}
        sent: dict[tuple[str, str], dict[str, Any]] = {
            ("POST", "api/auth/login"): login,
            ("POST", "accounts/login/"): login,
            ("PATCH", "api/bookings/admin/<str:booking_id>"): place,
            ("POST", "api/bookings/"): new,
            ("PATCH", "api/bookings/<str:booking_id>/"): {"party_adults": 3},
            ("POST", "api/bookings/<str:booking_id>/status/"): {"status": "completed"},
            ("POST", "api/customers/search"): {"q": "quill@example.com"},
            ("POST", "calendar/search/"): {"q": "quill@example.com"},
            ("POST", "calendar/search/hits/"): {"q": "quill@example.com", "station": "kitchen"},
            ("POST", "bookings/new/find/"): {"q": "quill@example.com", "station": "kitchen"},
            ("POST", "bookings/new/for/"): {"q": "Quill"},
            ("POST", "bookings/new/"): {**new, **party, "status": "confirmed"},
            ("POST", "bookings/<uuid:booking_id>/edit/"): {**party, **version},
            ("POST", "bookings/<uuid:booking_id>/contact/decide/"): decision,
            ("POST", "admin/accounts/customer/<uuid:customer_id>/contact/"): decision,
            ("POST", "bookings/<uuid:booking_id>/party/"): {"guests": 2, **version},
            ("POST", "calendar/door/<uuid:booking_id>/"): {"change": f"guests 2 {version['version']}"},
            ("POST", "customers/<uuid:customer_id>/edit/"): {"name": "Quill", "email": "quill@example.com", **version},
            ("POST", "calendar/close/"): {"first": "17:00", "last": "17:00"},
            ("POST", "calendar/door/walk-in/"): {"station": "kitchen", "guests": 2},
            ("POST", "bookings/<uuid:booking_id>/step/"): {"status": "completed", **version},
            ("POST", "bookings/<uuid:booking_id>/move/"): {**place, **version},
            ("POST", "bookings/<uuid:booking_id>/mails/<uuid:mail_id>/"): {"do": "withhold"},
            ("POST", "admin/bookings/mail/"): {"action": "withhold", "_selected_action": [str(self.mail.pk)]},
            ("POST", "accounts/me/factor/none/"): {"old": PASSWORD},
            ("POST", "accounts/confirm/"): {"old": PASSWORD},
            ("POST", "accounts/me/email/"): {"email": "new@example.com"},
            ("POST", "accounts/me/keys/"): {
                "name": "Shop",
                "stations": [self.station.pk],
                "rights": [roles.VIEW],
                "old": PASSWORD,
            },
            ("POST", "accounts/forgotten/"): {"email": self.member.email},
            ("POST", "accounts/new-password/<str:reset_token>/"): {
                "new": "seven green horses",
                "again": "seven green horses",
            },
            ("POST", "accounts/me/password/"): {
                "old": PASSWORD,
                "new": "seven green horses",
                "again": "seven green horses",
            },
        }
        if route in ("api/auth/refresh", "api/auth/logout"):
            return {"refresh": authentication.issue_tokens(self.member)["refresh"]}
        return sent.get((method, route), {})

    def call(
        self,
        role: str,
        method: str,
        route: str,
        *,
        by_token: bool = True,
        protected: bool = False,
        client: Client | None = None,
        accept: str = "*/*",
        afresh: bool = True,
    ) -> Any:
        """The answer to somebody of a role: by token under /api/, by the browser's session elsewhere, and without its forms'
        protection where that is asked for (`protected`). Signed in for this call (`afresh`), or once for all that are undone.
        """
        user, headers = self.people[role], {"Accept": accept}
        client = client or Client(enforce_csrf_checks=protected)
        api = route.startswith("api/")
        if user and api and by_token:
            headers["Authorization"] = f"Bearer {authentication.issue_tokens(user)['access']}"
        elif user and afresh:
            client.force_login(user)
        elif user:
            client.cookies[settings.SESSION_COOKIE_NAME] = self.sessions[role]
        address, body = self.address(route) + self.query(method, route), self.body(method, route)
        if api:
            return client.generic(method, address, json.dumps(body), "application/json", headers=headers)
        return client.post(address, body) if method == "POST" else client.generic(method, address, headers=headers)


MAILS: Final[dict[str, Any]] = {"MAIL_SERVER": {"EMAIL_HOST": "mail.example.com"}, "PUBLIC_URL": "http://testserver"}
"""Without a mail server nobody is offered a new password."""


def new_world() -> World:
    with override_settings(**MAILS), translation.override(None):
        return World()


@pytest.fixture(scope="module")
def built(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[World]:
    """Made once for a module, for it takes longer than most tests of it: each of them works within a savepoint of its own, and
    finds this kitchen there.
    """
    with django_db_blocker.unblock(), transaction.atomic():
        yield new_world()
        transaction.set_rollback(True)


@pytest.fixture
def world(built: World, db: None) -> Iterator[World]:
    with override_settings(**MAILS):
        yield built


def undone(world: World, role: str, method: str, route: str, **how: Any) -> Any:
    """The answer to a call whose changes are taken back, so that the next role finds the same world."""
    with transaction.atomic():
        answer = world.call(role, method, route, afresh=False, **how)
        transaction.set_rollback(True)
    return answer


def formatted_status(answer: Any) -> str:
    """The status, or that the log-in is where one is sent."""
    to_log_in = answer.headers.get("Location", "").startswith(("/accounts/login/", "/admin/login/"))
    return "login" if to_log_in else str(answer.status_code)


def test_every_address_has_a_row() -> None:
    assert sorted({row.route for row in ROWS}) == sorted(set(routes(get_resolver())))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.method} /{row.route}")
def test_access_is_as_the_table_says(world: World, row: Row) -> None:
    found = {role: formatted_status(undone(world, role, row.method, row.route)) for role in ROLES}

    assert found == row.statuses


BY_PASSWORD_OR_TOKEN: Final = {"api/auth/login", "api/auth/refresh", "api/auth/logout"}
WRITES: Final = [row for row in ROWS if row.method != "GET" and row.route not in BY_PASSWORD_OR_TOKEN]


@pytest.mark.looks
@pytest.mark.parametrize("row", WRITES, ids=lambda row: f"{row.method} /{row.route}")
def test_no_other_site_can_write_by_somebodys_session(world: World, row: Row) -> None:
    answer = world.call("root", row.method, row.route, by_token=False, protected=True)

    assert answer.status_code == 403
    assert "session has expired" in answer.content.decode()


OTHERS: Final = {
    route: set(METHODS) - {row.method for row in ROWS if row.route == route}
    for route in sorted({row.route for row in ROWS if not row.route.startswith("admin/")})
}


@pytest.mark.slow
@pytest.mark.looks
@pytest.mark.parametrize("route", OTHERS)
def test_no_method_but_the_tables_does_anything(world: World, route: str) -> None:
    statuses = {undone(world, role, method, route).status_code for role in ROLES for method in OTHERS[route]}

    assert statuses <= {302, 401, 403, 404, 405}
    assert not AuditEntry.objects.filter(event__in=["edited", "rescheduled", "status"]).exists()


@pytest.mark.parametrize("route", ["calendar/week/", "bookings/<uuid:booking_id>/", "bookings/new/"])
def test_a_page_sends_nobody_to_the_log_in_and_back(world: World, route: str) -> None:
    answer = world.call("nobody", "GET", route)

    assert answer.headers["Location"].startswith("/accounts/login/?next=/")


@pytest.mark.slow
def test_a_stranger_sees_no_booking_in_any_answer(world: World) -> None:
    """Whatever the status: nothing of the kitchen's booking stands in an answer to another station's manager.

    But under the feed's secret: that is for whoever was told it.
    """
    shown = []
    for row in [row for row in ROWS if row.route != "feeds/<str:secret>.ics"]:
        answer = undone(world, "stranger", row.method, row.route)
        marks = {NAME, str(world.booking.pk), str(world.booking.customer_id)}
        asked = {mark for mark in marks if mark in answer.wsgi_request.path}
        shown += [f"{row.method} {row.route}" for mark in marks - asked if mark.encode() in answer.content]

    assert shown == []


@pytest.mark.slow
def test_the_kitchen_is_as_it_was_after_all_of_a_strangers_calls(world: World) -> None:
    before = Booking.objects.values().get(), Station.objects.values().get(code="kitchen")

    for row in ROWS:
        world.call("stranger", row.method, row.route)

    assert (Booking.objects.values().get(), Station.objects.values().get(code="kitchen")) == before
