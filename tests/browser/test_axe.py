"""No page and no state of one that axe finds fault with: WCAG 2.2 A and AA, best practices; light and dark, wide and narrow."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT  # type: ignore[import-untyped]
from django.conf import LazySettings
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Page, expect

from accounts import roles
from accounts.auth import password_reset
from accounts.customers import Contact
from accounts.models import Session, User
from bookings import services
from bookings.models import Booking, Mail
from bookings.models.mail_state import Kind, Problem, State
from bookings.models.status import Status
from bookings.operations.backup import credentials
from bookings.services import Place
from stations.models import Station
from tests.authenticator import code_of
from tests.browser.conftest import WIDTHS, Visit
from tests.browser.test_calendar import card, cell, drag
from tests.factories import (
    FRIDAY,
    PASSWORD,
    SATURDAY,
    ExceptionFactory,
    UserFactory,
    booking,
    customer,
    open_station,
    person,
)

pytestmark = [pytest.mark.browser, pytest.mark.looks, pytest.mark.django_db(transaction=True)]

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
DAY = "?station=kitchen&date=2031-03-07"


@dataclass(frozen=True)
class World:
    """A busy week, with everything that a page can show."""

    staff: User
    made: Booking
    mail: Mail
    """One that waits; another of the booking has failed."""


@pytest.fixture
def world(transactional_db: None) -> World:
    station = open_station(code="kitchen", name="Kitchen", guest_capacity=8)
    staff = person(roles.MANAGERS, station, open_station(code="court", name="Court"), email="staff@example.com")
    made = booking(station, customer=Contact("Ana García", "ana@example.com", "+4930901820"), special_requests="Nuts")
    for status in (Status.PENDING, Status.ARRIVED, Status.COMPLETED, Status.NO_SHOW):
        booking(station, SATURDAY, slot=made.slot.replace(hour=17 + list(Status).index(status) % 5), status=status)
    services.change_status(booking(station).pk, Status.CANCELLED, by=roles.OPERATOR)
    booking(station, slot=made.slot.replace(hour=19), slots=2)
    ExceptionFactory(station=station, date=FRIDAY.replace(day=5), reason="Stocktaking")
    lost = booking(station, slot=made.slot.replace(hour=20))
    lost.holds.all().delete()
    Booking.objects.filter(pk=lost.pk).update(needs_place=True)
    services.reschedule(made.pk, to=Place(FRIDAY, made.slot.replace(hour=17)), by=staff)
    made.refresh_from_db()
    waiting = Mail.objects.get(booking=made.pk)
    failed = {"kind": Kind.MADE, "state": State.FAILED, "problem": Problem.REFUSED, "due_at": timezone.now()}
    Mail.objects.create(booking=made, station=station, **failed)
    return World(staff, made, waiting)


def close_refused(page: Page, world: World) -> None:
    page.get_by_role("button", name="Close", exact=True).click()
    expect(page.get_by_role("button", name="Close, and list them as unassigned")).to_be_visible()


def walk_in(page: Page, world: World) -> None:
    page.get_by_text("Walk-in", exact=True).first.click()
    expect(page.locator(".walk-in .chips")).to_be_visible()


def in_hand(page: Page, world: World) -> None:
    drag(page, card(page, world.made), cell(page, SATURDAY, "20:00"), drop=False)
    page.locator(".move-option").first.wait_for()


def moved(page: Page, world: World) -> None:
    drag(page, card(page, world.made), cell(page, SATURDAY, "20:00"))
    expect(page.get_by_role("button", name="Undo")).to_be_visible()


def undone(page: Page, world: World) -> None:
    moved(page, world)
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("button", name="Redo")).to_be_visible()


def asked(page: Page, world: World) -> None:
    moved(page, world)
    page.get_by_role("link", name="Next", exact=True).click()
    page.wait_for_load_state("load")
    page.keyboard.press("Control+z")
    expect(page.get_by_role("dialog")).to_contain_text("Undo: move Ana García")


def asked_on_a_page(page: Page, world: World) -> None:
    moved(page, world)
    page.evaluate("""document.querySelector('form[data-undo=last] input[name=next]').value = '/';
                     document.querySelector('form[data-undo=last]').submit()""")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Undo: move Ana García")


def listed(page: Page, world: World) -> None:
    moved(page, world)
    page.get_by_role("button", name="Account of").click()
    page.get_by_role("link", name="Your last changes").click()
    page.get_by_role("button", name="Undo: move Ana García").click()
    expect(page.get_by_role("status")).to_contain_text("Undone: Ana García is back")


def refused(page: Page, world: World) -> None:
    drag(page, card(page, world.made), cell(page, FRIDAY.replace(day=5), "20:00"))
    expect(page.get_by_role("alert")).to_contain_text("Stocktaking")


def stale(page: Page, world: World) -> None:
    services.reschedule(world.made.pk, to=Place(SATURDAY, world.made.slot.replace(hour=21)), by=roles.OPERATOR)
    drag(page, card(page, world.made), cell(page, SATURDAY, "20:00"))
    expect(page.get_by_role("button", name="anyway")).to_be_visible()


def offline(page: Page, world: World) -> None:
    page.context.set_offline(True)
    expect(page.get_by_role("alert")).to_contain_text("No connection.")


def open_panel(page: Page, world: World) -> None:
    card(page, world.made).locator(".who").click()
    expect(page.locator("[data-panel] h1")).to_be_focused()


def contact_in_panel(page: Page, world: World) -> None:
    open_panel(page, world)
    page.get_by_role("button", name="Show contact").click()
    expect(page.get_by_role("link", name="ana@example.com")).to_be_visible()


def given_in_panel(page: Page, world: World) -> None:
    contact = Contact("Ana García", "ana@example.com", "+4930901829")
    given = booking(Station.objects.get(code="kitchen"), customer=contact)
    page.goto(f"{page.url.partition('/calendar/')[0]}/calendar/week/{DAY}&booking={given.pk}")
    page.get_by_role("button", name="Review").click()
    expect(page.get_by_role("button", name="Save for the customer")).to_be_visible()


def known_in_panel(page: Page, world: World) -> None:
    page.keyboard.press("n")
    page.get_by_label("Phone", exact=True).press_sequentially("1820")
    page.locator("[data-found]").get_by_role("option", name="Ana García").click()
    expect(page.locator("[data-checked]")).to_contain_text("Last request:")
    page.get_by_label("Slot", exact=True).select_option("17:00")
    expect(page.locator("[data-checked]")).to_contain_text("Ana García already has a booking at that time")
    page.get_by_text("Another email or phone").click()
    expect(page.get_by_label("Save for Ana García")).to_be_visible()


def new_in_panel(page: Page, world: World) -> None:
    customer(Station.objects.get(code="kitchen"), "Bo Li", "bo@example.com")
    page.keyboard.press("n")
    page.get_by_text("More", exact=True).click()
    page.get_by_label("Email").press_sequentially("bo@example.com")
    expect(page.get_by_role("option", name="Bo Li")).to_be_visible()
    page.keyboard.press("ArrowDown")


def signed_out(page: Page, world: World) -> None:
    new_in_panel(page, world)
    Session.objects.all().delete()
    page.get_by_role("button", name="Book").click()
    expect(page.get_by_role("link", name="Sign in again")).to_be_visible()


def typed_signed_out(page: Page, world: World) -> None:
    page.get_by_label("Name").fill("Bo Li")
    Session.objects.all().delete()
    page.get_by_role("button", name="Book").click()
    expect(page.get_by_role("alert")).to_contain_text("Not saved yet: you've been signed out.")


def shown_again(page: Page, world: World) -> None:
    typed_signed_out(page, world)
    page.get_by_label("Email").fill(world.staff.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("main")).to_contain_text("Not saved yet: you had been signed out.")


def sheet_of_keys(page: Page, world: World) -> None:
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()


def found(page: Page, world: World) -> None:
    page.get_by_placeholder("Name, email or phone").fill("ana@example.com")
    page.locator("form.find").evaluate("form => form.submit()")
    expect(page.get_by_role("heading", name="Customers found")).to_be_visible()


def live_hits(page: Page, world: World) -> None:
    page.keyboard.press("/")
    page.keyboard.type("ana", delay=50)
    expect(page.get_by_role("gridcell", selected=True)).to_be_visible()


def live_nobody(page: Page, world: World) -> None:
    page.keyboard.press("/")
    page.keyboard.type("nobody", delay=50)
    expect(page.get_by_role("gridcell", name="New booking for “nobody”")).to_be_visible()


def overlap_refused(page: Page, world: World) -> None:
    page.get_by_label("Date").last.fill("2031-03-07")
    page.get_by_label("Slot", exact=True).select_option("17:00")
    page.get_by_label("Phone").fill("+4930901820")
    page.get_by_label("Name").fill("Ana García")
    page.get_by_role("button", name="Book").click()
    expect(page.locator("[data-checked]")).to_contain_text("Press Book again")


def wrong_fields(page: Page, world: World) -> None:
    page.get_by_label("Deposit").fill("99")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".fault")).to_be_visible()


def new_feed(page: Page, world: World) -> None:
    page.get_by_role("button", name="Create feed").click()
    expect(page.get_by_label("Secret address")).to_be_visible()


def wrong_password(page: Page, world: World) -> None:
    page.get_by_label("Current password").fill("wrong")
    page.get_by_label("New password", exact=True).fill("seven green horses")
    page.get_by_label("Repeat new password").fill("seven green ponies")
    page.get_by_role("button", name="Change password").click()
    expect(page.locator(".fault")).to_be_visible()


def app_to_set_up(page: Page, world: World) -> None:
    page.get_by_role("button", name="Set up").click()
    expect(page.get_by_role("img", name="QR code")).to_be_visible()


def recovery_codes(page: Page, world: World) -> None:
    app_to_set_up(page, world)
    page.get_by_label("Code from the app").fill(code_of(page.locator("code").inner_text()))
    page.get_by_role("button", name="Turn on").click()
    expect(page.get_by_role("heading", name="Your recovery codes")).to_be_visible()


def set_up(page: Page, world: World) -> None:
    recovery_codes(page, world)
    page.goto(page.url.partition("/accounts/")[0] + "/accounts/me/factor/")
    expect(page.get_by_role("button", name="Turn it off")).to_be_visible()


def another_browser(page: Page, world: World) -> None:
    Client().force_login(world.staff)
    page.reload()
    expect(page.get_by_role("button", name="Sign out all other browsers")).to_be_visible()


def new_key(page: Page, world: World) -> None:
    page.get_by_label("Name").fill("Web shop")
    page.get_by_label("Kitchen").check()
    page.get_by_role("button", name="Create key").click()
    expect(page.get_by_role("heading", name="Your new key")).to_be_visible()


def ended_key(page: Page, world: World) -> None:
    new_key(page, world)
    ended(page)


def ended_feed(page: Page, world: World) -> None:
    new_feed(page, world)
    ended(page)


def ended(page: Page) -> None:
    """As after a restore."""
    credentials.end_all_but([], at=timezone.now())
    page.goto(page.url)
    expect(page.get_by_role("button", name="Remove")).to_be_visible()


def key_without_anything(page: Page, world: World) -> None:
    page.get_by_label("Name").fill("Web shop")
    page.get_by_label("Current password").fill("wrong")
    page.get_by_role("button", name="Create key").click()
    expect(page.locator(".fault").first).to_be_visible()


def password_asked(page: Page, world: World) -> None:
    page.get_by_label("With names").check()
    page.get_by_role("button", name="Create feed").click()
    expect(page.get_by_role("heading", name="Confirm your password")).to_be_visible()


def password_asked_again(page: Page, world: World) -> None:
    password_asked(page, world)
    page.get_by_label("Current password").fill("wrong")
    page.get_by_role("button", name="Continue").click()
    expect(page.locator(".fault")).to_be_visible()


def email_refused(page: Page, world: World) -> None:
    page.get_by_label("New email").fill("new@example.com")
    page.get_by_label("Current password").fill("wrong")
    page.get_by_role("button", name="Change email").click()
    expect(page.locator(".fault")).to_be_visible()


Reach = Callable[[Page, World], None]
WEEK, BOOKING = f"/calendar/week/{DAY}", "/bookings/{id}/"
STATES: dict[str, tuple[str, Reach | None]] = {
    "week": (WEEK, None),
    "month": (f"/calendar/month/{DAY}", None),
    "day": (f"/calendar/day/{DAY}", None),
    "agenda": (f"/calendar/agenda/{DAY}", None),
    "stations": (f"/calendar/stations/{DAY}", None),
    "close": (f"/calendar/close/{DAY}", None),
    "close with bookings in the way": (f"/calendar/close/{DAY}", close_refused),
    "changes": ("/calendar/changes/?station=kitchen", None),
    "door": (f"/calendar/door/{DAY}", None),
    "door with a walk-in": (f"/calendar/door/{DAY}", walk_in),
    "week with a booking in the hand": (WEEK, in_hand),
    "week after a move": (WEEK, moved),
    "week after an undo": (WEEK, undone),
    "week that asks before it undoes": (WEEK, asked),
    "page that asks before it undoes": (WEEK, asked_on_a_page),
    "last changes": (WEEK, listed),
    "no last changes": ("/bookings/undo/", None),
    "week after a refusal": (WEEK, refused),
    "week after a stale drop": (WEEK, stale),
    "week offline": (WEEK, offline),
    "week with the panel": (WEEK, open_panel),
    "week with a contact in the panel": (WEEK, contact_in_panel),
    "week with a contact to decide about": (WEEK, given_in_panel),
    "week with a new booking for somebody known": (WEEK, known_in_panel),
    "month with a new booking": (f"/calendar/month/{DAY}", new_in_panel),
    "keys": (WEEK, sheet_of_keys),
    "customers found": (WEEK, found),
    "customers found while typing": (WEEK, live_hits),
    "nobody found while typing": (WEEK, live_nobody),
    "new booking at a time that the customer has booked": (f"/bookings/new/{DAY}", overlap_refused),
    "booking": (BOOKING, None),
    "customer": ("/customers/{customer}/", None),
    "customer to edit": ("/customers/{customer}/edit/", None),
    "mail": (f"{BOOKING}mails/{{mail}}/", None),
    "move": (f"{BOOKING}move/", None),
    "edit": (f"{BOOKING}edit/", None),
    "edit refused": (f"{BOOKING}edit/", wrong_fields),
    "new": (f"/bookings/new/{DAY}", None),
    "signed out with a new booking": (WEEK, signed_out),
    "signed out with a form": (f"/bookings/new/{DAY}", typed_signed_out),
    "form shown again": (f"/bookings/new/{DAY}", shown_again),
    "address that takes only forms": ("/calendar/search/", None),
    "feeds": ("/feeds/", None),
    "a new feed": ("/feeds/", new_feed),
    "an ended feed": ("/feeds/", ended_feed),
    "account": ("/accounts/me/", None),
    "account refused": ("/accounts/me/", wrong_password),
    "own name": ("/accounts/me/name/", None),
    "own email": ("/accounts/me/email/", None),
    "own email refused": ("/accounts/me/email/", email_refused),
    "password asked": ("/feeds/", password_asked),
    "password asked again": ("/feeds/", password_asked_again),
    "two-factor authentication": ("/accounts/me/factor/", None),
    "an app to set up": ("/accounts/me/factor/", app_to_set_up),
    "recovery codes": ("/accounts/me/factor/", recovery_codes),
    "two-factor authentication set up": ("/accounts/me/factor/", set_up),
    "browsers signed in": ("/accounts/me/sessions/", another_browser),
    "API keys": ("/accounts/me/keys/", None),
    "a new API key": ("/accounts/me/keys/", new_key),
    "an ended API key": ("/accounts/me/keys/", ended_key),
    "API key refused": ("/accounts/me/keys/", key_without_anything),
    "not found": ("/nowhere/", None),
    "API": ("/api/", None),
    "bookings in the API": ("/api/bookings/?station=kitchen", None),
}
ASKS_FOR_THE_PASSWORD = {
    *("account refused", "API key refused", "own email refused", "password asked", "password asked again"),
}
"""In a session whose password was given long ago."""
NEEDS_ROOM = {"week with a booking in the hand"}
"""What a mouse holds on a wide screen, and a narrower one would let go of."""


ASKED: dict[str, dict[str, Any]] = {
    "light": {"type": "tag", "values": RULES},
    "dark": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]},
}
"""Everything in light, and in dark what colours can do wrong."""
RUN = "only => axe.run({runOnly: only, resultTypes: ['violations'], preload: false}).then(({violations}) => violations)"
"""Without stylesheets loaded again, which only rules use that are not asked, and by ways that the policy blocks.

