"""Every form of every page and of the admin, filled in with what no browser sends: never a crash."""

from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any, Final, NamedTuple
from urllib.parse import urljoin

import pytest
from django.conf import LazySettings
from django.db import transaction
from django.test import Client

from accounts.auth import password_reset
from accounts.customers import Contact
from accounts.models import AuditEntry
from bookings.mails import outbox
from bookings.models import Mail
from stations.models import Opening, Station
from tests.factories import ExceptionFactory, UserFactory, booking
from tests.samples import SAMPLE_RATES, sample

ALONE: Final = ("\0", "9" * 30, "0001-01-01")
"""What is put into one field while the others are as the page fills them in."""
EVERYWHERE: Final = (
    *ALONE,
    "x" * 10_000,
    "",
    "-1",
    "9999-12-31",
    "18:00:30.5",
    "٢٠٣١-٠٣-٠٧",
    "\u202e",
    "NaN",
    "1e999",
    "[]",
)
"""What is put into all of them at once."""

PAGES: Final = (
    "/calendar/week/?station=kitchen&date=2031-03-07",
    "/calendar/month/?station=kitchen&date=2031-03-07",
    "/bookings/{booking}/",
    "/bookings/{booking}/edit/",
    "/bookings/{booking}/move/",
    "/bookings/new/?station=kitchen&date=2031-03-07",
    "/bookings/{booking}/mails/{mail}/",
    "/accounts/me/",
    "/accounts/me/factor/",
    "/accounts/me/keys/",
    "/accounts/me/sessions/",
    "/accounts/me/name/",
    "/accounts/me/email/",
    "/accounts/forgotten/",
    "/accounts/new-password/{reset_token}/",
    "/feeds/",
    "/api/bookings/",
    "/api/bookings/{booking}/",
    "/admin/bookings/mail/",
    "/admin/bookings/mail/preview/?station=kitchen",
    "/admin/bookings/mail/{mail}/change/",
    "/admin/accounts/customer/",
    "/admin/accounts/user/",
    "/admin/auth/group/add/",
    "/admin/bookings/booking/",
    "/admin/bookings/booking/add/",
    "/admin/bookings/booking/{booking}/change/",
    "/admin/accounts/customer/{customer}/change/",
    "/admin/accounts/user/add/",
    "/admin/accounts/user/{person}/change/",
    "/admin/accounts/auditentry/",
    "/admin/stations/station/{station}/change/",
    "/admin/stations/station/{station}/build/",
)


class Form(NamedTuple):
    method: str
    address: str
    fields: dict[str, str]


class Forms(HTMLParser):
    """The forms of a page, each with its fields as they are filled in."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.page = page
        self.found: list[Form] = []
        self._select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        if tag == "form":
            address = urljoin(self.page, attributes.get("action") or self.page)
            self.found.append(Form(attributes.get("method", "get").lower(), address, {}))
        elif not self.found:
            return
        elif (
            tag in ("input", "textarea", "select")
            and attributes.get("type") != "submit"
            and _is_sent(attributes.get("name", ""))
        ):
            self.found[-1].fields.setdefault(attributes["name"], attributes.get("value", ""))
            self._select = attributes["name"] if tag == "select" else ""
        elif tag == "option" and "selected" in attributes and self._select:
            self.found[-1].fields[self._select] = attributes.get("value", "")


def _is_sent(name: str) -> bool:
    """Whether a browser would send it: not the pattern of rows that have yet to be added."""
    return name != "" and "__prefix__" not in name


def fillings(fields: dict[str, str]) -> Iterator[dict[str, str]]:
    """All but the number of rows, for as many as Django allows take many seconds.

    In an order by which each part of them (`SAMPLE_RATES`) meets every field and every value.
    """
    names = [name for name in fields if not name.endswith("-TOTAL_FORMS")]
    for bad in EVERYWHERE:
        yield {**fields, **dict.fromkeys(names, bad)}
    for bad in ALONE:
        for name in names:
            yield {**fields, name: bad}


@pytest.fixture
def things(station: Station, settings: LazySettings) -> dict[str, Any]:
    """The keys of one of each; with a mail server, for without one nobody is offered a new password."""
    settings.MAIL_SERVER, settings.PUBLIC_URL = {"EMAIL_HOST": "mail.example.com"}, "http://testserver"
    Opening.objects.exclude(weekday=4, start="18:00").delete()
    ExceptionFactory(station=station, date="2031-04-01")
    made = booking(station, customer=Contact("Ana García", "ana@example.com"))
    assert AuditEntry.objects.exists()
    mate = UserFactory(is_superuser=True)
    outbox.queue_created([made])
    return {
        "reset_token": password_reset.make_token(mate),
        "mail": Mail.objects.get().pk,
        "booking": made.pk,
        "customer": made.customer_id,
        "station": station.pk,
        "person": mate.pk,
    }


@pytest.mark.slow
@pytest.mark.parametrize("one_in", SAMPLE_RATES)
@pytest.mark.parametrize("path", PAGES)
def test_no_filling_of_a_form_is_a_crash(things: dict[str, Any], path: str, one_in: int) -> None:
    address = path.format(**things)
    client = Client(raise_request_exception=False)
    client.force_login(UserFactory(is_superuser=True))
    shown = Forms(address)
    shown.feed(client.get(address, headers={"Accept": "text/html"}).content.decode())
    forms = [form for form in shown.found if "logout" not in form.address]
    assert any(form.fields for form in forms)

    crashed = []
    for form in forms:
        for words in sample(fillings(form.fields), one_in):
            with transaction.atomic():
                answer = client.post(form.address, words) if form.method == "post" else client.get(form.address, words)
                transaction.set_rollback(True)
            if answer.status_code >= 500:
                crashed.append((form.address, {name for name in words if words[name] != form.fields[name]}))

    assert crashed == []
