"""What all parts of a rendered page share, and how they write dates, times and money."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import cache, lru_cache
from typing import Any

from django.utils.html import escape
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from bookings.calendar.read_model import format_start
from bookings.calendar.rendering import compiled_templates
from bookings.calendar.rendering.compiled_templates import CACHE_SIZE, Value
from core import formats
from stations.models import Station


@dataclass(frozen=True, slots=True)
class PageContext:
    """What all parts of a page share. Its texts are HTML: they are escaped once, not once for each booking."""

    station: Station
    station_code: SafeString
    """As part of an address."""
    page_url: SafeString
    """The address of the page, as a parameter of another."""
    now: datetime
    may_change: bool
    may_book: bool
    """Whether the person may make bookings, and the station takes any."""
    language: str
    is_roomy: bool = False
    """Whether cards have room for more than a name."""

    def fill(self, template: str, shape: Any, values: dict[str, Value]) -> SafeString:
        return compiled_templates.fill(template, shape, values, self.language)

    def format(self, formatter: Callable[[Any, str], str], value: date | time) -> SafeString:
        """Return a date or a time as a function of `core.formats` writes it."""
        return _format(formatter, value, self.station.country, self.language)

    def when(self, day: date, start: time) -> SafeString:
        """Return “Friday March 7, 6 PM”, for screen readers."""
        return _when(day, start, self.station.country, self.language)

    def occupancy(self, taken: int, capacity: int) -> SafeString:
        """Return “2 of 3”, for screen readers."""
        return _occupancy(taken, capacity, self.language)

    def money(self, minor_units: int) -> str:
        return formats.format_money(minor_units, self.station.currency, self.station.country)


@cache
def start_value(start: time) -> SafeString:
    """Return a slot's start as `HH:MM`."""
    return escape(format_start(start))


@lru_cache(CACHE_SIZE)
def _format(formatter: Callable[[Any, str], str], value: date | time, country: str, language: str) -> SafeString:
    return escape(formatter(value, country))


@lru_cache(CACHE_SIZE)
def _when(day: date, start: time, country: str, language: str) -> SafeString:
    return escape(formats.format_datetime(formats.format_long_date(day, country), start, country))


@lru_cache(CACHE_SIZE)
def _occupancy(taken: int, capacity: int, language: str) -> SafeString:
    return escape(_("%(taken)d of %(capacity)d") % {"taken": taken, "capacity": capacity})
