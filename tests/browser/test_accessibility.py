"""What of WCAG 2.2 AA a machine can ask of the page beyond axe. `docs/accessibility.md` names each by its number."""

import re
from typing import Final

import pytest
from playwright.sync_api import Page, expect

from accounts import roles
from accounts.customers import Contact
from accounts.models import User
from stations.models import Station
from tests.browser.conftest import Visit
from tests.browser.test_calendar import MONTH, WEEK, card, cell, drag, place
from tests.factories import FRIDAY, SATURDAY, booking, open_station, person

pytestmark = [pytest.mark.browser, pytest.mark.looks, pytest.mark.django_db(transaction=True)]

IN_SIGHT: Final = """() => {
    const focused = document.activeElement;
    if (!focused || focused === document.body) return null;
    const box = focused.getBoundingClientRect();
    const at = (from, size, part, most) => Math.min(Math.max(from + size * part, 0), most - 1);
    const parts = [.1, .3, .5, .7, .9];
    const seen = parts.some((across) => parts.some((down) => {
        const [x, y] = [at(box.left, box.width, across, innerWidth), at(box.top, box.height, down, innerHeight)];
        const under = document.elementFromPoint(x, y);
        return under && (focused.contains(under) || under.contains(focused));
    }));
    const edge = getComputedStyle(focused);
    const shows = edge.outlineStyle !== "none" && parseFloat(edge.outlineWidth) >= 2;
    return { name: focused.outerHTML.slice(0, 80), top: box.top, bottom: box.bottom, seen, shows };
}"""
SPACED: Final = "* { line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important; }"
"""The spacing that 1.4.12 names. Paragraphs stand by themselves here."""


@pytest.mark.parametrize(("address", "width", "height"), [(WEEK, 1280, 500), (MONTH, 320, 600)])
def test_2_4_11_and_2_4_7_focus_is_in_sight_wherever_it_goes(
    visit: Visit, station: Station, staff: User, address: str, width: int, height: int
) -> None:
    made = booking(station, customer=Contact("Ana García"))
    page = visit(staff, address)
    drag(page, card(page, made), cell(page, SATURDAY, "20:00" if address == WEEK else None))
    expect(page.get_by_role("button", name="Undo")).to_be_visible()
    page.set_viewport_size({"width": width, "height": height})

    hidden, count = [], 0
    page.locator(".skip").focus()
    while (found := walked(page)) and count < 200:
        count += 1
        if not (found["seen"] and found["shows"]):
            hidden.append(found)

    assert hidden == []
    assert count > 20


def walked(page: Page) -> dict[str, object] | None:
    """Where Tab leads; None at the end of the page."""
    page.keyboard.press("Tab")
    found: dict[str, object] | None = page.evaluate(IN_SIGHT)
    return found


def test_2_5_7_what_is_dragged_can_be_moved_by_single_clicks(visit: Visit, station: Station, staff: User) -> None:
    made = booking(station)
    page = visit(staff, WEEK)

    card(page, made).hover()
    card(page, made).get_by_role("link", name="Move to…").click()
    page.get_by_role("button", name="20:00").click()

    expect(page.get_by_role("complementary", name="Booking")).to_contain_text("Friday 7 March 2031, 20:00")
    expect(cell(page, FRIDAY, "20:00").locator("[data-booking-id]")).to_be_visible()
    assert place(made)[1].hour == 20


@pytest.mark.parametrize("address", [WEEK, MONTH, "/bookings/new/?station=kitchen"])
def test_1_4_12_text_may_be_spaced(visit: Visit, station: Station, staff: User, address: str) -> None:
    booking(station, customer=Contact("Ana García"))
    page = visit(staff, address)

    page.evaluate(
        "css => { const sheet = new CSSStyleSheet(); sheet.replaceSync(css); document.adoptedStyleSheets.push(sheet); }",
        SPACED,
    )

    cut = page.locator("h1, button, .button, label, .load, .kinds a").evaluate_all(
        "all => all.filter((one) => one.scrollHeight > one.clientHeight + 2 && getComputedStyle(one).overflow !== 'visible')"
        ".map((one) => one.outerHTML)"
    )
    assert cut == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280


@pytest.mark.parametrize("address", [WEEK, MONTH])
def test_1_4_1_status_is_shown_without_colour(visit: Visit, station: Station, staff: User, address: str) -> None:
    made = booking(station, status="pending", customer=Contact("Ana García"))
    page = visit(staff, address)

    expect(card(page, made).locator(".mark use")).to_have_attribute("href", re.compile("signs.*#pending$"))
    expect(card(page, made).locator(".who")).to_have_accessible_name(re.compile("Ana García, 1 guest, pending"))


def test_forced_colours_leave_nothing_to_colour_alone(visit: Visit, station: Station) -> None:
    """With the person's own colours, what is full, chosen or in the hand still differs by a border or a word."""
    manager = person(roles.MANAGERS, station, open_station(code="court"))
    made = booking(station, customer=Contact("Ana García"))
    page = visit(manager, WEEK)
    page.emulate_media(forced_colors="active")

    drag(page, card(page, made), cell(page, SATURDAY, "20:00"), drop=False)

    expect(page.locator(".move-option").first).to_be_visible()
    outline = page.locator(".over").evaluate("one => getComputedStyle(one).outlineStyle")
    assert outline != "none"


def test_nothing_moves_where_the_person_asked_for_less_motion(visit: Visit, station: Station, staff: User) -> None:
    page = visit(staff, WEEK)
    page.emulate_media(reduced_motion="reduce")

    moving = page.evaluate(
        "[...document.querySelectorAll('*')].filter((one) => { const style = getComputedStyle(one);"
        " return parseFloat(style.transitionDuration) > 0.01 || parseFloat(style.animationDuration) > 0.01; }).length"
    )

    assert moving == 0
