"""Several people at one calendar, and the connection that fails them."""

import re
from datetime import time

import pytest
from playwright.sync_api import Page, Route, expect

from accounts import roles
from accounts.customers import Contact
from accounts.models import User
from bookings import services
from bookings.services import Place
from stations.models import Station
from tests.browser.conftest import Visit
from tests.browser.test_calendar import WEEK, card, cell, drag, place
from tests.factories import FRIDAY, SATURDAY, booking, bookings, person

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def other(station: Station) -> User:
    return person(roles.STAFF, station, email="sam@example.com")


def look(page: Page) -> None:
    """Have the page ask at once for what is new, as it does every few seconds."""
    page.evaluate("window.dispatchEvent(new Event('online'))")


def held_back(page: Page) -> list[Route]:
    """The next look at what is new, on its way for as long as the test wants."""
    waiting: list[Route] = []
    page.route("**/calendar/week/**", lambda route: route.continue_() if waiting else waiting.append(route))
    return waiting


def test_what_a_colleague_does_appears_within_fifteen_seconds_without_a_jump(
    visit: Visit, station: Station, staff: User
) -> None:
    made = booking(station)
    page = visit(staff, "/accounts/login/", width=320)
    page.clock.install()
    page.goto(page.url.replace("/accounts/login/", WEEK))
    page.evaluate("document.querySelector('.scroll').scrollTo(200, 0)")
    page.evaluate("window.here = 'still the same page'")

    services.reschedule(made.pk, to=Place(SATURDAY, time(20)), by=roles.OPERATOR)
    page.clock.run_for(15_000)

    expect(cell(page, SATURDAY, "20:00").locator("[data-booking-id]")).to_have_count(1)
    assert page.evaluate("[window.here, document.querySelector('.scroll').scrollLeft]") == ["still the same page", 200]


@pytest.mark.looks
@pytest.mark.parametrize("where", ["select[name=status]", ".avatar", ".scroll", "a[rel=next]"])
def test_what_a_colleague_does_takes_nobodys_focus(visit: Visit, station: Station, staff: User, where: str) -> None:
    made = booking(station)
    page = visit(staff, WEEK)
    page.wait_for_load_state("load")
    page.locator(where).focus()

    services.reschedule(made.pk, to=Place(SATURDAY, time(20)), by=roles.OPERATOR)
    page.evaluate("window.dispatchEvent(new Event('online'))")

    expect(cell(page, SATURDAY, "20:00").locator("[data-booking-id]")).to_have_count(1)
    expect(page.locator(where)).to_be_focused()


def test_two_people_who_drag_the_same_booking_are_told_of_each_other(
    visit: Visit, station: Station, staff: User, other: User
) -> None:
    made = booking(station)
    first, second = visit(other, WEEK), visit(staff, WEEK)
    drag(second, card(second, made), cell(second, FRIDAY, "20:00"), drop=False)
    drag(first, card(first, made), cell(first, SATURDAY, "19:00"))
    expect(first.get_by_role("status")).to_contain_text("Walk-in moved from 18:00, Fri 7 Mar to 19:00, Sat 8 Mar.")

    second.mouse.up()

    expect(second.get_by_role("alert")).to_contain_text("sam@example.com has changed this booking")
    expect(second.get_by_role("alert")).to_contain_text("→ Sat 8 Mar 2031 19:00")
    second.get_by_role("button", name="anyway").click()
    expect(cell(second, FRIDAY, "20:00").locator("[data-booking-id]")).to_be_visible()
    look(first)
    expect(cell(first, FRIDAY, "20:00").locator("[data-booking-id]")).to_be_visible()
    assert place(made) == (FRIDAY, time(20))


def test_two_people_who_drop_into_the_last_place_do_not_share_it(
    visit: Visit, station: Station, staff: User, other: User
) -> None:
    bookings(2, station, SATURDAY, slot=time(20))
    hers, his = booking(station), booking(station, slot=time(19))
    first, second = visit(other, WEEK), visit(staff, WEEK)
    for page, one in ((first, his), (second, hers)):
        drag(page, card(page, one), cell(page, SATURDAY, "20:00"), drop=False)
        expect(cell(page, SATURDAY, "20:00").locator(".move-option")).to_have_text("3 of 3")

    first.mouse.up()
    expect(cell(first, SATURDAY, "20:00").locator(f'[data-booking-id="{his.pk}"]')).to_be_visible()
    second.mouse.up()

    expect(second.get_by_role("alert")).to_contain_text("Target time slot is fully booked")
    expect(cell(second, FRIDAY, "18:00").locator(f'[data-booking-id="{hers.pk}"]')).to_be_visible()
    expect(cell(second, SATURDAY, "20:00").locator(f'[data-booking-id="{his.pk}"]')).to_be_visible()
    assert (place(his), place(hers)) == ((SATURDAY, time(20)), (FRIDAY, time(18)))


