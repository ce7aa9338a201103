"""Counts what somebody at the desk does for a task: clicks, taps, keys and typed fields."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from playwright.sync_api import Locator, Page

TYPING_MS = 60
"""Between two keys: faster than people type a number that a caller dictates."""


@dataclass
class Hand:
    """Acts on a page. Each act counts one, whatever it takes the page to answer."""

    page: Page
    done: list[str] = field(default_factory=list)

    def click(self, target: Locator) -> None:
        target.click()
        self.done.append(f"click {target}")

    def tap(self, target: Locator) -> None:
        target.tap()
        self.done.append(f"tap {target}")

    def fill(self, target: Locator, text: str) -> None:
        """Type into a field, which counts together with the click or tap that chooses it."""
        target.click()
        self.page.keyboard.type(text, delay=TYPING_MS)
        self.done.append(f"type into {target}")

    def press(self, key: str) -> None:
        self.page.keyboard.press(key)
        self.done.append(f"press {key}")

    def type(self, text: str) -> None:
        """Type into the field that has the focus. By keyboard only the keys around it count."""
        self.page.keyboard.type(text, delay=TYPING_MS)


@contextmanager
def task(page: Page, *, allowed: int) -> Iterator[Hand]:
    """A task, which fails if it takes more acts than these."""
    hand = Hand(page)
    yield hand
    assert len(hand.done) <= allowed, hand.done
