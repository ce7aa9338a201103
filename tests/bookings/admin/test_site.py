"""What all pages of the admin share: header, order, titles, inputs and colours."""

import re
from pathlib import Path

import pytest
import time_machine
from django.conf import settings
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.test import Client
from django.utils.html import strip_tags

from accounts import roles
from accounts.customers import Contact
from accounts.models import User
from stations.models import Station
from tests.bookings.admin.conftest import SignIn
from tests.factories import ExceptionFactory, UserFactory, booking, person

pytestmark = pytest.mark.looks

ANA = Contact("Ana García", "ana@example.com", "+49 30 901820")
TABLES = (
    "bookings/booking",
    "accounts/customer",
    "bookings/mail",
    "stations/station",
    "accounts/user",
    "accounts/auditentry",
)


def header(client: Client, address: str = "/admin/") -> str:
    return client.get(address).content.decode().partition("<header")[2].partition("</header>")[0]


def sections(client: Client) -> list[str]:
    """The links of the header's navigation."""
    navigation = header(client).partition("<nav")[2].partition("</nav>")[0]
    return [strip_tags(one).strip() for one in re.findall(r"<a [^>]*>.*?</a>", navigation, re.DOTALL)]


def test_header_leads_back_to_the_calendar_and_names_who_is_signed_in(admin: Client, manager: User) -> None:
    manager.name = "Ana Moreno"
    manager.save()

    shown = header(admin)

    assert re.findall(r'<a class="brand" href="([^"]*)"', shown) == ["/"]
    assert re.findall(r'<a class="to-calendar" href="([^"]*)"', shown) == ["/"]
    assert re.findall(r"<summary>(.*?)</summary>", shown) == ["Ana Moreno"]
    assert re.findall(r'action="([^"]*logout/)"', shown) == ["/admin/logout/"]


def test_sections_are_in_order_of_use(admin: Client) -> None:
    mine = ["Administration", "Bookings", "Customers", "Emails", "Stations", "People", "Audit log"]

    assert sections(admin) == mine
    admin.force_login(UserFactory(is_superuser=True))
    assert sections(admin) == [*mine[:-1], "Groups", mine[-1]]


def test_sections_are_those_that_one_may_open(admin_with: SignIn) -> None:
    assert sections(admin_with()) == ["Administration", "Stations", "People", "Audit log"]


@pytest.mark.parametrize("table", TABLES)
def test_header_marks_the_section_that_one_is_in(admin: Client, table: str) -> None:
    marked = re.findall(r'<a href="([^"]*)" aria-current="page"', header(admin, f"/admin/{table}/"))

    assert marked == [f"/admin/{table}/"]


def test_pages_have_no_second_switch_of_colours(admin: Client) -> None:
    shown = admin.get("/admin/").content.decode()

    assert "theme-toggle" not in shown
    assert "theme.js" not in shown


def test_colours_are_those_of_the_calendar() -> None:
    folder = Path(settings.BASE_DIR) / "static/css"
    written = {path.name: re.findall(r"#[0-9a-f]{3,8}\b", path.read_text()) for path in folder.glob("*.css")}

    assert {name for name, colours in written.items() if colours} == {"tokens.css", "print.css"}


def test_dates_and_times_are_the_browsers_own_inputs(admin: Client, station: Station) -> None:
    made = booking(station)
    ExceptionFactory(station=station)

    pages = {
        name: admin.get(f"/admin/{page}/change/").content.decode()
        for name, page in (("booking", f"bookings/booking/{made.pk}"), ("station", f"stations/station/{station.pk}"))
    }

    assert [name for name, shown in pages.items() if "DateTimeShortcuts.js" in shown or "vDateField" in shown] == []
    assert re.findall(r'<input type="(\w+)" name="(?:date|slot)" value="([^"]*)"', pages["booking"]) == [
        ("date", "2031-03-07"),
        ("time", "18:00"),
    ]
    assert '<input type="date" name="exceptions-0-date" value="2031-03-07"' in pages["station"]
    assert '<input type="time" name="openings-0-start" value="17:00"' in pages["station"]


def test_pages_of_a_customer_and_a_booking_are_titled_with_names(admin: Client, station: Station) -> None:
    made = booking(station, customer=ANA)
    pages = [f"accounts/customer/{made.customer_id}", f"bookings/booking/{made.pk}"]

    titles = [
        re.findall(r"<h[12]>([^<]*Ana[^<]*)</h[12]>", admin.get(f"/admin/{page}/{view}/").content.decode())
        for page in pages
        for view in ("change", "history")
    ]

    assert titles == [
        ["Ana García"],
        ["Change history: Ana García"],
        ["Ana García, Fri 7 Mar 2031 18:00"],
        ["Change history: Ana García, Fri 7 Mar 2031 18:00"],
    ]


