"""The system's own Chromium, for tests and for the scripts that look at pages."""

import os
import shutil
from typing import Final

NAMES: Final = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
ARGUMENTS: Final = ("--disable-dev-shm-usage", *(["--no-sandbox"] if os.getuid() == 0 else []))
"""It refuses its sandbox to root."""


def path() -> str:
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        raise SystemExit("Chromium is needed, which the system's packages have. Install it and try again.")
    return found
