"""A person at a browser: signed in, and any complaint of the browser's fails the test."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect

from accounts import roles
from accounts.models import User
from stations.models import Station
from tests.factories import open_station, person

Visit = Callable[..., Page]

expect.set_options(timeout=20_000)
"""How long a busy machine may take; where all is well nobody waits so long."""

WIDTHS = (1280, 768, 320)
"""Of a desk, of a tablet on end, and the narrowest that WCAG 1.4.10 asks for."""


@pytest.fixture
def station(transactional_db: None) -> Station:
    """As everywhere, but committed: the browser's server reads it by another connection."""
    return open_station(code="kitchen", name="Kitchen")


@pytest.fixture
def staff(station: Station) -> User:
    return person(roles.STAFF, station, email="staff@example.com")


@pytest.fixture
def visit(browser: Browser, live_server: Any) -> Iterator[Visit]:
    """`visit(user, address, width=1280, scripts=True, touch=False, language="en")`: opened by somebody signed in."""
    complaints: list[str] = []
    contexts: list[BrowserContext] = []

    def open_page(
        user: User, address: str, *, width: int = 1280, scripts: bool = True, touch: bool = False, language: str = "en"
    ) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            java_script_enabled=scripts,
            has_touch=touch,
            is_mobile=touch,
            locale=language,
        )
        contexts.append(context)
        session = Client()
        session.force_login(user)
        cookie = session.cookies[settings.SESSION_COOKIE_NAME]
        context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": live_server.url}])
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text) if is_complaint(message) else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda sent: complaints.append(sent.url) if not ours(sent.url, live_server.url) else None)
        page.goto(live_server.url + address)
        return page

    yield open_page
    for context in contexts:
        context.close()
    wait_for_the_server()
    assert complaints == []


def wait_for_the_server() -> None:
    """Until it has answered whatever a page last asked: PostgreSQL empties no table that a request still reads."""
    busy = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'"
    with connection.cursor() as cursor:
        while connection.vendor == "postgresql":
            cursor.execute(busy)
            if cursor.fetchone() is None:
                return
            time.sleep(0.01)


def is_complaint(message: ConsoleMessage) -> bool:
    """Whether the browser found fault with the page, as a report of the policy is; an answer that refuses, or none, is not."""
    return message.type == "error" and not message.text.startswith("Failed to load resource")


def ours(url: str, home: str) -> bool:
    return url.startswith((home, "data:"))


def too_narrow(page: Page) -> list[int]:
    """The windows in which one would have to scroll sideways to read the page."""
    found = []
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        found += [width] if page.evaluate("document.documentElement.scrollWidth > innerWidth") else []
    return found
