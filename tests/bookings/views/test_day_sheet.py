"""The day's list to print: whole names in order, phone numbers only where they are allowed, and recorded."""

import re
from datetime import time
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils.html import strip_tags

from accounts import roles
from accounts.customers import Contact
from accounts.models import AuditEntry, User
from bookings.admin.audit_trail import describe
from bookings.models import Booking
from bookings.models.status import Status
from stations.models import Station
from tests.factories import FRIDAY, SATURDAY, ExceptionFactory, booking, open_station, person

pytestmark = pytest.mark.looks

ANA = Contact("Ana Margarethe García-Wallenstein", "ana@example.com", "+4930901820")
SHEET = "/calendar/print/"


@pytest.fixture
def desk(staff: User, client: Client) -> Client:
    client.force_login(staff)
    return client


def sheet(client: Client, **query: Any) -> str:
    answer = client.get(SHEET, {"station": "kitchen", "date": "2031-03-07", **query})
    assert answer.status_code == 200
    return answer.content.decode()


def text(html: str) -> str:
    return " ".join(strip_tags(html.replace("<br>", " ")).replace("\u202f", " ").split())


def rows(shown: str) -> list[list[str]]:
    """The cells of each booking's row, without the box to tick."""
    found = re.findall(r"<tr data-booking-id.*?</tr>", shown, re.DOTALL)
    return [[text(one) for one in re.findall(r"<td.*?</td>", row, re.DOTALL)[1:]] for row in found]


def groups(shown: str) -> list[str]:
    return [text(one) for one in re.findall(r'<tr class="slot">.*?</tr>', shown, re.DOTALL)]


def test_sheet_lists_the_days_bookings_by_slot(desk: Client, station: Station) -> None:
    booking(station, slot=time(19), customer=ANA, party_adults=2, party_kids=1, special_requests="Nuts\nand milk")
    booking(station, slot=time(18), status=Status.PENDING, total_due_cents=4500)
    booking(station, SATURDAY)

    shown = sheet(desk)

    assert rows(shown) == [
        ["Walk-in", "1", "pending", "", "45,00 €"],
        [ANA.name, "3 1 child", "confirmed", "Nuts and milk", ""],
    ]
    assert groups(shown)[:3] == ["17:00 0 of 3 parties", "18:00 1 of 3 parties", "19:00 1 of 3 parties"]


def test_sheet_names_station_day_totals_and_who_printed_it_when(station: Station, client: Client) -> None:
    with time_machine.travel("2031-03-07T17:42:30Z", tick=False):
        client.force_login(person(roles.STAFF, station, name="Ana Moreno"))
        booking(station, slot=time(19), party_adults=3)
        shown = text(sheet(client).partition("<article")[2].partition("<table")[0])

    assert "Kitchen Friday 7 March 2031 1 party · 3 guests" in shown
    assert "Printed Fri 7 Mar 2031 18:42 by Ana Moreno" in shown


def test_sheet_leaves_out_cancelled_bookings_unless_they_are_asked_for(desk: Client, station: Station) -> None:
    booking(station, customer=ANA, status=Status.CONFIRMED)
    Booking.objects.update(status=Status.CANCELLED)

    assert rows(sheet(desk)) == []
    assert [row[0] for row in rows(sheet(desk, status="cancelled"))] == [ANA.name]
    assert [row[0] for row in rows(sheet(desk, status="all"))] == [ANA.name]


def test_sheet_lists_unassigned_bookings_of_its_day_only(desk: Client, station: Station) -> None:
    for day in (FRIDAY, SATURDAY):
        made = booking(station, day, customer=Contact(f"Ana {day:%A}", f"ana{day:%d}@example.com"))
        made.holds.all().delete()
    Booking.objects.update(needs_place=True)
    ExceptionFactory(station=station, date=FRIDAY)

    shown = sheet(desk)

    assert [row[0] for row in rows(shown)] == ["18:00 · Ana Friday"]
    assert groups(shown)[-1].startswith("Unassigned")


@pytest.mark.parametrize(("allowed", "printed"), [(False, False), (True, True)])
def test_phone_numbers_are_printed_where_the_station_allows_it_and_recorded(
    desk: Client, station: Station, staff: User, *, allowed: bool, printed: bool
) -> None:
    Station.objects.filter(pk=station.pk).update(print_phone_numbers=allowed)
    booking(station, customer=ANA)
    booking(station)

    shown = sheet(desk)

    recorded = [
        (entry.actor, entry.station, describe(entry, None)) for entry in AuditEntry.objects.filter(event="list_printed")
    ]
    sentence = "Day's list opened for printing: 1 (2031-03-07), with name, phone, special requests"
    assert (ANA.phone in shown, recorded) == (printed, [(staff, station, sentence)] if printed else [])


def test_phone_numbers_are_not_printed_for_those_who_may_not_see_them(client: Client, station: Station) -> None:
    Station.objects.filter(pk=station.pk).update(print_phone_numbers=True)
    booking(station, customer=ANA, special_requests="Nuts")
    client.force_login(person(roles.VIEWERS, station))

    shown = sheet(client)

    assert rows(shown) == [["A. M. G.", "1", "confirmed", ""]] or [row[2:] for row in rows(shown)] == [
        ["confirmed", ""]
    ]
    assert [word for word in (ANA.phone, ANA.name, "Nuts") if word in shown] == []
    assert not AuditEntry.objects.filter(event="list_printed").exists()


def test_emails_are_never_printed(desk: Client, station: Station) -> None:
    Station.objects.filter(pk=station.pk).update(print_phone_numbers=True)
    booking(station, customer=ANA)

    assert ANA.email not in sheet(desk)


def test_sheet_of_another_station_is_not_there(desk: Client, station: Station) -> None:
    open_station(code="elsewhere")

    assert desk.get(SHEET, {"station": "elsewhere"}).status_code == 404


def test_sheet_is_no_view_to_come_back_to(desk: Client, station: Station) -> None:
    desk.get("/calendar/month/", {"station": "kitchen"})
    sheet(desk)

    assert desk.get("/").headers["Location"] == "/calendar/month/"


def test_day_links_to_its_sheet(desk: Client, station: Station) -> None:
    shown = desk.get("/calendar/day/", {"station": "kitchen", "date": "2031-03-07"}).content.decode()

    assert f'href="{SHEET}?station=kitchen&amp;date=2031-03-07#print"' in shown
