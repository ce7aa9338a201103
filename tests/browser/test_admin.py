"""The administration at a desk and on a phone: no fault of axe, nothing off the page, Save in view."""

import pytest
from playwright.sync_api import Page, expect

from accounts import roles
from accounts.customers import Contact
from accounts.models import User
from bookings.mails import outbox
from bookings.models import Booking, Mail
from stations.models import Station
from tests.browser.conftest import Visit, too_narrow
from tests.browser.test_axe import faults
from tests.factories import ExceptionFactory, booking, person

pytestmark = [pytest.mark.browser, pytest.mark.looks, pytest.mark.django_db(transaction=True)]

LISTS = {
    "index": "/admin/",
    "bookings": "/admin/bookings/booking/",
    "customers": "/admin/accounts/customer/",
    "emails": "/admin/bookings/mail/",
    "stations": "/admin/stations/station/",
    "people": "/admin/accounts/user/",
    "audit log": "/admin/accounts/auditentry/",
}
FORMS = {
    "booking": "/admin/bookings/booking/{booking}/change/",
    "booking's history": "/admin/bookings/booking/{booking}/history/",
    "new booking": "/admin/bookings/booking/add/",
    "customer": "/admin/accounts/customer/{customer}/change/",
    "email": "/admin/bookings/mail/{mail}/change/",
    "station": "/admin/stations/station/{station}/change/",
    "week": "/admin/stations/station/{station}/build/",
    "person": "/admin/accounts/user/{person}/change/",
}
PAGES = {**LISTS, **FORMS}
DJANGOS = {"label-title-only", "empty-table-header"}
"""Best practices only: the search box is labelled by a picture, and inlines have a column without a heading."""


@pytest.fixture
def manager(station: Station) -> User:
    return person(roles.MANAGERS, station, email="manager@example.com", name="Ana Moreno")


@pytest.fixture
def made(station: Station) -> Booking:
    ExceptionFactory(station=station, reason="Stocktaking", date="2031-03-05")
    contact = Contact("Ana Margarethe García-Wallenstein", "ana@example.com", "+4930901820")
    made = booking(station, customer=contact, special_requests="Nuts")
    outbox.queue_created([made])
    return made


def address(page: str, made: Booking, staff: User) -> str:
    mail = Mail.objects.get(booking=made.pk).pk if "{mail}" in page else ""
    return page.format(booking=made.pk, customer=made.customer_id, mail=mail, station=made.station_id, person=staff.pk)


def admin_faults(page: Page, *schemes: str) -> list[str]:
    """What axe finds, apart from best practices that Django's own templates do not follow."""
    return [fault for fault in faults(page, *schemes) if fault.split(": ")[1] not in DJANGOS]


@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_no_fault(visit: Visit, manager: User, staff: User, made: Booking, name: str) -> None:
    page = visit(manager, address(PAGES[name], made, staff))

    found = admin_faults(page, "light", "dark")
    page.set_viewport_size({"width": 320, "height": 900})

    assert found + admin_faults(page, "light") == []


@pytest.mark.parametrize("name", PAGES)
def test_page_is_no_wider_than_any_window(visit: Visit, manager: User, staff: User, made: Booking, name: str) -> None:
    assert too_narrow(visit(manager, address(PAGES[name], made, staff))) == []


IN_VIEW = """one => {
  const { top, bottom, left, width } = one.getBoundingClientRect();
  const above = document.elementFromPoint(left + width / 2, (top + bottom) / 2);
  return top >= 0 && bottom <= innerHeight + 1 && one.contains(above);
}"""


@pytest.mark.parametrize("width", [1280, 390])
def test_save_stays_in_view_and_covers_no_field_in_focus(
    visit: Visit, manager: User, made: Booking, width: int
) -> None:
    page = visit(manager, f"/admin/stations/station/{made.station_id}/change/", width=width)
    page.set_viewport_size({"width": width, "height": 700})

    seen = []
    for field in ("#id_code", "#id_currency", "#id_phone", "#id_mail_reply_to", "#id_retention_months"):
        page.locator(field).focus()
        seen += [page.locator(one).evaluate(IN_VIEW) for one in (field, "[name=_save]")]

    assert seen == [True] * 10


def test_persons_menu_signs_out(visit: Visit, manager: User) -> None:
    page = visit(manager, "/admin/")

    page.get_by_text("Ana Moreno").click()
    page.get_by_role("button", name="Sign out").click()
    page.goto(page.url)

    expect(page.get_by_label("Password")).to_be_visible()


@pytest.mark.parametrize("scripts", [True, False])
def test_dates_and_times_are_saved(visit: Visit, manager: User, made: Booking, *, scripts: bool) -> None:
    page = visit(manager, f"/admin/bookings/booking/{made.pk}/change/", scripts=scripts)

    page.get_by_label("Date").fill("2031-03-08")
    page.get_by_label("Slot:", exact=True).fill("19:00")
    page.get_by_role("button", name="Save", exact=True).click()

    page.wait_for_url("**/admin/bookings/booking/")
    made.refresh_from_db()
    assert (str(made.date), f"{made.slot:%H:%M}") == ("2031-03-08", "19:00")


def test_rows_of_the_audit_log_have_three_lines_at_most(visit: Visit, manager: User, made: Booking) -> None:
    page = visit(manager, LISTS["audit log"])

    heights = page.locator("#result_list tbody tr").evaluate_all("rows => rows.map(one => one.offsetHeight)")

    assert max(heights) <= 16 * 3 + 18
    assert page.locator("#result_list").evaluate("one => one.scrollWidth <= one.parentElement.clientWidth")