Nobody reads a report of every thing that is well, and to write one takes axe longer than to look."""


def faults(page: Page, *schemes: str) -> list[str]:
    """What axe finds, as one line each, in both schemes unless they are named."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    found: list[dict[str, Any]] = []
    for scheme in schemes or ASKED:
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
        violations = page.evaluate(RUN, ASKED[scheme])
        found += [{"scheme": scheme, **one} for one in violations]
    return [
        f"{one['scheme']}: {one['id']}: {one['help']} at {[node['target'] for node in one['nodes'][:3]]}"
        for one in found
    ]


@pytest.mark.parametrize("everywhere", [False, pytest.param(True, marks=pytest.mark.long)])
@pytest.mark.parametrize("state", STATES)
def test_axe_finds_no_fault(visit: Visit, world: World, settings: LazySettings, state: str, everywhere: bool) -> None:
    """At a desk in both schemes and on a phone in light; by hand, everything at every width."""
    if state in ASKS_FOR_THE_PASSWORD:
        settings.REAUTHENTICATION_SECONDS = 0
    address, reach = STATES[state]
    keys = {"id": world.made.pk, "mail": world.mail.pk, "customer": world.made.customer_id}
    page = visit(world.staff, address.format(**keys))
    if reach:
        reach(page, world)

    found = []
    for width in WIDTHS[:1] if state in NEEDS_ROOM else WIDTHS if everywhere else WIDTHS[::2]:
        page.set_viewport_size({"width": width, "height": 900})
        schemes = ASKED if everywhere or width == WIDTHS[0] else ["light"]
        found += [f"{width}: {fault}" for fault in faults(page, *schemes)]

    assert found == []


