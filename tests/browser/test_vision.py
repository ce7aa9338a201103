"""Pages at 200 % zoom, and statuses for people who see colours differently or not at all."""

import base64
from datetime import time, timedelta
from itertools import combinations

import pytest
from playwright.sync_api import Locator, Page

from accounts import roles
from accounts.customers import Contact
from bookings.models import Booking
from bookings.models.status import Status
from stations.models import Station
from tests.browser.conftest import Visit
from tests.browser.test_calendar import card
from tests.factories import FRIDAY, booking, open_station, person

pytestmark = [pytest.mark.browser, pytest.mark.looks, pytest.mark.django_db(transaction=True)]

DAY = "?station=kitchen&date=2031-03-07"
ZOOMED = {"width": 640, "height": 400}
"""A window of 1280 × 800 at 200 %."""
DEFICIENCIES = ("deuteranopia", "protanopia", "tritanopia", "achromatopsia")
DIFFERING_PIXELS = """async ([one, other]) => {
  const [a, b] = await Promise.all([one, other].map(async (data) => {
    const image = await createImageBitmap(new Blob([Uint8Array.from(atob(data), (one) => one.charCodeAt(0))]));
    const canvas = new OffscreenCanvas(image.width, image.height);
    const context = canvas.getContext('2d');
    context.drawImage(image, 0, 0);
    return context.getImageData(0, 0, image.width, image.height).data;
  }));
  let differing = 0;
  for (let i = 0; i < Math.min(a.length, b.length); i += 4) {
    differing += Math.max(...[0, 1, 2].map((channel) => Math.abs(a[i + channel] - b[i + channel]))) > 48;
  }
  return differing;
}"""
"""Counts the pixels of two pictures that anybody can tell from each other."""
LEAST_DIFFERENCE = 40
"""Pixels: about the strokes of a sign."""


@pytest.fixture
def station(transactional_db: None) -> Station:
    return open_station(code="kitchen", name="Kitchen", capacity=10)


@pytest.mark.parametrize("kind", ["week", "day", "agenda", "door"])
def test_at_200_percent_a_booking_is_in_sight(visit: Visit, station: Station, kind: str) -> None:
    for offset in range(-5, 2):
        for hour in range(17, 22):
            booking(station, FRIDAY + timedelta(days=offset), time(hour), customer=Contact("Nora Silva"))
    page = visit(person(roles.MANAGERS, station), f"/calendar/{kind}/{DAY}")
    page.set_viewport_size(ZOOMED)  # type: ignore[arg-type]
    page.reload()

    boxes = [one.bounding_box() for one in page.locator("[data-calendar] .who").all()]
    header = page.locator("header").bounding_box()

    assert page.evaluate("document.documentElement.scrollWidth") <= ZOOMED["width"]
    assert header
    assert header["height"] <= ZOOMED["height"] / 3
    assert any(box and header["height"] < box["y"] < ZOOMED["height"] - 40 for box in boxes)


@pytest.mark.parametrize("deficiency", DEFICIENCIES)
def test_every_status_looks_different_whatever_colours_one_sees(
    visit: Visit, station: Station, deficiency: str
) -> None:
    made = {status: booking(station, slot=time(18), customer=Contact("Nora Silva")) for status in Status}
    for status, one in made.items():
        Booking.objects.filter(pk=one.pk).update(status=status)
    page = visit(person(roles.MANAGERS, station), f"/calendar/agenda/{DAY}&status=all")
    page.context.new_cdp_session(page).send("Emulation.setEmulatedVisionDeficiency", {"type": deficiency})

    pictures = {status: picture(card(page, one)) for status, one in made.items()}

    alike = {
        (one, other): count
        for one, other in combinations(pictures, 2)
        if (count := differing(page, pictures[one], pictures[other])) < LEAST_DIFFERENCE
    }
    assert alike == {}


def picture(of: Locator) -> str:
    """Of a card in the same place as the others, so that not even its edges differ."""
    of.evaluate(
        "one => Object.assign(one.style, {position: 'fixed', inset: '100px auto auto 20px', width: '500px', zIndex: 9})"
    )
    taken = base64.b64encode(of.screenshot()).decode()
    of.evaluate("one => one.removeAttribute('style')")
    return taken


def differing(page: Page, one: str, other: str) -> int:
    count: int = page.evaluate(DIFFERING_PIXELS, [one, other])
    return count


def test_pictures_of_one_status_are_alike(visit: Visit, station: Station) -> None:
    """The comparison above finds nothing where there is nothing."""
    made = [booking(station, FRIDAY, time(18), customer=Contact("Nora Silva")) for _n in range(2)]
    page = visit(person(roles.MANAGERS, station), f"/calendar/agenda/{DAY}")

    first, second = (picture(card(page, one)) for one in made)

    assert differing(page, first, second) < LEAST_DIFFERENCE
