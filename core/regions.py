"""Countries, currencies and time zones in the reader's language, and what is usual in a country, as Unicode's CLDR has it."""

from collections import defaultdict
from functools import cache
from typing import Final
from zoneinfo import available_timezones

from babel import Locale, UnknownLocaleError
from babel.core import get_global
from babel.numbers import get_currency_name, get_territory_currencies
from django.utils.translation import get_language

from core import formats

Choices = list[tuple[str, str]]
NOT_COUNTRIES: Final = frozenset({"EU", "EZ", "QO", "UN", "XA", "XB", "ZZ"})
"""Groups of countries, and codes for tests, among Unicode's territories."""
REGIONS: Final = frozenset(
    {"Africa", "America", "Antarctica", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific"}
)
"""Where the database's names of places begin; other names are abbreviations and old spellings of countries."""


def countries() -> Choices:
    """Codes and names, by name."""
    return _countries(_language())


def currencies() -> Choices:
    """Codes and names of the currencies that are legal tender somewhere, by name."""
    return _currencies(_language())


def time_zones() -> list[tuple[str, Choices]]:
    """Names of time zones with their city, grouped by region."""
    return _time_zones(_language())


@cache
def usual_currency(country: str) -> str:
    """The currency of a country; "" for one that is unknown."""
    return next(iter(get_territory_currencies(country)), "")


@cache
def usual_first_weekday(country: str) -> int:
    """The first day of the week in a country, numbered as in `date.weekday()`."""
    try:
        return int(Locale.parse(f"und_{country}").first_week_day)
    except (UnknownLocaleError, ValueError):
        return 0


def _language() -> str:
    return (get_language() or "en").partition("-")[0]


@cache
def _countries(language: str) -> Choices:
    names: dict[str, str] = dict(Locale(language).territories)
    codes = (code for code in names if len(code) == 2 and code.isalpha() and code not in NOT_COUNTRIES)
    return sorted(((code, names[code]) for code in codes), key=lambda one: one[1])


@cache
def _currencies(language: str) -> Choices:
    codes = {code for country in get_global("territory_currencies") for code in get_territory_currencies(country)}
    named = ((code, f"{get_currency_name(code, locale=language)} ({code})") for code in codes)
    return sorted(named, key=lambda one: one[1])


@cache
def _time_zones(language: str) -> list[tuple[str, Choices]]:
    regions: dict[str, dict[str, str]] = defaultdict(dict)
    for name in sorted(available_timezones()):
        region, _slash, place = name.partition("/")
        if region in REGIONS and place:
            regions[region].setdefault(formats.format_time_zone(name), name)
    grouped = [
        (region, sorted((name, city) for city, name in cities.items())) for region, cities in sorted(regions.items())
    ]
    return [("UTC", [("UTC", "UTC")]), *grouped]
