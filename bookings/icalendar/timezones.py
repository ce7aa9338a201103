"""How a calendar file tells time: a zone's clock as a VTIMEZONE (RFC 5545, 3.6.5), and every instant by that clock or in UTC.

A VTIMEZONE here is one yearly rule for summer and one for winter, or one offset for a clock that nobody moves. Outlook reads
nothing else of it (MS-STANOICAL, 2.2.47): no lists of dates, such as icalendar makes. Where a clock follows no such rules
(Casablanca's stops for Ramadan), or has only just come by new ones, every instant is told in UTC. So is a local time that autumn
has twice: RFC 5545 means the first, and Thunderbird reads the second.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from itertools import groupby, pairwise
from operator import attrgetter
from typing import Final, Self
from zoneinfo import ZoneInfo

YEARS: Final = 28
"""After as many years every date has fallen on every weekday: what follows a rule as long follows it for good."""
WEEKDAYS: Final = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
WEEK: Final = timedelta(days=7)
SECOND: Final = timedelta(seconds=1)
KEPT: Final = 512


@dataclass(frozen=True, slots=True)
class Change:
    """A moment at which the clock is moved. `begins` is that moment by the clock as it was."""

    begins: datetime
    before: timedelta
    after: timedelta
    name: str

    @property
    def yearly(self) -> tuple[time, timedelta, timedelta, str]:
        """What must be the same every year."""
        return self.begins.time(), self.before, self.after, self.name


@dataclass(frozen=True, slots=True)
class Clock:
    """A zone's clock as a calendar file tells it. `vtimezone`: the lines that the file must hold; none where all is in UTC."""

    zone: ZoneInfo
    vtimezone: tuple[str, ...]

    @classmethod
    def of(cls, name: str, since: datetime) -> Self:
        """The clock of a zone for this instant and all later ones."""
        return cls(ZoneInfo(name), _vtimezone(name, since.astimezone(UTC).year))

    def format_instant(self, instant: datetime) -> str:
        """What follows the name of a property whose value is this instant."""
        local = instant.astimezone(self.zone)
        twice = local.utcoffset() != local.replace(fold=not local.fold).utcoffset()
        if twice or not self.vtimezone:
            return f":{instant.astimezone(UTC):%Y%m%dT%H%M%SZ}"
        return f";TZID={self.zone.key}:{local:%Y%m%dT%H%M%S}"


@lru_cache(KEPT)
def _vtimezone(name: str, year: int) -> tuple[str, ...]:
    """The zone's rules from this year on; none for UTC itself, and where no two yearly rules tell them."""
    zone, first = ZoneInfo(name), datetime(year - 1, 1, 1, tzinfo=UTC)
    changes = sorted(_changes(zone, first, first.replace(year=year + YEARS)), key=attrgetter("yearly"))
    rules = [_rule(list(alike), first.year) for _yearly, alike in groupby(changes, attrgetter("yearly"))]
    if len(rules) > 2 or not all(rules) or not (changes or _offset(zone, first)):
        return ()
    lines = [line for rule in rules or [_fixed(first.replace(tzinfo=zone))] for line in rule]
    return ("BEGIN:VTIMEZONE", f"TZID:{name}", *lines, "END:VTIMEZONE")


def _changes(zone: ZoneInfo, first: datetime, last: datetime) -> Iterator[Change]:
    """Every move of the clock between two instants. No two of them lie in one week."""
    weeks = (first + WEEK * count for count in range((last - first) // WEEK + 2))
    for (one, before), (other, after) in pairwise((week, _offset(zone, week)) for week in weeks):
        if before != after and (moved := _first_second(zone, one, other)) < last:
            yield Change((moved + before).replace(tzinfo=None), before, after, moved.astimezone(zone).tzname() or "")


def _first_second(zone: ZoneInfo, old: datetime, new: datetime) -> datetime:
    """The first second at which the clock goes as it does at `new`."""
    before = _offset(zone, old)
    while new - old > SECOND:
        middle = old + (new - old) // SECOND // 2 * SECOND
        old, new = (middle, new) if _offset(zone, middle) == before else (old, middle)
    return new


def _offset(zone: ZoneInfo, instant: datetime) -> timedelta:
    return instant.astimezone(zone).utcoffset() or timedelta()


def _rule(changes: Sequence[Change], year: int) -> list[str]:
    """The changes as one that comes again every year from the first on; nothing where they are not."""
    starts = [change.begins for change in changes]
    weekday = _weekday_of_month(starts)
    if not weekday or [start.year for start in starts] != list(range(year, year + YEARS + 1)):
        return []
    return _observance(changes[0], [f"RRULE:FREQ=YEARLY;BYMONTH={starts[0].month};BYDAY={weekday}"])


def _weekday_of_month(days: Sequence[datetime]) -> str:
    """“-1SU” for the last Sundays of a month, “2SU” for its second ones; "" where the days are neither."""
    first = days[0]
    if {(day.month, day.weekday()) for day in days} != {(first.month, first.weekday())}:
        return ""
    from_begin = {(day.day - 1) // 7 + 1 for day in days}
    from_end = {(day + WEEK).month != day.month for day in days}
    if from_end != {True} and len(from_begin) > 1:
        return ""
    return f"{-1 if from_end == {True} else from_begin.pop()}{WEEKDAYS[first.weekday()]}"


def _fixed(first: datetime) -> list[str]:
    """A clock that nobody moves."""
    offset = first.utcoffset() or timedelta()
    return _observance(Change(first.replace(tzinfo=None), offset, offset, first.tzname() or ""), [])


def _observance(change: Change, rule: list[str]) -> list[str]:
    """Summer is when the clock goes before: Dublin's own law has it the other way round, and no reader knows."""
    kind = "DAYLIGHT" if change.after > change.before else "STANDARD"
    return [
        f"BEGIN:{kind}",
        f"DTSTART:{change.begins:%Y%m%dT%H%M%S}",
        *rule,
        f"TZNAME:{change.name}",
        f"TZOFFSETFROM:{_signed(change.before)}",
        f"TZOFFSETTO:{_signed(change.after)}",
        f"END:{kind}",
    ]


def _signed(offset: timedelta) -> str:
    """“+0530”, and “-004430” where there are seconds, as there were before 1972."""
    minutes, seconds = divmod(abs(offset) // SECOND, 60)
    return (
        f"{'-' if offset < timedelta() else '+'}{minutes // 60:02}{minutes % 60:02}{f'{seconds:02}' if seconds else ''}"
    )