def test_what_a_colleague_does_takes_no_booking_out_of_the_hand(visit: Visit, station: Station, staff: User) -> None:
    """Not even by an answer that was on its way before the booking was lifted."""
    made, moved = booking(station), booking(station, SATURDAY)
    page = visit(staff, WEEK)
    services.reschedule(moved.pk, to=Place(SATURDAY, time(21)), by=roles.OPERATOR)
    waiting = held_back(page)
    with page.expect_request("**/calendar/week/**"):
        look(page)
    drag(page, card(page, made), cell(page, SATURDAY, "20:00"), drop=False)

    with page.expect_response("**/calendar/week/**"):
        waiting[0].continue_()
    page.mouse.move(*middle_of(page, "19:00"), steps=3)

    expect(card(page, made)).to_have_class(re.compile("is-dragged"))
    expect(cell(page, SATURDAY, "21:00").locator("[data-booking-id]")).to_have_count(0)
    page.keyboard.press("Escape")
    page.mouse.up()
    expect(cell(page, SATURDAY, "21:00").locator("[data-booking-id]")).to_be_visible()
    assert place(made) == (FRIDAY, time(18))


def test_next_booking_can_be_lifted_before_the_last_move_is_drawn(visit: Visit, station: Station, staff: User) -> None:
    first, second = booking(station), booking(station, slot=time(19))
    page = visit(staff, WEEK)
    waiting = held_back(page)
    with page.expect_request("**/calendar/week/**"):
        drag(page, card(page, first), cell(page, SATURDAY, "20:00"))
    drag(page, card(page, second), cell(page, SATURDAY, "21:00"), drop=False)
    with page.expect_response("**/calendar/week/**"):
        waiting[0].continue_()

    page.mouse.move(*middle_of(page, "21:00"), steps=3)
    page.mouse.up()

    expect(cell(page, SATURDAY, "20:00").locator(f'[data-booking-id="{first.pk}"]')).to_be_visible()
    expect(cell(page, SATURDAY, "21:00").locator(f'[data-booking-id="{second.pk}"]')).to_be_visible()
    assert (place(first), place(second)) == ((SATURDAY, time(20)), (SATURDAY, time(21)))


def middle_of(page: Page, slot: str) -> tuple[float, float]:
    box = cell(page, SATURDAY, slot).bounding_box()
    assert box
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


@pytest.mark.looks
@pytest.mark.parametrize("width", [1280, 768, 320])
def test_lost_connection_in_mid_drag_is_said_at_once_and_saves_nothing(
    visit: Visit, station: Station, staff: User, width: int
) -> None:
    made = booking(station, customer=Contact("Ana García"))
    page = visit(staff, WEEK, width=width)
    drag(page, card(page, made), cell(page, FRIDAY, "20:00"), drop=False)

    page.context.set_offline(True)
    expect(page.get_by_role("alert")).to_contain_text("No connection.")
    page.mouse.up()
    expect(page.get_by_role("alert")).to_contain_text("Nothing was saved; try again.")
    expect(cell(page, FRIDAY, "18:00").locator("[data-booking-id]")).to_contain_text("Ana García")
    expect(page.locator(".drag-ghost, .is-dragged, .over, .move-option, .busy")).to_have_count(0)
    assert place(made) == (FRIDAY, time(18))

    page.context.set_offline(False)
    expect(page.get_by_role("alert")).not_to_contain_text("No connection.")
    drag(page, card(page, made), cell(page, FRIDAY, "20:00"))
    expect(page.get_by_role("status")).to_contain_text("Ana García moved from 18:00 to 20:00, Fri 7 Mar.")
    expect(page.get_by_role("alert")).to_be_empty()


@pytest.mark.looks
def test_lost_connection_with_a_booking_in_the_keyboards_hand(visit: Visit, station: Station, staff: User) -> None:
    made = booking(station)
    page = visit(staff, WEEK)
    page.wait_for_load_state("load")
    card(page, made).focus()
    page.keyboard.press("Space")

    page.context.set_offline(True)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")

    expect(page.get_by_role("alert")).to_contain_text("No connection.")
    expect(page.get_by_role("alert")).to_contain_text("Nothing was saved; try again.")
    expect(card(page, made)).to_be_focused()
    assert place(made) == (FRIDAY, time(18))


@pytest.mark.looks
@pytest.mark.parametrize("way", ["a[rel=next]", ".kinds a[data-key=m]", ".find input", ".who"])
def test_page_stays_readable_without_a_connection(visit: Visit, station: Station, staff: User, way: str) -> None:
    booking(station, customer=Contact("Ana García"))
    page = visit(staff, WEEK)
    page.get_by_placeholder("Name, email or phone").fill("ana")
    page.context.set_offline(True)

    page.locator(way).first.press("Enter")

    expect(page.get_by_role("alert")).not_to_be_empty()
    expect(page.get_by_text("Ana García")).to_be_visible()
    assert page.url.endswith(WEEK)


