"""What the lists of the admin may be asked, by whom, and what nonsense in an address leads to."""

import re
from datetime import time
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts import roles
from accounts.customers import Contact
from accounts.models import User
from bookings.models import Booking
from stations.models import Station
from tests.bookings.admin.conftest import SignIn
from tests.factories import booking, customer, open_station, person

pytestmark = pytest.mark.looks

LISTS = (
    "bookings/booking",
    "accounts/customer",
    "accounts/user",
    "accounts/auditentry",
    "stations/station",
    "bookings/mail",
)


@pytest.mark.parametrize("table", ["bookings/booking", "accounts/customer", "accounts/user", "accounts/auditentry"])
def test_station_filter_offers_and_asks_about_the_managers_only(admin: Client, station: Station, table: str) -> None:
    other = open_station(code="elsewhere", name="Elsewhere")
    mate = person(roles.STAFF, station, other)
    booking(station, customer=Contact("Ana García", "ana@example.com"))

    shown = admin.get(f"/admin/{table}/").content.decode()
    mine = admin.get(f"/admin/{table}/", {"station": "kitchen"}).content.decode()
    theirs = admin.get(f"/admin/{table}/", {"station": "elsewhere"}).content.decode()

    assert "Elsewhere" not in shown
    assert "?station=kitchen" in shown
    assert "No results" not in mine
    assert ("0 " in theirs, mate.email in theirs.partition("<tbody>")[2]) == (True, False)


@pytest.mark.parametrize(
    ("table", "question"),
    [
        ("accounts/user", "stations={other.pk}"),
        ("accounts/user", "stations__code=elsewhere"),
        ("accounts/user", "groups=1"),
        ("accounts/user", "logentry=1"),
        ("accounts/user", "password__startswith=a"),
        ("accounts/user", "is_superuser=1"),
        ("accounts/auditentry", "actor__password__startswith=a"),
        ("accounts/auditentry", "changes__contains=a"),
        ("bookings/booking", "station__people__email=x"),
        ("bookings/booking", "special_requests__isnull=0"),
        ("accounts/customer", "bookings__external_ref=x"),
        ("stations/station", "people=1"),
        ("bookings/mail", "booking__customer=x"),
        ("bookings/mail", "message__isnull=0"),
        ("bookings/mail", "problem__exact=bounced"),
    ],
)
def test_list_answers_no_question_that_its_filters_do_not_ask(admin: Client, table: str, question: str) -> None:
    other = open_station(code="elsewhere")

    assert admin.get(f"/admin/{table}/?{question.format(other=other)}").status_code == 400


NONSENSE = (
    "station=%00", "station=x", "q=%00", "q=%F0%9F%98%80", "o=abc", "o=99.-99", "p=-1", "p=99999999999999999999",
    "all=", "_to_field=password", "_popup=1", "_facets=True", "status__exact=%00", "needs_place__exact=x",
    "date__year=9999", "date__year=9999&date__month=12&date__day=31", "date__year=0", "date__gte=x", "date__gte=%00",
    "created_at__gte=x", "kind__exact=%00", "state__exact=x",
    "timestamp__year=9999", "timestamp__gte=9999-99", "channel__exact=%00", "event=%00", "actor=x",
    "actor=99999999999999999999999999", "is_active__exact=%00",
    "email_bounced__exact=x", "id__exact=99999999999999999999999999", "pk__in=x,y",
)  # fmt: skip


@pytest.mark.parametrize("table", LISTS)
def test_list_bears_nonsense_in_its_address(admin: Client, station: Station, table: str) -> None:
    booking(station, customer=Contact("Ana García", "ana@example.com"))

    found = {nonsense: admin.get(f"/admin/{table}/?{nonsense}").status_code for nonsense in NONSENSE}

    assert {nonsense: status for nonsense, status in found.items() if status not in (200, 302, 400)} == {}


