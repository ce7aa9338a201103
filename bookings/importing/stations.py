"""Creates the stations that a file names, open every day at the times of its rows."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import time
from math import gcd
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from bookings.importing.entries import Entry
from bookings.importing.source import FileRefused
from bookings.importing.values import Region
from core.dates import MINUTES_A_DAY, minute_of_day, time_of_minute
from core.limits import MAX_SLOTS
from stations.access import Person
from stations.models import Opening, Station, Weekday

OPENING_SETTINGS: Final = ("minutes", "capacity", "guest_capacity")
STATION_SETTINGS: Final = ("time_zone", "country", "currency")
TEMPLATE_SETTINGS: Final = (*OPENING_SETTINGS, *STATION_SETTINGS)
"""Settings of new stations that `--set` takes besides fields of bookings."""
DEFAULT_MINUTES: Final = 60
MIN_STEP: Final = 5
"""In minutes: starts and ends that are not multiples of it are ignored when the length of slots is chosen."""


class StationTemplate:
    """The settings of new stations. Raises FileRefused for invalid settings."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        openings = {name: _whole_number(name, settings[name]) for name in OPENING_SETTINGS if settings.get(name)}
        self.minutes: int | None = openings.pop("minutes", None)
        """Length of a slot; None if it depends on the rows."""
        self._openings: dict[str, Any] = {"capacity": 1} | openings
        self._station = {"time_zone": "UTC"} | {name: settings[name] for name in STATION_SETTINGS if settings.get(name)}
        self._require_valid()

    @property
    def region(self) -> Region:
        station = Station(**self._station)
        return Region(ZoneInfo(station.time_zone), station.currency)

    def create(self, code: str, starts: Iterable[time], minutes: int) -> None:
        """Create the station with its openings, unless it has been created in the meantime."""
        station, is_new = Station.objects.get_or_create(code=code, defaults={"name": code, **self._station})
        for weekday in Weekday if is_new else ():
            for start in starts:
                Opening(station=station, weekday=weekday, start=start, minutes=minutes, **self._openings).save()

    def _require_valid(self) -> None:
        try:
            Station(code="x", name="x", **self._station).full_clean(validate_unique=False)
            minutes = DEFAULT_MINUTES if self.minutes is None else self.minutes
            Opening(weekday=0, start=time(0), minutes=minutes, **self._openings).full_clean(exclude=["station"])
        except ValidationError as error:
            name, messages = next(iter(error.message_dict.items()))
            raise FileRefused(f"--set {name}: {messages[0]}") from None


class Regions:
    """Time zones and currencies of stations, by code."""

    def __init__(self, person: Person, default: Region) -> None:
        """`default` is for stations that do not exist yet or are not visible to the person."""
        self._default = default
        visible = Station.objects.visible_to(person).values_list("code", "time_zone", "currency")
        self._known = {code: Region(ZoneInfo(zone), currency) for code, zone, currency in visible}

    def of(self, code: str) -> Region:
        return self._known.get(code, self._default)


@dataclass
class _Grid:
    """When the bookings of a station start and end, in minutes since midnight."""

    starts: set[int] = field(default_factory=set)
    ends: set[int] = field(default_factory=set)
    slots: set[tuple[int, int]] = field(default_factory=set)
    """Start and number of slots of rows without an end."""

    def step(self) -> int:
        """The longest slot length, an hour at most, on whose grid all starts and ends lie.

        It may be longer if a row passes midnight, which only a single slot can.
        """
        if not self.ends:
            return DEFAULT_MINUTES
        first = min(self.starts)
        distances = (mark - first for mark in self.starts | self.ends)
        longest = 0 if max(self.ends) > MINUTES_A_DAY else DEFAULT_MINUTES
        return gcd(longest, *(one for one in distances if one % MIN_STEP == 0)) or DEFAULT_MINUTES

    def slot_starts(self, step: int) -> range:
        """The starts of a day's slots: from the first start to the last end, but not into the slots of the next day."""
        first = min(self.starts)
        whole_slots = -((first - max(self.ends, default=first)) // step)
        last_end = max([first + whole_slots * step, *(start + count * step for start, count in self.slots)])
        last = min(last_end - step, MINUTES_A_DAY - 1, first + MINUTES_A_DAY - step)
        return range(first, last + 1, step)


class SlotGrids:
    """Collects the slots that the rows of a file need at each station."""

    def __init__(self, minutes: int | None) -> None:
        self._minutes = minutes
        self._grids: defaultdict[str, _Grid] = defaultdict(_Grid)

    def add(self, entry: Entry) -> None:
        draft = entry.draft
        if not 1 <= draft.slots <= MAX_SLOTS:
            return
        grid, start = self._grids[draft.station], minute_of_day(draft.slot)
        grid.starts.add(start)
        if entry.minutes is None:
            grid.slots.add((start, draft.slots))
        elif entry.minutes <= MINUTES_A_DAY:
            grid.ends.add(start + entry.minutes)

    def create_stations(self, template: StationTemplate) -> None:
        """Create all stations of the file that do not exist, in the order of their codes, so that two imports cannot deadlock."""
        with transaction.atomic():
            known = set(Station.objects.filter(code__in=self._grids).values_list("code", flat=True))
            for code in sorted(set(self._grids) - known):
                grid = self._grids[code]
                minutes = self._minutes or grid.step()
                template.create(code, [time_of_minute(start) for start in grid.slot_starts(minutes)], minutes)


def _whole_number(name: str, text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise FileRefused(_("--set %(name)s: enter a whole number.") % {"name": name})
    return int(text)
