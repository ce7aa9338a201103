"""The stations that a file names and nobody has made: open every day, on the grid of its rows."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import time
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from bookings.importing.mapping import Entry
from bookings.importing.source import FileRefused
from bookings.models import MAX_SLOTS
from stations.models import MINUTES_A_DAY, Opening, Station, Weekday

OF_OPENING: Final = ("minutes", "capacity", "guest_capacity")
OF_STATION: Final = ("time_zone", "country", "currency")
SETTINGS: Final = (*OF_OPENING, *OF_STATION)
"""What `--set` may say of the stations to be made, beside the fields of bookings."""


class Blueprint:
    """What every station that is made gets, as `--set` said it. Raises FileRefused for what no station can
    have.
    """

    def __init__(self, said: Mapping[str, str]) -> None:
        self._openings: dict[str, Any] = {"minutes": 60, "capacity": 1} | {
            name: _whole_number(name, said[name]) for name in OF_OPENING if said.get(name)
        }
        self._station = {"time_zone": "UTC"} | {name: said[name] for name in OF_STATION if said.get(name)}
        self._require_valid()

    @property
    def minutes(self) -> int:
        return int(self._openings["minutes"])

    def make(self, code: str, starts: Iterable[time]) -> None:
        """The station with its openings, unless somebody has made it meanwhile."""
        station, made = Station.objects.get_or_create(code=code, defaults={"name": code, **self._station})
        for weekday in Weekday if made else ():
            for start in starts:
                Opening(station=station, weekday=weekday, start=start, **self._openings).save()

    def _require_valid(self) -> None:
        try:
            Station(code="x", name="x", **self._station).full_clean(validate_unique=False)
            Opening(weekday=0, start=time(0), **self._openings).full_clean(exclude=["station"])
        except ValidationError as error:
            name, messages = next(iter(error.message_dict.items()))
            raise FileRefused(f"--set {name}: {messages[0]}") from None


@dataclass
class _Hours:
    """In minutes since midnight: when the first row begins, and when the last one ends."""

    first: int
    last: int


class Grids:
    """From when to when each station is booked in the file, gathered row by row."""

    def __init__(self, minutes: int) -> None:
        self._minutes = minutes
        self._hours: dict[str, _Hours] = {}

    def add(self, entry: Entry) -> None:
        draft = entry.draft
        if not 1 <= draft.slots <= MAX_SLOTS:
            return
        start = draft.slot.hour * 60 + draft.slot.minute
        end = start + draft.slots * self._minutes
        hours = self._hours.setdefault(draft.station, _Hours(start, end))
        hours.first, hours.last = min(hours.first, start), max(hours.last, end)

    def starts(self, code: str) -> list[time]:
        """The starts of a station's day, from its earliest row on, as long as a whole slot ends by its latest
        end, and before the next day begins.
        """
        hours = self._hours[code]
        last = min(hours.last - self._minutes, MINUTES_A_DAY - 1, hours.first + MINUTES_A_DAY - self._minutes)
        return [time(*divmod(minute, 60)) for minute in range(hours.first, last + 1, self._minutes)]

    def make_stations(self, blueprint: Blueprint) -> None:
        """Every station of the file that there is not, in the order of their codes, so that two imports never
        wait for each other in a circle.
        """
        with transaction.atomic():
            known = set(Station.objects.filter(code__in=self._hours).values_list("code", flat=True))
            for code in sorted(set(self._hours) - known):
                blueprint.make(code, self.starts(code))


def _whole_number(name: str, text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise FileRefused(_("--set %(name)s: write a whole number.") % {"name": name})
    return int(text)
