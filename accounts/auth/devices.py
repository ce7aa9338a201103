"""Browser and operating system from a User-Agent header, in names from a closed list."""

from typing import Final, NamedTuple

MAX_HEADER_LENGTH: Final = 1_000

# Browsers imitate each other: Edge claims to be Chrome, Chrome to be Safari. The first match counts.
BROWSERS: Final = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Vivaldi/", "Vivaldi"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
PLATFORMS: Final = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)


class Device(NamedTuple):
    """Names are not translated; "" if the header contains none of the list."""

    browser: str = ""
    platform: str = ""


def parse(user_agent: str) -> Device:
    """Read browser and platform from a User-Agent header. Only names from the lists are returned, never text of the header."""
    text = user_agent[:MAX_HEADER_LENGTH]
    return Device(_first(BROWSERS, text), _first(PLATFORMS, text))


def _first(names: tuple[tuple[str, str], ...], text: str) -> str:
    return next((name for token, name in names if token in text), "")
