"""A booking beside the grid: opened, worked on and closed without leaving; a new one, for a customer found while typing."""

import re
from datetime import time

import pytest
from django.utils import timezone
from playwright.sync_api import Locator, Page, Route, expect

from accounts import roles
from accounts.customers import Contact
from accounts.models import User
from bookings import services
from bookings.models import Booking, Mail
from bookings.models.mail_state import Problem, State
from bookings.models.status import Status
from bookings.services import Place
from stations.models import Station
from tests.browser.conftest import Visit
from tests.browser.test_calendar import WEEK, card, cell, place
from tests.factories import FRIDAY, SATURDAY, ExceptionFactory, booking, customer, open_station

pytestmark = [pytest.mark.browser, pytest.mark.looks, pytest.mark.django_db(transaction=True)]

ANA = Contact("Ana García", "ana@example.com", "+49 30 901820")


def panel(page: Page) -> Locator:
    return page.get_by_role("complementary", name="Booking")


def opened(visit: Visit, staff: User, made: Booking, width: int = 1280) -> Page:
    page = visit(staff, WEEK, width=width)
    card(page, made).locator(".who").click()
    expect(panel(page).get_by_role("heading", level=1)).to_be_focused()
    return page


@pytest.mark.parametrize("width", [1280, 768, 320])
def test_click_opens_the_booking_beside_the_grid_and_escape_closes_it(
    visit: Visit, station: Station, staff: User, width: int
) -> None:
    made = booking(station, customer=ANA)

    page = opened(visit, staff, made, width)

    expect(panel(page)).to_contain_text("Ana García")
    expect(page).to_have_url(re.compile(f"{re.escape(WEEK)}&booking={made.pk}$"))
    page.keyboard.press("Escape")
    expect(panel(page)).to_have_count(0)
    expect(page).to_have_url(re.compile(f"{re.escape(WEEK)}$"))
    expect(card(page, made).locator(".who")).to_be_focused()


def test_address_and_back_button_bring_the_same_panel(visit: Visit, station: Station, staff: User) -> None:
    first, second = (
        booking(station, customer=ANA),
        booking(station, SATURDAY, customer=Contact("Bo Li", "bo@example.com")),
    )
    page = opened(visit, staff, first)
    card(page, second).locator(".who").click()
    expect(panel(page)).to_contain_text("Bo Li")

    page.go_back()
    expect(panel(page)).to_contain_text("Ana García")
    page.reload()
    expect(panel(page)).to_contain_text("Ana García")
    page.go_back()
    expect(panel(page)).to_have_count(0)


def test_what_the_panel_shows_stands_out_at_once_while_the_grid_is_still_asked_for(
    visit: Visit, station: Station, staff: User
) -> None:
    """What is being fetched is faded, and too pale to be read by everybody: what has come is not."""
    page = opened(visit, staff, booking(station, customer=ANA))
    asked: list[Route] = []
    page.route("**/calendar/week/**", lambda route: asked.append(route))

    page.get_by_role("button", name="Show contact").click()
    expect(page.get_by_role("link", name="ana@example.com")).to_be_visible()

    expect(panel(page)).to_have_css("opacity", "1")
    assert asked
    asked[0].continue_()


def test_panel_without_scripts_is_drawn_by_the_server(visit: Visit, station: Station, staff: User) -> None:
    made = booking(station, customer=ANA)

    page = visit(staff, f"{WEEK}&booking={made.pk}", scripts=False)

    expect(panel(page)).to_contain_text("Ana García")
    panel(page).get_by_role("link", name="Close").click()
    expect(page).to_have_url(re.compile(f"{re.escape(WEEK)}$"))


def test_step_in_the_panel_shows_in_the_grid(visit: Visit, station: Station, staff: User) -> None:
    made = booking(station)
    page = opened(visit, staff, made)

    panel(page).get_by_role("button", name="Completed").click()

    expect(page.get_by_role("status")).to_contain_text("Walk-in is marked as completed.")
    expect(page.locator(f'[data-booking-id="{made.pk}"][data-status="completed"]')).to_be_visible()
    expect(panel(page).get_by_role("button", name="Back to confirmed")).to_be_visible()