def test_axe_finds_no_fault_with_a_forgotten_password(
    browser: Any, live_server: Any, db: None, settings: LazySettings
) -> None:
    settings.MAIL_SERVER, settings.PUBLIC_URL = {"EMAIL_HOST": "mail.example.com"}, live_server.url
    page = browser.new_page(viewport={"width": 320, "height": 900})
    page.goto(f"{live_server.url}/accounts/login/")
    page.get_by_role("link", name="Forgot your password?").click()
    found = faults(page)
    page.get_by_label("Email").fill("no@example.com")
    page.get_by_role("button", name="Send link").click()
    expect(page.get_by_text("we've sent you a link")).to_be_visible()
    found += faults(page)
    page.goto(f"{live_server.url}/accounts/new-password/{password_reset.make_token(UserFactory())}/")
    expect(page.get_by_role("button", name="Change password")).to_be_visible()

    assert found + faults(page) == []
    page.close()


def test_axe_finds_no_fault_with_the_log_in(browser: Any, live_server: Any, db: None) -> None:
    page = browser.new_page()
    page.goto(f"{live_server.url}/accounts/login/")
    assert faults(page) == []
    page.get_by_label("Email").fill("no@example.com")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator(".problem.inform")).to_be_visible()

    assert faults(page) == []
    page.close()