def test_titles_are_initials_for_those_who_may_not_see_names(admin_with: SignIn, station: Station) -> None:
    made = booking(station, customer=ANA)
    admin = admin_with(roles.VIEW, roles.CHANGE)

    shown = admin.get(f"/admin/bookings/booking/{made.pk}/change/").content.decode()

    assert "A. G., Fri 7 Mar 2031 18:00" in shown
    assert "Ana García" not in shown


def test_history_tells_the_stations_time(admin: Client, station: Station) -> None:
    Station.objects.filter(pk=station.pk).update(time_zone="Asia/Tokyo", country="JP")
    made = booking(Station.objects.get(pk=station.pk))

    shown = admin.get(f"/admin/bookings/booking/{made.pk}/history/").content.decode()

    assert "Times are those of Tokyo." in shown


@pytest.mark.parametrize(
    ("zone", "shown"), [("America/New_York", "March 6, 2031, 11:30 p.m."), ("UTC", "March 7, 2031, 4:30 a.m.")]
)
def test_history_of_people_is_in_the_time_of_their_station(
    client: Client, station: Station, zone: str, shown: str
) -> None:
    Station.objects.filter(pk=station.pk).update(time_zone=zone)
    manager, mate = person(roles.MANAGERS, station), person(roles.STAFF, station)
    with time_machine.travel("2031-03-07T04:30:00Z", tick=False):
        client.force_login(manager)
        LogEntry.objects.create(
            user=manager,
            content_type=ContentType.objects.get_for_model(User),
            object_id=str(mate.pk),
            action_flag=CHANGE,
        )
        page = client.get(f"/admin/accounts/user/{mate.pk}/history/").content.decode()

    assert shown in page


def test_list_distinguishes_customers_by_last_digits_and_last_visit(admin: Client, station: Station) -> None:
    made = booking(station, customer=ANA, status="completed")
    booking(station, made.date.replace(day=14), customer=ANA)

    shown = admin.get("/admin/accounts/customer/").content.decode()

    cells = dict(re.findall(r'<td class="field-(\w+)[^"]*">(.*?)</td>', shown))
    assert (cells["masked_phone"], cells["masked_email"], cells["visited"]) == ("… 1820", "a…", "Fri 7 Mar 2031")
    assert "ana@example.com" not in shown


def test_customers_are_listed_without_contact_for_those_who_may_not_see_it(
    admin_with: SignIn, station: Station
) -> None:
    booking(station, customer=ANA)

    shown = admin_with(roles.VIEW).get("/admin/accounts/customer/").content.decode()

    assert "masked" not in shown
    assert "1820" not in shown


def test_customers_page_lists_their_bookings(admin: Client, station: Station) -> None:
    made, theirs = booking(station, customer=ANA), booking(station)

    shown = admin.get(f"/admin/accounts/customer/{made.customer_id}/change/").content.decode()

    assert f'<a href="/admin/bookings/booking/{made.pk}/change/">Fri 7 Mar 2031 18:00</a>' in shown
    assert str(theirs.pk) not in shown


def test_booking_names_its_customer_and_hides_the_id_behind_a_choice(admin: Client, station: Station) -> None:
    made = booking(station, customer=ANA)

    shown = admin.get(f"/admin/bookings/booking/{made.pk}/change/").content.decode()

    [(chosen, rest)] = re.findall(
        r'<span class="chosen">(.*?)</span><details class="choose">(.*?)</details>', shown, re.S
    )
    assert re.fullmatch(rf'<a href="/admin/accounts/customer/{made.customer_id}/change/[^"]*">Ana García</a>', chosen)
    assert f'name="customer" value="{made.customer_id}"' in rest


def test_people_are_listed_with_their_groups_and_the_stations_that_one_shares(admin: Client, station: Station) -> None:
    mate = person(roles.STAFF, station)

    shown = admin.get("/admin/accounts/user/", {"q": mate.email}).content.decode()

    cells = dict(re.findall(r'<td class="field-(\w+)[^"]*">(.*?)</td>', shown))
    assert (cells["in_groups"], cells["shared"]) == ("Station staff", "Kitchen")


def test_groups_and_stations_of_a_person_are_checkboxes_where_they_are_few(admin: Client, station: Station) -> None:
    mate = person(roles.STAFF, station)

    shown = admin.get(f"/admin/accounts/user/{mate.pk}/change/").content.decode()

    boxes = re.findall(r'<input type="checkbox" name="(groups|stations)"[^>]* checked', shown)
    assert boxes == ["groups", "stations"]
