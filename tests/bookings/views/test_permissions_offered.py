"""What pages offer to people with fewer permissions: nothing that they may not do, and no amounts to collect."""

import re
from collections.abc import Iterable, Sequence
from html import unescape
from typing import Any, Final

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.urls import resolve

from accounts import roles
from accounts.customers import Contact
from accounts.models import User
from bookings import services
from bookings.models import Booking, Mail
from bookings.models.status import Status
from stations.models import Station
from tests.factories import SATURDAY, booking, person

PERMISSIONS: Final = [
    (),
    (roles.PII,),
    (roles.CHANGE,),
    (roles.MANAGE,),
    (roles.MANAGE, roles.PII),
    (roles.PII, roles.CHANGE, roles.API, roles.MANAGE, roles.EXPORT, roles.PEOPLE),
]
"""What groups may hold, besides the permissions to open pages and to view bookings."""

CALENDARS: Final = ("week", "month", "day", "agenda", "stations", "door")
ENDS_THE_SESSION: Final = ("/accounts/logout/", "/accounts/me/end/", "/admin/logout/")


def holder_of(rights: Iterable[str], station: Station) -> User:
    group, _made = Group.objects.get_or_create(name="Custom")
    codenames = [right.removeprefix("accounts.") for right in (roles.VIEW, roles.PAGES, *rights)]
    group.permissions.set(Permission.objects.filter(content_type__app_label="accounts", codename__in=codenames))
    return person("Custom", station)


def displace(made: Booking) -> None:
    made.holds.all().delete()
    Booking.objects.filter(pk=made.pk).update(needs_place=True)


def page(client: Client, address: str) -> str:
    return str(client.get(address).content.decode())


def week(client: Client) -> str:
    return page(client, "/calendar/week/?station=kitchen&date=2031-03-07")


@pytest.fixture
def made(station: Station) -> Booking:
    """A booking that was moved, so that there is an email about it; a second one waits for a slot."""
    who = Contact("Ana García", "ana@example.com", "+49 30 901820")
    displace(booking(station, total_due_cents=5000))
    first = booking(station, customer=who, total_due_cents=9000, deposit_due_cents=1500)
    to = services.Place(SATURDAY, first.slot)
    return services.reschedule(first.pk, to=to, by=person(roles.STAFF, station)).booking


def pages_of(made: Booking) -> Sequence[str]:
    calendars = [f"/calendar/{kind}/?station=kitchen&date=2031-03-07" for kind in CALENDARS]
    own = [f"/bookings/{made.pk}/", "/feeds/", "/accounts/me/", "/accounts/me/keys/", "/bookings/undo/"]
    [mail] = Mail.objects.filter(booking=made)
    details = [f"/bookings/{made.pk}/mails/{mail.pk}/", f"/bookings/{made.pk}/move/", f"/bookings/{made.pk}/edit/"]
    station, customer = f"/admin/stations/station/{made.station_id}/", f"/admin/accounts/customer/{made.customer_id}/"
    changes = [station, customer, f"/admin/bookings/booking/{made.pk}/", f"/admin/bookings/mail/{mail.pk}/"]
    lists = ["/admin/", "/admin/bookings/booking/", "/admin/accounts/customer/", "/admin/accounts/user/"]
    return [*calendars, *own, *details, *lists, *(f"{address}change/" for address in changes)]


def offers(html: str, address: str) -> set[tuple[str, str]]:
    """The links and forms of a page, as method and address."""
    links = {("GET", one) for one in re.findall(r'<a\s[^>]*?href="(/[^"]*)"', html)}
    for form, content in re.findall(r"<form\s([^>]*)>(.*?)</form>", html, re.DOTALL):
        if not re.search(r'<button(?![^>]*\sform=)|type="submit"', content):
            continue  # Django's admin shows what may only be read in a form as well
        action, method = (re.search(rf'{name}="([^"]*)"', form) for name in ("action", "method"))
        links.add(((method[1] if method else "get").upper(), (action[1] if action else "") or address))
    links |= {("POST", one) for one in re.findall(r'formaction="([^"]*)"', html)}
    return {(method, unescape(link)) for method, link in links if link.split("?")[0] not in ENDS_THE_SESSION}


