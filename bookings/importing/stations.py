"""The stations that a file names: what their values are read by, and those that nobody has made, open every day on the grid
of the file's rows.
"""

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
from core.limits import MAX_SLOTS
from stations.access import Person
from stations.models import MINUTES_A_DAY, Opening, Station, Weekday

OF_OPENING: Final = ("minutes", "capacity", "guest_capacity")
OF_STATION: Final = ("time_zone", "country", "currency")
SETTINGS: Final = (*OF_OPENING, *OF_STATION)
"""What `--set` may say of the stations to be made, beside the fields of bookings."""
DEFAULT_MINUTES: Final = 60
SHORTEST_STEP: Final = 5
"""In minutes: starts and ends beside such a grid make none of their own."""


class Blueprint:
    """What every station that is made gets, as `--set` said it. Raises FileRefused for what no station can
    have.
    """

    def __init__(self, said: Mapping[str, str]) -> None:
        openings = {name: _whole_number(name, said[name]) for name in OF_OPENING if said.get(name)}
        self.minutes: int | None = openings.pop("minutes", None)
        """How long a slot is; None where the rows decide."""
        self._openings: dict[str, Any] = {"capacity": 1} | openings
        self._station = {"time_zone": "UTC"} | {name: said[name] for name in OF_STATION if said.get(name)}
        self._require_valid()

    @property
    def region(self) -> Region:
        made = Station(**self._station)
        return Region(ZoneInfo(made.time_zone), made.currency)

    def make(self, code: str, starts: Iterable[time], minutes: int) -> None:
        """The station with its openings, unless somebody has made it meanwhile."""
        station, made = Station.objects.get_or_create(code=code, defaults={"name": code, **self._station})
        for weekday in Weekday if made else ():
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
    """What the values of a row are read by, by the code of its station."""

    def __init__(self, person: Person, default: Region) -> None:
        """`default` is for stations that are yet to be made, or that the person does not see."""
        self._default = default
        visible = Station.objects.visible_to(person).values_list("code", "time_zone", "currency")
        self._known = {code: Region(ZoneInfo(zone), currency) for code, zone, currency in visible}

    def of(self, code: str) -> Region:
        return self._known.get(code, self._default)


@dataclass
class _Grid:
    """When a station's rows begin and end, in minutes since midnight."""

    starts: set[int] = field(default_factory=set)
    ends: set[int] = field(default_factory=set)
    slots: set[tuple[int, int]] = field(default_factory=set)
    """A start, and a number of slots, of rows that do not say when they end."""

    def step(self) -> int:
        """The longest slot of an hour at most that every start and end falls on; longer where a row passes midnight, which
        only a single slot can."""
        if not self.ends:
            return DEFAULT_MINUTES
        first = min(self.starts)
        distances = (mark - first for mark in self.starts | self.ends)
        longest = 0 if max(self.ends) > MINUTES_A_DAY else DEFAULT_MINUTES
        return gcd(longest, *(one for one in distances if one % SHORTEST_STEP == 0)) or DEFAULT_MINUTES

    def slot_starts(self, step: int) -> range:
        """When the slots of a day begin: from the first start on, until the last end, and none when the next day's have begun."""
        first = min(self.starts)
        whole_slots = -((first - max(self.ends, default=first)) // step)
        last_end = max([first + whole_slots * step, *(start + count * step for start, count in self.slots)])
        last = min(last_end - step, MINUTES_A_DAY - 1, first + MINUTES_A_DAY - step)
        return range(first, last + 1, step)


class Grids:
    """The slots that the rows of a file need at each station, gathered row by row."""

    def __init__(self, minutes: int | None) -> None:
        self._minutes = minutes
        self._grids: defaultdict[str, _Grid] = defaultdict(_Grid)

    def add(self, entry: Entry) -> None:
        draft = entry.draft
        if not 1 <= draft.slots <= MAX_SLOTS:
            return
        grid, start = self._grids[draft.station], draft.slot.hour * 60 + draft.slot.minute
        grid.starts.add(start)
        if entry.minutes is None:
            grid.slots.add((start, draft.slots))
        elif entry.minutes <= MINUTES_A_DAY:
            grid.ends.add(start + entry.minutes)

    def make_stations(self, blueprint: Blueprint) -> None:
        """Every station of the file that there is not, in the order of their codes, so that two imports never
        wait for each other in a circle.
        """
        with transaction.atomic():
            known = set(Station.objects.filter(code__in=self._grids).values_list("code", flat=True))
            for code in sorted(set(self._grids) - known):
                grid = self._grids[code]
                minutes = self._minutes or grid.step()
                blueprint.make(code, [time(*divmod(start, 60)) for start in grid.slot_starts(minutes)], minutes)


def _whole_number(name: str, text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise FileRefused(_("--set %(name)s: write a whole number.") % {"name": name})
    return int(text)
