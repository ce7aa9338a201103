"""How dates, times and money are written for people: in the reader's language, by the customs of the station's country.

English is read in Berlin with 24 hours, in New York with 12, and “7 March” there is “March 7”: Unicode's CLDR knows (by Babel).
Machines get ISO 8601 and integer minor units instead, and never come here.
"""

from copy import copy
from datetime import date, datetime, time
from functools import cache, lru_cache
from typing import Final

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_interval, format_skeleton, format_time, get_timezone_location
from babel.numbers import get_decimal_symbol
from django.utils.translation import get_language

from core.money import DECIMAL_MARKS, exponent, whole_units

ANYWHERE: Final = ""
"""No country: the customs of the language alone."""
KEPT: Final = 4096
NARROW_SPACE: Final = "\N{NARROW NO-BREAK SPACE}"


def clock(start: time, country: str) -> str:
    """“18:00”; “6:30 PM”, and on the hour “6 PM”."""
    return _clock(start, _locale(_language(), country))


def moment(day: str, start: time, country: str) -> str:
    """A day, as any of these writes it, and a time: “Friday 7 March 18:00”; with a comma where a number would stand beside the
    hours of a clock of twelve: “Friday March 7, 6 PM”."""
    apart = ", " if day[-1].isdigit() and _has_twelve_hours(_locale(_language(), country)) else " "
    return f"{day}{apart}{clock(start, country)}"


def end(begin: date, ends_at: datetime, country: str) -> str:
    """When something ends that begins on a date: “19:00”; where that is another day “Sat 8 Mar 01:00”. `ends_at` is local."""
    if ends_at.date() == begin:
        return clock(ends_at.time(), country)
    day = short_day(ends_at.date(), country) if ends_at.year == begin.year else dated_day(ends_at.date(), country)
    return moment(day, ends_at.time(), country)


def weekday(day: date) -> str:
    """“Fri”."""
    return _date(day, "ccc", _locale(_language(), ANYWHERE))


def short_day(day: date, country: str) -> str:
    """“Fri 7 Mar”, “Fri Mar 7”."""
    return f"{weekday(day)} {_skeleton(day, 'MMMd', _locale(_language(), country))}"


def dated_day(day: date, country: str) -> str:
    """“Fri 7 Mar 2031”."""
    return f"{weekday(day)} {_skeleton(day, 'yMMMd', _locale(_language(), country))}"


def long_day(day: date, country: str) -> str:
    """“Friday 7 March”."""
    locale = _locale(_language(), country)
    return f"{_date(day, 'cccc', locale)} {_skeleton(day, 'MMMMd', locale)}"


def full_day(day: date, country: str) -> str:
    """“Friday 7 March 2031”."""
    locale = _locale(_language(), country)
    return f"{_date(day, 'cccc', locale)} {_date(day, 'long', locale)}"


def long_weekday(day: date) -> str:
    """“Friday”."""
    return _date(day, "cccc", _locale(_language(), ANYWHERE))


def month(day: date, country: str) -> str:
    """“March 2031”."""
    return _skeleton(day, "yMMMM", _locale(_language(), country))


def span(first: date, last: date, country: str) -> str:
    """“2–8 Mar 2031”, “30 Mar – 5 Apr 2031”."""
    return str(format_interval(first, last, "yMMMd", locale=_locale(_language(), country)))


def money(minor_units: int, currency: str, country: str) -> str:
    """“45,00 €”, “¥4,500”."""
    locale = _locale(_language(), country)
    pattern = copy(locale.currency_formats["standard"])
    pattern.frac_prec = (exponent(currency), exponent(currency))
    return str(pattern.apply(whole_units(minor_units, currency), locale, currency=currency, currency_digits=False))


def amount(minor_units: int, currency: str, country: str) -> str:
    """“1234,50”: without a sign and without groups, as it stands in a form."""
    return f"{whole_units(minor_units, currency):f}".replace(".", decimal_mark(country))


def decimal_mark(country: str) -> str:
    """“.” or “,”."""
    mark = get_decimal_symbol(_locale(_language(), country))
    return mark if mark in DECIMAL_MARKS else "."


def zone(name: str) -> str:
    """“Berlin”: the place whose clocks a time zone follows."""
    return str(get_timezone_location(name, locale=_locale(_language(), ANYWHERE), return_city=True))


def _language() -> str:
    return get_language() or "en"


@cache
def _locale(language: str, country: str) -> Locale:
    """Languages that nobody speaks in that country keep the customs of their own."""
    spoken, _, region = language.partition("-")
    for territory in (country, region.upper(), None):
        try:
            return Locale(spoken, territory or None)
        except UnknownLocaleError:
            continue
    return Locale("en")


def _has_twelve_hours(locale: Locale) -> bool:
    return "h" in locale.time_formats["short"].pattern


@lru_cache(KEPT)
def _clock(start: time, locale: Locale) -> str:
    whole_hour = not start.minute and _has_twelve_hours(locale)
    told = format_skeleton("h", start, locale=locale) if whole_hour else format_time(start, "short", locale=locale)
    return str(told).replace(" ", NARROW_SPACE)


@lru_cache(KEPT)
def _date(day: date, pattern: str, locale: Locale) -> str:
    return format_date(day, pattern, locale)


@lru_cache(KEPT)
def _skeleton(day: date, skeleton: str, locale: Locale) -> str:
    return str(format_skeleton(skeleton, day, locale=locale))
