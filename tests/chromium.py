"""The system's own Chromium, for tests and for the scripts that look at pages."""

import os
import shutil
from typing import Final

HEADLESS: Final = "chromium-headless-shell"
"""The same engine without a browser around it: a test's own window costs a fifth of what it does in the whole one."""
NAMES: Final = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    HEADLESS,
)
ARGUMENTS: Final = ("--disable-dev-shm-usage", *(["--no-sandbox"] if os.getuid() == 0 else []))
"""It refuses its sandbox to root."""


def headless_path() -> str:
    """For tests, which look at the page alone. The whole browser where there is no other."""
    return shutil.which(HEADLESS) or path()


def path() -> str:
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        raise SystemExit("Chromium is needed, which the system's packages have. Install it and try again.")
    return found