def test_edit_in_the_panel_says_what_is_wrong_and_saves(visit: Visit, station: Station, staff: User) -> None:
    made = booking(station)
    page = opened(visit, staff, made)
    panel(page).get_by_role("link", name="Edit").click()

    panel(page).get_by_label("Deposit").fill("10")
    panel(page).get_by_role("button", name="Save").click()
    expect(panel(page)).to_contain_text("The deposit cannot be more than the total.")
    panel(page).get_by_label("Total").fill("25,50")
    panel(page).get_by_role("button", name="Save").click()

    expect(page.get_by_role("status")).to_contain_text("Walk-in: Total changed from")
    expect(panel(page)).to_contain_text("15,50\N{NO-BREAK SPACE}€")
    made.refresh_from_db()
    assert (made.total_due_cents, made.deposit_due_cents) == (2550, 1000)


def test_open_booking_is_marked_in_the_grid_and_nothing_else_changes(
    visit: Visit, station: Station, staff: User
) -> None:
    made = booking(station)
    page = visit(staff, WEEK)
    slots = page.locator(".slot.is-open")
    count = slots.count()

    page.locator(f'[data-booking-id="{made.pk}"] .who').click()

    expect(page.locator(".is-selected")).to_have_attribute("data-booking-id", str(made.pk))
    expect(page.locator('.who[aria-current="true"]')).to_have_count(1)
    expect(slots).to_have_count(count)
    page.get_by_role("link", name="Close").click()
    expect(page.locator(".is-selected")).to_have_count(0)