@pytest.mark.parametrize("table", LISTS)
@pytest.mark.parametrize("key", ["_00", "%00", "99999999999999999999999999", "abc", "_2F", "a/b", "-1"])
def test_pages_of_what_is_no_key_are_not_there(admin: Client, table: str, key: str) -> None:
    found = {page: admin.get(f"/admin/{table}/{key}/{page}/").status_code for page in ("change", "history", "delete")}

    assert found == {"change": 404, "history": 404, "delete": 404}


@pytest.mark.parametrize("nonsense", ["_to_field=", "_to_field=password", "_popup=%00", "_changelist_filters=%00"])
@pytest.mark.parametrize("view", ["change", "history", "delete"])
def test_page_of_a_row_bears_nonsense_in_its_address(admin: Client, station: Station, view: str, nonsense: str) -> None:
    made = booking(station)

    answer = admin.get(f"/admin/bookings/booking/{made.pk}/{view}/?{nonsense}")

    assert answer.status_code in (200, 400, 403)


@pytest.mark.parametrize("table", ["bookings/booking", "accounts/auditentry"])
@pytest.mark.parametrize("key", ["", "x", "\0", "-1", "9" * 30, "00000000-0000-0000-0000-000000000000"])
@pytest.mark.parametrize("more", [[], ["1"]])
def test_action_bears_keys_that_are_none(
    admin: Client, station: Station, table: str, key: str, more: list[str]
) -> None:
    booking(station)

    answer = admin.post(f"/admin/{table}/", {"action": "export", "_selected_action": [key, *more]})

    list(answer)  # which is streamed, and would crash only here
    assert answer.status_code in (200, 302, 400)


@pytest.mark.parametrize("key", ["{booking.pk}", "{other}", "abc", "1", "%00"])
def test_admin_looks_up_no_row_of_whatever_table_an_address_names(admin: Client, station: Station, key: str) -> None:
    """Django's “view on site”: nothing here has such a page, and whether a row exists is not for everybody to ask."""
    told = key.format(booking=booking(station), other=uuid4())

    found = {admin.get(f"/admin/r/{kind.pk}/{told}/").status_code for kind in ContentType.objects.all()}

    assert found == {404}


@pytest.mark.parametrize("table", LISTS)
def test_list_costs_the_same_for_one_row_and_for_many(
    admin: Client, station: Station, manager: User, table: str
) -> None:
    def cost() -> int:
        with CaptureQueriesContext(
            connection,
        ) as asked:
            assert admin.get(f"/admin/{table}/").status_code == 200
        return len(asked)

    def one_more(n: int) -> None:
        booking(station, customer=Contact(f"Ana Number{n}", f"ana{n}@example.com"))
        person(roles.STAFF, station)
        manager.stations.add(open_station())

    one_more(0)
    cost()
    few = cost()
    for n in (1, 2):
        one_more(n)

    assert cost() == few


def test_search_stands_in_no_address_but_its_own(admin: Client, station: Station) -> None:
    booking(station, customer=Contact("Ana García", "ana@example.com"))

    shown = admin.get("/admin/accounts/customer/", {"q": "garc", "station": "kitchen"}).content.decode()

    links = [part.partition('"')[0] for part in shown.split('href="') if "/change/" in part.partition('"')[0]]
    assert len(links) == 1
    assert "_changelist_filters=station%3Dkitchen" in links[0]
    assert "garc" not in links[0]


@pytest.mark.parametrize(
    ("rights", "open_to"),
    [
        ((), {"accounts/user", "accounts/auditentry", "stations/station"}),
        ((roles.VIEW,), set(LISTS)),
    ],
)
def test_lists_of_bookings_and_customers_take_the_right_to_see_them(
    admin_with: SignIn, rights: tuple[str, ...], open_to: set[str]
) -> None:
    admin = admin_with(*rights)

    assert {table for table in LISTS if admin.get(f"/admin/{table}/").status_code == 200} == open_to