@pytest.mark.looks
def test_form_in_the_panel_keeps_its_words_without_a_connection(visit: Visit, station: Station, staff: User) -> None:
    page = visit(staff, WEEK)
    page.get_by_role("link", name="New booking", exact=True).click()
    page.get_by_label("Name", exact=True).fill("Ana García")
    page.context.set_offline(True)

    page.get_by_role("button", name="Book", exact=True).click()

    expect(page.get_by_role("alert")).to_contain_text("Nothing was saved; try again.")
    expect(page.get_by_label("Name", exact=True)).to_have_value("Ana García")
    page.context.set_offline(False)
    page.get_by_role("button", name="Book", exact=True).click()
    expect(page.get_by_role("status")).to_contain_text("Booked: Ana García, 2 guests, Fri 7 Mar 17:00.")


@pytest.fixture
def watched(visit: Visit, station: Station, staff: User) -> Page:
    """A week whose clock goes on only when the test says so."""
    booking(station)
    page = visit(staff, "/accounts/login/")
    page.clock.install()
    page.goto(page.url.replace("/accounts/login/", WEEK))
    return page


def looks(page: Page) -> list[int]:
    """The status of each look at what is new, from here on."""
    answers: list[int] = []
    page.on("response", lambda answer: answers.append(answer.status) if "/calendar/week/" in answer.url else None)
    return answers


def test_page_asks_every_few_seconds_and_takes_nothing_new_for_an_answer(watched: Page) -> None:
    answers = looks(watched)

    for _time in range(2):
        with watched.expect_response("**/calendar/week/**"):
            watched.clock.run_for(12_000)

    assert answers == [304, 304]


@pytest.mark.looks
def test_page_waits_as_long_as_the_server_asks_it_to(watched: Page) -> None:
    later = {"Retry-After": "100"}
    watched.route("**/calendar/week/**", lambda route: route.fulfill(status=503, headers=later))
    answers = looks(watched)
    with watched.expect_response("**/calendar/week/**"):
        watched.clock.run_for(12_000)
    expect(watched.get_by_role("alert")).to_contain_text("No connection.")

    watched.clock.run_for(99_000)
    assert answers == [503]
    with watched.expect_response("**/calendar/week/**"):
        watched.clock.run_for(41_000)

    assert answers == [503, 503]


@pytest.mark.looks
def test_page_that_nobody_sees_asks_nothing_until_it_is_seen(watched: Page) -> None:
    answers = looks(watched)
    watched.evaluate("Object.defineProperty(document, 'hidden', { configurable: true, get: () => true })")
    watched.clock.run_for(60_000)
    assert answers == []

    watched.evaluate("delete document.hidden")
    with watched.expect_response("**/calendar/week/**"):
        watched.evaluate("document.dispatchEvent(new Event('visibilitychange'))")

    assert answers == [304]


OVER_THE_LIMIT = "<main><section><h1>Too many requests. Try again in 7 seconds.</h1></section></main>"


def refuse(page: Page, address: str) -> None:
    """As the server answers somebody over the limit of pages: a whole page, and 429."""
    page.route(address, lambda route: route.fulfill(status=429, content_type="text/html", body=OVER_THE_LIMIT))


def test_panel_over_the_limit_says_so_and_not_that_the_server_is_away(
    visit: Visit, station: Station, staff: User
) -> None:
    made = booking(station)
    page = visit(staff, WEEK)
    refuse(page, f"**/bookings/{made.pk}/")

    card(page, made).locator(".who").click()

    expect(page.get_by_role("alert")).to_have_text("Too many requests. Try again in 7 seconds.")


def test_look_over_the_limit_is_no_lost_connection(visit: Visit, station: Station, staff: User) -> None:
    page = visit(staff, WEEK)
    refuse(page, "**/calendar/week/**")

    with page.expect_response("**/calendar/week/**") as answered:
        look(page)

    assert answered.value.status == 429
    page.evaluate("new Promise((done) => setTimeout(done, 100))")
    expect(page.get_by_role("alert")).to_be_empty()


def test_finder_over_the_limit_says_so_in_a_line(visit: Visit, station: Station, staff: User) -> None:
    page = visit(staff, "/bookings/new/?station=kitchen&date=2031-03-07")
    refuse(page, "**/bookings/new/find/")

    page.get_by_label("Name", exact=True).press_sequentially("ana")

    expect(page.locator("[data-found]")).to_have_text("Too many requests. Try again in 7 seconds.")
    expect(page.locator("h1")).to_have_count(1)