def test_next_free_slot_moves_by_one_click_and_undo_takes_it_back(visit: Visit, station: Station, staff: User) -> None:
    made = booking(station)
    for _n in range(3):
        booking(station, slot=time(19))
    page = opened(visit, staff, made)
    free = panel(page).locator(".choices")
    expect(free.get_by_role("button")).to_have_text(
        [
            "Fri 7 Mar 17:00",
            "Fri 7 Mar 20:00",
            "Fri 7 Mar 21:00",
            "Sat 8 Mar 18:00",
            "Sun 9 Mar 18:00",
            "Mon 10 Mar 18:00",
        ]
    )

    free.get_by_role("button", name="Fri 7 Mar 20:00").click()

    expect(page.get_by_role("status")).to_contain_text("Walk-in moved from 18:00 to 20:00, Fri 7 Mar.")
    expect(cell(page, FRIDAY, "20:00").locator("[data-booking-id]")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(cell(page, FRIDAY, "18:00").locator(f'[data-booking-id="{made.pk}"]')).to_be_visible()
    assert place(made) == (FRIDAY, time(18))


def test_move_to_in_the_panel(visit: Visit, station: Station, staff: User) -> None:
    made = booking(station)
    page = opened(visit, staff, made)

    panel(page).get_by_role("link", name="Move to…").click()
    panel(page).get_by_label("Date").fill("2031-03-08")
    expect(panel(page).get_by_role("heading", name="Saturday 8 March 2031")).to_be_visible()
    panel(page).get_by_role("button", name="21:00").click()

    expect(cell(page, SATURDAY, "21:00").locator("[data-booking-id]")).to_be_visible()
    expect(panel(page)).to_contain_text("Saturday 8 March 2031, 21:00")


def test_panel_follows_what_a_colleague_does(visit: Visit, station: Station, staff: User) -> None:
    made = booking(station)
    page = opened(visit, staff, made)
    page.locator("main").focus()

    services.reschedule(made.pk, to=Place(SATURDAY, time(20)), by=roles.OPERATOR)
    page.evaluate("window.dispatchEvent(new Event('online'))")

    expect(panel(page)).to_contain_text("Saturday 8 March 2031, 20:00")


def test_new_booking_in_the_panel_for_a_customer_found_while_typing(
    visit: Visit, station: Station, staff: User
) -> None:
    known = customer(station, "Ana García", "ana@example.com")
    customer(open_station(code="elsewhere"), "Anabel Sample", "anabel@example.com")
    page = visit(staff, WEEK)
    cell(page, SATURDAY, "19:00").get_by_role("link", name="New booking").click()

    panel(page).get_by_label("Name", exact=True).press_sequentially("ana")
    expect(panel(page).locator("[data-found]")).to_contain_text("1 known customer")
    panel(page).get_by_role("option", name="Ana García").click()
    expect(panel(page).get_by_label("Name", exact=True)).to_be_hidden()
    panel(page).get_by_role("button", name="Book", exact=True).click()

    expect(page.get_by_role("status")).to_contain_text("Booked: Ana García, 2 guests, Sat 8 Mar 19:00.")
    made = Booking.objects.get()
    assert (place(made), made.customer) == ((SATURDAY, time(19)), known)
    expect(card(page, made)).to_contain_text("Ana García")
    expect(page).to_have_url(re.compile(f"booking={made.pk}"))


@pytest.mark.parametrize("address", [WEEK, "/bookings/new/?station=kitchen&date=2031-03-07"])
def test_another_day_in_a_new_booking_lists_its_own_slots(
    visit: Visit, station: Station, staff: User, address: str
) -> None:
    for _n in range(3):
        booking(station, SATURDAY, slot=time(19))
    ExceptionFactory(station=station, date=SATURDAY, slot=time(20))
    page = visit(staff, address)
    if address == WEEK:
        page.keyboard.press("n")
    page.get_by_label("Slot", exact=True).select_option("18:00")
    page.get_by_role("radio", name="4", exact=True).check()

    page.get_by_label("Date").last.fill("2031-03-08")

    slots = page.get_by_label("Slot", exact=True)
    expect(slots.locator("option")).to_have_text(
        [
            "17:00 · 3 of 3 free",
            "18:00 · 3 of 3 free",
            "19:00 · full",
            "20:00 · closed: Stocktaking",
            "21:00 · 3 of 3 free",
        ]
    )
    expect(slots).to_have_value("18:00")
    expect(page.get_by_role("radio", name="4", exact=True)).to_be_checked()
    page.get_by_role("button", name="Book").click()
    expect(page.get_by_text("Saturday 8 March 2031, 18:00")).to_be_visible()


def test_somebody_else_after_all_can_be_typed(visit: Visit, station: Station, staff: User) -> None:
    customer(station, "Ana García", "ana@example.com")
    page = visit(staff, WEEK)
    page.get_by_role("link", name="New booking", exact=True).click()
    panel(page).get_by_label("Name", exact=True).press_sequentially("García")
    panel(page).get_by_role("option", name="Ana García").click()

    panel(page).get_by_role("button", name="Someone else").click()
    panel(page).get_by_label("Name", exact=True).fill("Bo Li")
    panel(page).get_by_text("More", exact=True).click()
    panel(page).get_by_label("Email").fill("bo@example.com")
    panel(page).get_by_role("button", name="Book", exact=True).click()

    expect(panel(page).get_by_role("heading", level=1)).to_contain_text("Bo Li")


def test_contact_of_somebody_known_is_saved_where_that_is_ticked(visit: Visit, station: Station, staff: User) -> None:
    known = customer(station, "Ana García", "", "+4930901820")
    page = visit(staff, WEEK)
    page.get_by_role("link", name="New booking", exact=True).click()
    panel(page).get_by_label("Name", exact=True).press_sequentially("García")
    panel(page).get_by_role("option", name="Ana García").click()

    panel(page).get_by_text("Another email or phone").click()
    panel(page).get_by_label("New email").fill("ana@example.com")
    panel(page).get_by_label("Save for Ana García").check()
    panel(page).get_by_role("button", name="Book", exact=True).click()

    expect(panel(page).get_by_role("heading", level=1)).to_contain_text("Ana García")
    known.refresh_from_db()
    assert (known.email, Booking.objects.get().customer) == ("ana@example.com", known)


def test_contact_that_came_with_a_booking_is_decided_about_in_the_panel(
    visit: Visit, station: Station, staff: User
) -> None:
    known = customer(station, "Ana García", "", "+4930901820")
    made = booking(station, customer=Contact("Ana García", "ana@example.com", "+4930901820"))
    page = visit(staff, WEEK)
    card(page, made).locator(".who").click()

    panel(page).get_by_role("button", name="Review").click()
    expect(panel(page).get_by_role("link", name="ana@example.com")).to_be_visible()
    panel(page).get_by_role("button", name="Save for the customer").click()

    expect(page.get_by_role("status")).to_contain_text("Saved for the customer.")
    known.refresh_from_db()
    assert known.email == "ana@example.com"


def test_new_booking_for_a_known_customer_without_scripts(visit: Visit, station: Station, staff: User) -> None:
    known = customer(station, "Ana García", "ana@example.com")
    page = visit(staff, WEEK, scripts=False)

    page.get_by_placeholder("Name, email or phone").fill("garc")
    page.get_by_role("button", name="Find").click()
    page.get_by_role("listitem").filter(has_text="Ana García").get_by_role("link", name="New booking").click()
    page.get_by_label("Date").last.fill("2031-03-08")
    page.get_by_label("Slot", exact=True).select_option(index=0)  # late today, the evening's other slots are past
    page.get_by_role("button", name="Book", exact=True).click()

    expect(page.get_by_role("heading", level=1)).to_contain_text("Ana García")
    assert Booking.objects.get().customer == known


def test_booking_is_worked_without_scripts(visit: Visit, station: Station, staff: User) -> None:
    made = booking(station)
    page = visit(staff, WEEK, scripts=False)

    card(page, made).locator(".who").click()
    page.get_by_role("button", name="Completed").click()
    expect(page.get_by_role("status")).to_contain_text("Walk-in is marked as completed.")
    page.get_by_role("button", name="Back to confirmed").click()
    page.get_by_role("link", name="Edit").click()
    page.get_by_label("Adults").fill("3")
    page.get_by_role("button", name="Save").click()

    expect(page.get_by_role("status")).to_contain_text("Walk-in: Party changed from 1 to 3.")
    made.refresh_from_db()
    assert (made.status, made.party_adults) == ("confirmed", 3)


def test_finder_waits_for_a_pause_and_asks_once(visit: Visit, station: Station, staff: User) -> None:
    customer(station, "Ana García", "ana@example.com")
    page = visit(staff, "/bookings/new/?station=kitchen&date=2031-03-07")
    asked: list[str] = []
    page.on("request", lambda sent: asked.append(sent.url) if sent.url.endswith("/find/") else None)

    page.get_by_label("Name", exact=True).press_sequentially("garc", delay=40)

    expect(page.locator("[data-found]")).to_contain_text("Ana García")
    assert len(asked) == 1


def test_ctrl_click_opens_the_bookings_own_page(visit: Visit, station: Station, staff: User) -> None:
    made = booking(station)
    page = visit(staff, WEEK)

    with page.context.expect_page() as other:
        card(page, made).locator(".who").click(modifiers=["Control"])

    expect(other.value).to_have_url(re.compile(f"/bookings/{made.pk}/$"))
    expect(panel(page)).to_have_count(0)


def test_booking_without_a_place_says_so(visit: Visit, station: Station, staff: User) -> None:
    made = booking(station)
    made.holds.all().delete()
    Booking.objects.filter(pk=made.pk).update(needs_place=True)

    page = visit(staff, f"/bookings/{made.pk}/")

    expect(page.get_by_text("This booking no longer has a slot.")).to_be_visible()


@pytest.mark.parametrize(
    ("button", "notice", "sentence", "state"),
    [
        ("Send now", "The email is being sent now.", "Waiting: no mail server is configured", State.WAITING),
        ("Don't send: already told", "No email is sent", "staff told the customer", State.WITHHELD),
    ],
)
def test_waiting_mail_is_settled_beside_the_grid(
    visit: Visit, station: Station, staff: User, button: str, notice: str, sentence: str, state: State
) -> None:
    made = booking(station, customer=ANA)
    services.reschedule(made.pk, to=Place(SATURDAY, made.slot), by=staff)
    page = opened(visit, staff, made)

    panel(page).get_by_role("button", name=button).click()

    expect(page.get_by_role("status")).to_contain_text(notice)
    expect(panel(page).locator(f"[data-mail={state}]")).to_contain_text(sentence)
    expect(page).to_have_url(re.compile(f"booking={made.pk}$"))
    mail = Mail.objects.get()
    assert (mail.state, mail.due_at <= timezone.now()) == (state, state == State.WAITING)


def test_mail_is_read_beside_the_grid_and_the_booking_comes_back(visit: Visit, station: Station, staff: User) -> None:
    made = booking(station, customer=ANA)
    services.reschedule(made.pk, to=Place(SATURDAY, made.slot), by=staff)
    page = opened(visit, staff, made)

    panel(page).get_by_role("link", name="Booking moved").click()

    expect(panel(page)).to_contain_text("Your booking has been moved from Friday 7 March 2031, 18:00")
    panel(page).get_by_role("link", name="Back to the booking").click()
    expect(panel(page).get_by_role("heading", level=1)).to_contain_text("Ana García")


def test_customer_who_was_not_reached_is_named_with_the_number_to_call(
    visit: Visit, station: Station, staff: User
) -> None:
    made = booking(station, customer=ANA)
    services.reschedule(made.pk, to=Place(SATURDAY, made.slot), by=staff)
    Mail.objects.get().end(State.UNREACHED, Problem.BOUNCED)

    page = opened(visit, staff, made)

    expect(panel(page).get_by_text("The customer has not been told: Booking moved.")).to_be_visible()
    panel(page).get_by_role("button", name="Show the number to call").click()
    expect(panel(page).get_by_role("link", name="Call +4930901820")).to_have_attribute("href", "tel:+4930901820")


@pytest.mark.parametrize("scripts", [True, False])
def test_contact_is_shown_when_asked_for(visit: Visit, station: Station, staff: User, scripts: bool) -> None:
    made = booking(station, customer=ANA)
    page = visit(staff, f"/calendar/week/?station=kitchen&date=2031-03-07&booking={made.pk}", scripts=scripts)
    assert "901820" not in page.content()

    panel(page).get_by_role("button", name="Show contact").click()

    expect(page.get_by_role("link", name="+4930901820")).to_have_attribute("href", "tel:+4930901820")
    expect(page.get_by_role("link", name="ana@example.com")).to_be_visible()
    assert page.url.endswith(f"/week/?station=kitchen&date=2031-03-07&booking={made.pk}") == scripts


def test_contact_stays_while_it_is_read_and_goes_with_the_panel(visit: Visit, station: Station, staff: User) -> None:
    made, other = booking(station, customer=ANA), booking(station, SATURDAY)
    page = opened(visit, staff, made)
    panel(page).get_by_role("button", name="Show contact").click()
    number = panel(page).get_by_role("link", name="+4930901820")
    expect(number).to_be_visible()
    page.locator(".corner").click()

    services.change_status(other.pk, Status.CANCELLED, by=staff)
    page.evaluate(
        "dispatchEvent(new Event('online'))"
    )  # the calendar looks for changes at once, not within ten seconds
    expect(page.locator(f'[data-booking-id="{other.pk}"]')).to_have_count(0)

    expect(number).to_be_visible()
    page.locator("[data-close]").click()
    opened_again = page.locator(f'[data-booking-id="{made.pk}"] .who')
    opened_again.click()
    expect(panel(page).get_by_role("button", name="Show contact")).to_be_visible()
    expect(number).to_have_count(0)
