"""The list of a day on paper. How it is reached is in `test_desk_tasks.py`."""

from datetime import time

import pytest
from playwright.sync_api import Page, expect

from accounts.customers import Contact
from accounts.models import User
from bookings.models.status import Status
from stations.models import Station
from tests.browser.conftest import Visit, too_narrow
from tests.browser.test_axe import faults
from tests.factories import FRIDAY, booking

pytestmark = [pytest.mark.browser, pytest.mark.looks, pytest.mark.django_db(transaction=True)]

WEEK = "/calendar/week/?station=kitchen&date=2031-03-07"
SHEET = "/calendar/print/?station=kitchen&date=2031-03-07"
COUNT_DIALOGS = (
    "window.print = () => sessionStorage.setItem('dialogs', 1 + Number(sessionStorage.getItem('dialogs'))); null;"
)
DIALOGS = "Number(sessionStorage.getItem('dialogs'))"


@pytest.fixture
def evening(station: Station) -> Station:
    Station.objects.filter(pk=station.pk).update(print_phone_numbers=True)
    for hour in (17, 18, 19):
        contact = Contact(
            f"Maximiliane Katharina von Hohenstein-Wallenrodt {hour}", f"m{hour}@example.com", "+4930901820"
        )
        booking(station, FRIDAY, slot=time(hour), customer=contact, special_requests="Nuts " * 30)
    booking(station, FRIDAY, status=Status.ARRIVED, total_due_cents=4500)
    return station


def dialogs(page: Page) -> int:
    page.wait_for_load_state("load")
    return int(page.evaluate(DIALOGS))


def test_dialog_opens_once(visit: Visit, evening: Station, staff: User) -> None:
    page = visit(staff, "/feeds/")
    page.context.add_init_script(COUNT_DIALOGS)

    page.goto(f"{page.url.partition('/feeds/')[0]}{SHEET}#print")
    assert dialogs(page) == 1
    page.reload()

    assert dialogs(page) == 1


def test_button_opens_the_dialog(visit: Visit, evening: Station, staff: User) -> None:
    page = visit(staff, SHEET)
    page.evaluate(COUNT_DIALOGS)

    page.get_by_role("button", name="Print").click()

    assert page.evaluate(DIALOGS) == 1


def test_sheet_is_readable_without_scripts(visit: Visit, evening: Station, staff: User) -> None:
    page = visit(staff, SHEET, scripts=False)

    row = page.get_by_role("row", name="Maximiliane Katharina von Hohenstein-Wallenrodt 19")
    expect(row).to_be_visible()
    expect(row).to_be_in_viewport(ratio=1)  # a box around it could cut it off
    expect(page.get_by_role("button", name="Print")).to_be_hidden()


def test_axe_finds_no_fault(visit: Visit, evening: Station, staff: User) -> None:
    page = visit(staff, SHEET)
    found = faults(page)
    page.set_viewport_size({"width": 320, "height": 900})

    assert found + faults(page, "light") == []


def test_page_is_no_wider_than_any_window(visit: Visit, evening: Station, staff: User) -> None:
    assert too_narrow(visit(staff, SHEET)) == []


def test_paper_has_whole_names_in_black_and_no_controls(visit: Visit, evening: Station, staff: User) -> None:
    page = visit(staff, SHEET, width=700)
    page.emulate_media(media="print", color_scheme="dark")

    names = page.locator("td.name")
    assert names.evaluate_all("all => all.filter(one => one.scrollWidth > one.clientWidth + 1).length") == 0
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.locator("td.name").first.evaluate("one => getComputedStyle(one).color") == "rgb(0, 0, 0)"
    for selector in (".top", ".tools", ".foot"):
        assert page.locator(selector).evaluate_all("all => all.every(one => !one.offsetHeight)")


def test_pages_are_numbered(visit: Visit, evening: Station, staff: User) -> None:
    page = visit(staff, SHEET)

    rules = page.evaluate(
        """[...document.styleSheets].flatMap(sheet => [...sheet.cssRules])
            .filter(rule => rule instanceof CSSPageRule).map(rule => rule.cssText).join()"""
    )

    assert 'content: counter(page) " / " counter(pages)' in rules