@pytest.mark.parametrize(
    ("rights", "may"),
    [
        ((roles.VIEW,), set()),
        ((roles.VIEW, roles.PII), set()),
        ((roles.VIEW, roles.CHANGE), {"booking"}),
        ((roles.VIEW, roles.CHANGE, roles.PII), {"booking", "customer"}),
    ],
)
def test_forms_can_be_saved_by_those_with_the_rights_to(
    admin_with: SignIn, station: Station, rights: tuple[str, ...], may: set[str]
) -> None:
    made, known = booking(station), customer(station)
    admin = admin_with(*rights)
    pages = {
        "booking": f"/admin/bookings/booking/{made.pk}/change/",
        "customer": f"/admin/accounts/customer/{known.pk}/change/",
    }

    looked = {name: admin.get(address).status_code for name, address in pages.items()}
    posted = {name for name, address in pages.items() if admin.post(address, {}).status_code != 403}

    assert looked == {"booking": 200, "customer": 200}
    assert posted == may
    assert Booking.objects.get().version == 1


def test_groups_are_a_superusers(admin_with: SignIn) -> None:
    admin = admin_with(roles.PEOPLE, "auth.change_group", "auth.view_group")

    assert admin.get("/admin/auth/group/").status_code == 403


@pytest.mark.parametrize("table", LISTS)
def test_hostile_names_are_escaped(admin: Client, station: Station, table: str) -> None:
    hostile = "<script>alert(1)</script>"
    Station.objects.update(name=hostile)
    known = customer(station, hostile, "x@example.com")
    mate = person(roles.STAFF, station, name=hostile)
    made = booking(station, customer=Contact(hostile, "x@example.com"), special_requests=hostile, external_ref=hostile)
    pages = [
        f"/admin/{table}/",
        f"/admin/{table}/?q={hostile}",
        f"/admin/{table}/?station={hostile}",
        f"/admin/accounts/customer/{known.pk}/change/",
        f"/admin/accounts/user/{mate.pk}/change/",
        f"/admin/bookings/booking/{made.pk}/change/",
    ]

    shown: dict[str, Any] = {page: admin.get(page).content.decode() for page in pages}

    assert [page for page in pages if "<script>alert" in shown[page]] == []
    assert "&lt;script&gt;alert" in shown[f"/admin/accounts/customer/{known.pk}/change/"]


GOOD_NEWS = {"active", "email is a valid address", "phone is a valid number"}
"""What a tick is good for, and a cross is bad."""


def test_ticks_and_crosses_answer_what_is_good_when_it_is_so(admin: Client, station: Station, manager: User) -> None:
    """A cross beside “does not work” means that it works, and nobody reads that."""
    made = booking(station, customer=Contact("Ana García", "ana@example.com", "+49 30 901820"))
    pages = [f"{table}/" for table in LISTS]
    pages += [f"bookings/booking/{made.pk}/change/", f"accounts/customer/{made.customer_id}/change/"]
    pages += [f"accounts/user/{manager.pk}/change/", f"stations/station/{station.pk}/change/"]

    asked = set()
    for page in pages:
        shown = admin.get(f"/admin/{page}").content.decode()
        heads = dict(re.findall(r'class="[^"]*column-(\w+)">.*?<div class="text">(.*?)</div>', shown, re.DOTALL))
        for name in re.findall(r'<td class="field-(\w+)"><img src="[^"]*icon-(?:yes|no)\.svg', shown):
            asked.add(re.sub(r"<[^>]+>", "", heads[name]).strip().lower())
        fields = re.findall(r"<label[^>]*>([^<]+):</label>\s*<div class=\"readonly\"><img", shown)
        asked |= {label.lower() for label in fields}

    assert asked == GOOD_NEWS


def test_list_says_in_words_which_bookings_need_a_place(admin: Client, station: Station) -> None:
    made, _other = booking(station), booking(station, slot=time(19))
    Booking.objects.filter(pk=made.pk).update(needs_place=True)

    shown = admin.get("/admin/bookings/booking/").content.decode()

    assert re.findall(r'<td class="field-place">(.*?)</td>', shown) == ["–", "unassigned"]
    assert re.findall(r'href="\?needs_place__exact=(\d)">\s*(.*?)</a>', shown) == [
        ("1", "unassigned"),
        ("0", "assigned"),
    ]
