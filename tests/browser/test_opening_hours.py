"""Opening hours painted by mouse, finger and keyboard; and how long the page of a station is."""

from datetime import time

import pytest
from playwright.sync_api import Locator, Page, expect

from accounts import roles
from accounts.models import User
from stations.models import Opening, Station
from tests.browser.conftest import Visit, too_narrow
from tests.browser.test_axe import faults
from tests.factories import ExceptionFactory, UserFactory, booking, person

pytestmark = [pytest.mark.browser, pytest.mark.looks, pytest.mark.django_db(transaction=True)]

MAX_PAGE_HEIGHT = 2500


@pytest.fixture
def manager(station: Station) -> User:
    return person(roles.MANAGERS, station, email="manager@example.com")


@pytest.fixture
def closed(station: Station) -> Station:
    """Without opening hours."""
    station.openings.all().delete()
    return station


def url(station: Station) -> str:
    return f"/admin/stations/station/{station.pk}/hours/?first_date=2031-03-03"


def cell(page: Page, weekday: int, hour: int) -> Locator:
    return page.locator(f"td[data-weekday='{weekday}'][data-minute='{hour * 60}']")


def middle(of: Locator) -> tuple[float, float]:
    """Scrolled to the middle of the window, where nothing covers it."""
    of.evaluate("one => one.scrollIntoView({ block: 'center' })")
    return place(of)


def place(of: Locator) -> tuple[float, float]:
    box = of.bounding_box()
    assert box
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def drag(page: Page, one: Locator, other: Locator) -> None:
    page.mouse.move(*middle(one))
    page.mouse.down()
    page.mouse.move(*place(other), steps=5)
    page.mouse.up()


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def save(page: Page) -> None:
    page.get_by_role("button", name="Save").click()
    page.wait_for_url("**/change/")


def hours() -> list[tuple[int, int]]:
    """Weekday and hour of each opening that is valid from the date on."""
    return [
        (one.weekday, one.start.hour) for one in Opening.objects.filter(last_date=None).order_by("weekday", "start")
    ]


def test_mouse_paints_days_and_hours_and_closes_again(visit: Visit, manager: User, closed: Station) -> None:
    page = visit(manager, url(closed))

    drag(page, cell(page, 0, 10), cell(page, 2, 12))
    page.get_by_role("radio", name="Closed").check()
    cell(page, 1, 11).click()
    save(page)

    assert hours() == [(0, 10), (0, 11), (0, 12), (1, 10), (1, 12), (2, 10), (2, 11), (2, 12)]


def test_painted_slots_have_the_length_and_capacity_that_are_set(visit: Visit, manager: User, closed: Station) -> None:
    page = visit(manager, url(closed))

    page.get_by_label("Minutes per slot").fill("90")
    page.get_by_label("Parties").fill("5")
    page.get_by_label("Guests").fill("20")
    page.get_by_label("Guests").press("Tab")
    drag(page, cell(page, 4, 18), cell(page, 4, 20))
    save(page)

    rows = Opening.objects.order_by("start").values_list("start", "minutes", "capacity", "guest_capacity")
    assert list(rows) == [(time(18), 90, 5, 20), (time(19, 30), 90, 5, 20)]


def test_escape_puts_back_what_is_being_painted(visit: Visit, manager: User, closed: Station) -> None:
    page = visit(manager, url(closed))

    page.mouse.move(*middle(cell(page, 0, 10)))
    page.mouse.down()
    page.mouse.move(*place(cell(page, 0, 12)), steps=3)
    expect(page.locator("td.is-open")).to_have_count(3)
    page.keyboard.press("Escape")
    page.mouse.up()

    expect(page.locator("td.is-open")).to_have_count(0)


def test_keyboard_paints_and_closes(visit: Visit, manager: User, closed: Station) -> None:
    page = visit(manager, url(closed))

    cell(page, 0, 9).focus()
    press(page, "ArrowRight", "ArrowDown", "Space")
    page.keyboard.down("Shift")
    press(page, "ArrowDown", "ArrowRight")
    page.keyboard.up("Shift")
    press(page, "ArrowRight", "Space", "Delete")
    expect(cell(page, 3, 11)).to_be_focused()
    expect(cell(page, 2, 11)).to_have_attribute("aria-label", "Wednesday 11:00: open until 12:00, capacity 1")
    save(page)

    assert hours() == [(1, 10), (1, 11), (2, 10), (2, 11)]


