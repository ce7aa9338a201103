"""Browser and operating system, as a User-Agent header names them, in words from a closed list."""

from typing import Final, NamedTuple

HEADER_CHARACTERS: Final = 1_000

# Browsers imitate each other: Edge says that it is Chrome, Chrome that it is Safari. The first match counts.
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
    """Proper names, which no language translates; "" where the header names none of the list."""

    browser: str = ""
    platform: str = ""


def parse(user_agent: str) -> Device:
    """Read browser and platform from a User-Agent header. Whatever it holds, nothing but names of the lists is returned."""
    text = user_agent[:HEADER_CHARACTERS]
    return Device(_first(BROWSERS, text), _first(PLATFORMS, text))


def _first(names: tuple[tuple[str, str], ...], text: str) -> str:
    return next((name for token, name in names if token in text), "")
