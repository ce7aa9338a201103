"""Dates, times and money as people write them: in the reader's language, with the conventions of the station's country.

English in Berlin has a 24-hour clock, in New York a 12-hour one, and “7 March” there is “March 7”: the data is Unicode's CLDR, by
Babel. Programs get ISO 8601 and minor units instead.
"""

from copy import copy
from datetime import date, datetime, time, tzinfo
from functools import cache, lru_cache
from typing import Final

from babel import Locale, UnknownLocaleError, dates
from babel.numbers import get_decimal_symbol
from django.utils.translation import get_language

from core.money import DECIMAL_MARKS, exponent, whole_units

NO_COUNTRY: Final = ""
"""Only the conventions of the language."""
CACHE_SIZE: Final = 4096
NARROW_SPACE: Final = "\N{NARROW NO-BREAK SPACE}"


def format_time(start: time, country: str) -> str:
    """“18:00”; “6:30 PM”, and on the hour “6 PM”."""
    return _time(start, _locale(_language(), country))


def format_datetime(day: str, start: time, country: str) -> str:
    """“Friday 7 March 18:00”, or “Friday March 7, 6 PM” with a comma where two numbers would meet. `day` is formatted already."""
    separator = ", " if day[-1].isdigit() and _has_twelve_hours(_locale(_language(), country)) else " "
    return f"{day}{separator}{format_time(start, country)}"


def format_end(begin: date, ends_at: datetime, country: str) -> str:
    """The local end of something that begins on a date: “19:00”, or “Sat 8 Mar 01:00” if that is on another date."""
    if ends_at.date() == begin:
        return format_time(ends_at.time(), country)
    is_same_year = ends_at.year == begin.year
    day = format_short_date(ends_at.date(), country) if is_same_year else format_date(ends_at.date(), country)
    return format_datetime(day, ends_at.time(), country)


def format_instant(moment: datetime, zone: tzinfo, country: str) -> str:
    """The local date and time in a time zone, to the minute: “Fri 7 Mar 2031 18:00”."""
    local = moment.astimezone(zone).replace(second=0, microsecond=0)
    return format_datetime(format_date(local.date(), country), local.time(), country)


def format_short_instant(moment: datetime, zone: tzinfo, country: str) -> str:
    """The local date and time without the year, to the minute: “Fri 7 Mar 18:00”."""
    local = moment.astimezone(zone).replace(second=0, microsecond=0)
    return format_datetime(format_short_date(local.date(), country), local.time(), country)


def format_weekday(day: date) -> str:
    """“Fri”."""
    return _date(day, "ccc", _locale(_language(), NO_COUNTRY))


def format_short_date(day: date, country: str) -> str:
    """“Fri 7 Mar”, “Fri Mar 7”."""
    return f"{format_weekday(day)} {_skeleton(day, 'MMMd', _locale(_language(), country))}"


def format_date(day: date, country: str) -> str:
    """“Fri 7 Mar 2031”."""
    return f"{format_weekday(day)} {_skeleton(day, 'yMMMd', _locale(_language(), country))}"


def format_long_date(day: date, country: str) -> str:
    """“Friday 7 March”."""
    locale = _locale(_language(), country)
    return f"{_date(day, 'cccc', locale)} {_skeleton(day, 'MMMMd', locale)}"


def format_full_date(day: date, country: str) -> str:
    """“Friday 7 March 2031”."""
    locale = _locale(_language(), country)
    return f"{_date(day, 'cccc', locale)} {_date(day, 'long', locale)}"


def format_long_weekday(day: date) -> str:
    """“Friday”."""
    return _date(day, "cccc", _locale(_language(), NO_COUNTRY))


def format_month(day: date, country: str) -> str:
    """“March 2031”."""
    return _skeleton(day, "yMMMM", _locale(_language(), country))


def format_range(first: date, last: date, country: str) -> str:
    """“2–8 Mar 2031”, “30 Mar – 5 Apr 2031”."""
    return str(dates.format_interval(first, last, "yMMMd", locale=_locale(_language(), country)))


def format_money(minor_units: int, currency: str, country: str) -> str:
    """“45,00 €”, “¥4,500”."""
    locale = _locale(_language(), country)
    pattern = copy(locale.currency_formats["standard"])
    pattern.frac_prec = (exponent(currency), exponent(currency))
    return str(pattern.apply(whole_units(minor_units, currency), locale, currency=currency, currency_digits=False))


def format_amount(minor_units: int, currency: str, country: str) -> str:
    """“1234,50”: as in a form, without currency sign and digit grouping."""
    return f"{whole_units(minor_units, currency):f}".replace(".", decimal_mark(country))


def decimal_mark(country: str) -> str:
    """“.” or “,”."""
    mark = get_decimal_symbol(_locale(_language(), country))
    return mark if mark in DECIMAL_MARKS else "."


def format_time_zone(name: str) -> str:
    """“Berlin” for Europe/Berlin."""
    return str(dates.get_timezone_location(name, locale=_locale(_language(), NO_COUNTRY), return_city=True))


def _language() -> str:
    return get_language() or "en"


@cache
def _locale(language: str, country: str) -> Locale:
    """The locale of that language in that country, or of the language alone if CLDR does not have the combination."""
    code, _, region = language.partition("-")
    for territory in (country, region.upper(), None):
        try:
            return Locale(code, territory or None)
        except UnknownLocaleError:
            continue
    return Locale("en")


def _has_twelve_hours(locale: Locale) -> bool:
    return "h" in locale.time_formats["short"].pattern


@lru_cache(CACHE_SIZE)
def _time(start: time, locale: Locale) -> str:
    if not start.minute and _has_twelve_hours(locale):
        text = dates.format_skeleton("h", start, locale=locale)
    else:
        text = dates.format_time(start, "short", locale=locale)
    return str(text).replace(" ", NARROW_SPACE)


@lru_cache(CACHE_SIZE)
def _date(day: date, pattern: str, locale: Locale) -> str:
    return dates.format_date(day, pattern, locale)


@lru_cache(CACHE_SIZE)
def _skeleton(day: date, skeleton: str, locale: Locale) -> str:
    return str(dates.format_skeleton(skeleton, day, locale=locale))