def test_grid_is_one_stop_of_the_tab_key(visit: Visit, manager: User, station: Station) -> None:
    page = visit(manager, url(station))

    expect(page.locator("[data-grid] [tabindex='0']")).to_have_count(1)


def test_finger_taps_or_holds_and_paints(visit: Visit, manager: User, closed: Station) -> None:
    page = visit(manager, url(closed), width=390, touch=True)

    page.touchscreen.tap(*middle(cell(page, 0, 12)))
    x, y = middle(cell(page, 3, 12))
    _x, below = place(cell(page, 3, 14))
    finger = page.context.new_cdp_session(page)
    finger.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
    expect(page.locator("td.is-open")).to_have_count(2)
    finger.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [{"x": x, "y": below}]})
    finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    save(page)

    assert hours() == [(0, 12), (3, 12), (3, 13), (3, 14)]


def test_finger_that_moves_at_once_scrolls(visit: Visit, manager: User, closed: Station) -> None:
    page = visit(manager, url(closed), width=390, touch=True)

    x, y = middle(cell(page, 3, 12))
    finger = page.context.new_cdp_session(page)
    finger.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
    finger.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [{"x": x, "y": y - 60}]})
    finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    expect(page.locator("td.is-open")).to_have_count(0)


def test_refusal_keeps_what_was_painted_until_it_is_confirmed(visit: Visit, manager: User, station: Station) -> None:
    booking(station)
    page = visit(manager, url(station))

    page.get_by_role("radio", name="Closed").check()
    cell(page, 4, 18).click()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("1 booking would lose its time:")).to_be_visible()
    expect(cell(page, 4, 18)).not_to_have_class("is-open")
    page.get_by_label("Displace bookings that no longer fit").check()
    save(page)

    assert (4, 18) not in hours()


def test_without_scripts_the_hours_are_listed_with_another_way_to_change_them(
    visit: Visit, manager: User, station: Station
) -> None:
    page = visit(manager, url(station), scripts=False)

    expect(page.get_by_role("row", name="Monday 17:00 – 22:00")).to_be_visible()
    page.get_by_role("link", name="Build a week").click()
    expect(page.get_by_role("heading", name="Build a week")).to_be_visible()


def test_axe_finds_no_fault(visit: Visit, manager: User, station: Station) -> None:
    page = visit(manager, url(station))
    found = faults(page)
    page.set_viewport_size({"width": 320, "height": 900})

    assert found + faults(page, "light") == []


def test_page_is_no_wider_than_any_window(visit: Visit, manager: User, station: Station) -> None:
    assert too_narrow(visit(manager, url(station))) == []


def test_page_of_a_busy_station_is_not_long(visit: Visit, manager: User, station: Station) -> None:
    """As long as that of the demo's kitchen: 35 openings and 8 closures."""
    for day in range(1, 9):
        ExceptionFactory(station=station, date=f"2031-03-0{day}")

    page = visit(manager, f"/admin/stations/station/{station.pk}/change/")

    assert page.evaluate("document.documentElement.scrollHeight") <= MAX_PAGE_HEIGHT


def test_new_station_takes_zone_country_and_currency_from_the_browser(visit: Visit, station: Station) -> None:
    page = visit(UserFactory(is_superuser=True), "/admin/stations/station/add/", language="de-DE")

    expect(page.locator("#id_country")).to_have_value("DE")
    expect(page.locator("#id_currency")).to_have_value("EUR")
    page.locator("#id_country").select_option("JP")
    expect(page.locator("#id_currency")).to_have_value("JPY")
    page.locator("#id_currency").select_option("USD")
    page.locator("#id_country").select_option("DE")
    expect(page.locator("#id_currency")).to_have_value("USD")
    zone = page.evaluate("Intl.DateTimeFormat().resolvedOptions().timeZone")
    expect(page.locator("#id_time_zone")).to_have_value(zone)