def shown_to(client: Client, made: Booking) -> dict[tuple[str, str], str]:
    """One address for each method and each kind of address that pages offer."""
    found = client.post("/calendar/search/", {"q": "ana@example.com"})
    every = offers(found.content.decode(), "/calendar/search/") if found.status_code == 200 else set()
    for address in pages_of(made):
        answer = client.get(address)
        if answer.status_code == 200:
            every |= offers(answer.content.decode(), address)
    return {(method, resolve(link.split("?")[0]).route): link for method, link in sorted(every)}


@pytest.mark.slow
@pytest.mark.looks
@pytest.mark.usefixtures("on_friday")
@pytest.mark.parametrize("rights", PERMISSIONS)
def test_pages_offer_nothing_that_is_refused(
    client: Client, station: Station, made: Booking, rights: Sequence[str]
) -> None:
    client.force_login(holder_of(rights, station))

    offered = shown_to(client, made)
    refused = [(method, link) for (method, _route), link in offered.items() if _ask(client, method, link) == 403]

    assert (len(offered) > 12, refused) == (True, [])


def _ask(client: Client, method: str, address: str) -> int:
    """The status of a link, or of a form without any field filled in."""
    ask: Any = client.post if method == "POST" else client.get
    return int(ask(address).status_code)


@pytest.mark.parametrize(
    ("group", "hint", "due"),
    [
        (roles.VIEWERS, "Their slot was closed or its capacity reduced.", []),
        (
            roles.STAFF,
            "Their slot was closed or its capacity reduced. Move them to another slot.",
            ["75,00\N{NO-BREAK SPACE}€"],
        ),
    ],
)
def test_calendar_shows_amounts_and_asks_for_moves_where_bookings_may_be_changed(
    client: Client, station: Station, made: Booking, group: str, hint: str, due: list[str]
) -> None:
    client.force_login(person(group, station))

    html = week(client)
    [totals] = re.findall(r'<p class="totals">.*?</p>', html)

    assert re.findall(r'<p class="quiet">(Their .*?)</p>', html) == [hint]
    assert re.findall(r"<b>([^<]*)</b> due", totals) == due
    assert ("Press Space to pick up this booking" in html) is (group == roles.STAFF)
    assert (
        re.findall(r"<span>([^<]*) due</span>", page(client, "/calendar/agenda/?station=kitchen&date=2031-03-07"))
        == due
    )


@pytest.mark.parametrize(
    ("group", "hint", "due"),
    [
        (roles.VIEWERS, "This booking no longer has a slot.", []),
        (
            roles.STAFF,
            "This booking no longer has a slot. Move it to another slot.",
            ["50,00 € (of 50,00 €)"],
        ),
    ],
)
def test_booking_shows_amounts_and_asks_for_a_move_where_it_may_be_changed(
    client: Client, station: Station, group: str, hint: str, due: list[str]
) -> None:
    made = booking(station, total_due_cents=5000)
    displace(made)
    client.force_login(person(group, station))

    html = page(client, f"/bookings/{made.pk}/")
    facts = [
        " ".join(re.sub(r"<[^>]+>", "", fact).split())
        for fact in re.findall(r"<dt>Due</dt><dd>(.*?)</dd>", html, re.DOTALL)
    ]

    assert re.findall(r"<p>(This booking .*?)</p>", html) == [hint]
    assert facts == due


@pytest.mark.parametrize(
    ("status", "due"),
    [
        (Status.PENDING, "75,00"),
        (Status.CONFIRMED, "75,00"),
        (Status.ARRIVED, "75,00"),
        (Status.COMPLETED, "75,00"),
        (Status.NO_SHOW, "0,00"),
        (Status.CANCELLED, "0,00"),
    ],
)
def test_due_leaves_out_guests_who_did_not_come_or_cancelled(
    client: Client, station: Station, status: Status, due: str
) -> None:
    made = booking(station, total_due_cents=9000, deposit_due_cents=1500)
    Booking.objects.filter(pk=made.pk).update(status=status)
    client.force_login(person(roles.STAFF, station))

    [total] = re.findall(r"<b>([^<]*)\N{NO-BREAK SPACE}€</b> due", week(client))
    agenda = page(client, "/calendar/agenda/?station=kitchen&date=2031-03-07")
    [fact] = re.findall(r"<dt>Due</dt><dd>([^\s<]*?)\N{NO-BREAK SPACE}€\s", page(client, f"/bookings/{made.pk}/"))

    assert (total, fact) == (due, due)
    assert re.findall(r"<span>([^<]*)\N{NO-BREAK SPACE}€ due</span>", agenda) == [due] * (due != "0,00")
