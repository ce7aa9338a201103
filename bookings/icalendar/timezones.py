"""Time zones in calendar files: VTIMEZONE components (RFC 5545, 3.6.5), and instants as local times or in UTC."""

# Each VTIMEZONE here has one yearly rule for summer and one for winter, or one offset if the clock never changes,
# because Outlook reads nothing else (MS-STANOICAL, 2.2.47); icalendar, by contrast, writes lists of dates. If a zone
# follows no such rules (Casablanca's summer time pauses for Ramadan), or has only just got new ones, every instant is
# written in UTC. So is a local time that occurs twice in autumn: RFC 5545 means the first one, but Thunderbird reads
# the second.

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from itertools import groupby, pairwise
from operator import attrgetter
from typing import Final, Self
from zoneinfo import ZoneInfo

RULE_YEARS: Final = 28
"""After so many years every date has fallen on every weekday; a zone that followed a rule for so long keeps following it."""
WEEKDAYS: Final = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
WEEK: Final = timedelta(days=7)
SECOND: Final = timedelta(seconds=1)
CACHE_SIZE: Final = 512


@dataclass(frozen=True, slots=True)
class Transition:
    """A change of the offset from UTC. `local` is its local time by the offset before it."""

    local: datetime
    before: timedelta
    after: timedelta
    name: str

    @property
    def yearly(self) -> tuple[time, timedelta, timedelta, str]:
        """The parts that a yearly rule has in common."""
        return self.local.time(), self.before, self.after, self.name


@dataclass(frozen=True, slots=True)
class CalendarTimezone:
    """A time zone in a calendar file. `vtimezone` are the lines of its component, which is empty if all times are in UTC."""

    zone: ZoneInfo
    vtimezone: tuple[str, ...]

    @classmethod
    def of(cls, name: str, since: datetime) -> Self:
        """The zone with this IANA name, with rules that hold for this instant and all later ones."""
        return cls(ZoneInfo(name), _vtimezone(name, since.astimezone(UTC).year))

    def format_instant(self, instant: datetime) -> str:
        """The parameters and value of a property for this instant, as they follow its name."""
        local = instant.astimezone(self.zone)
        twice = local.utcoffset() != local.replace(fold=not local.fold).utcoffset()
        if twice or not self.vtimezone:
            return f":{instant.astimezone(UTC):%Y%m%dT%H%M%SZ}"
        return f";TZID={self.zone.key}:{local:%Y%m%dT%H%M%S}"


@lru_cache(CACHE_SIZE)
def _vtimezone(name: str, year: int) -> tuple[str, ...]:
    """The zone's component from this year on; empty for UTC itself, and if two yearly rules cannot describe the zone."""
    zone, first = ZoneInfo(name), datetime(year - 1, 1, 1, tzinfo=UTC)
    transitions = sorted(_transitions(zone, first, first.replace(year=year + RULE_YEARS)), key=attrgetter("yearly"))
    rules = [_rule(list(alike), first.year) for _yearly, alike in groupby(transitions, attrgetter("yearly"))]
    if len(rules) > 2 or not all(rules) or not (transitions or _offset(zone, first)):
        return ()
    lines = [line for rule in rules or [_fixed(first.replace(tzinfo=zone))] for line in rule]
    return ("BEGIN:VTIMEZONE", f"TZID:{name}", *lines, "END:VTIMEZONE")


def _transitions(zone: ZoneInfo, first: datetime, last: datetime) -> Iterator[Transition]:
    """All transitions between two instants. No zone has two of them in one week."""
    weeks = (first + WEEK * count for count in range((last - first) // WEEK + 2))
    for (one, before), (other, after) in pairwise((week, _offset(zone, week)) for week in weeks):
        if before != after and (moved := _first_second(zone, one, other)) < last:
            yield Transition(
                (moved + before).replace(tzinfo=None), before, after, moved.astimezone(zone).tzname() or ""
            )


def _first_second(zone: ZoneInfo, old: datetime, new: datetime) -> datetime:
    """The first second with the offset of `new`, by bisection."""
    before = _offset(zone, old)
    while new - old > SECOND:
        middle = old + (new - old) // SECOND // 2 * SECOND
        old, new = (middle, new) if _offset(zone, middle) == before else (old, middle)
    return new


def _offset(zone: ZoneInfo, instant: datetime) -> timedelta:
    return instant.astimezone(zone).utcoffset() or timedelta()


def _rule(transitions: Sequence[Transition], year: int) -> list[str]:
    """The transitions as one yearly rule from this year on; empty if they follow none."""
    starts = [transition.local for transition in transitions]
    weekday = _weekday_of_month(starts)
    if not weekday or [start.year for start in starts] != list(range(year, year + RULE_YEARS + 1)):
        return []
    return _observance(transitions[0], [f"RRULE:FREQ=YEARLY;BYMONTH={starts[0].month};BYDAY={weekday}"])


def _weekday_of_month(days: Sequence[datetime]) -> str:
    """“-1SU” if the days are the last Sundays of a month, “2SU” for the second ones; "" if they are neither."""
    first = days[0]
    if {(day.month, day.weekday()) for day in days} != {(first.month, first.weekday())}:
        return ""
    from_start = {(day.day - 1) // 7 + 1 for day in days}
    from_end = {(day + WEEK).month != day.month for day in days}
    if from_end != {True} and len(from_start) > 1:
        return ""
    return f"{-1 if from_end == {True} else from_start.pop()}{WEEKDAYS[first.weekday()]}"


def _fixed(first: datetime) -> list[str]:
    """The rule of a zone whose offset never changes."""
    offset = first.utcoffset() or timedelta()
    return _observance(Transition(first.replace(tzinfo=None), offset, offset, first.tzname() or ""), [])


def _observance(transition: Transition, rule: list[str]) -> list[str]:
    # Summer is when clocks are ahead. Irish law has it the other way round, but no calendar program knows.
    kind = "DAYLIGHT" if transition.after > transition.before else "STANDARD"
    return [
        f"BEGIN:{kind}",
        f"DTSTART:{transition.local:%Y%m%dT%H%M%S}",
        *rule,
        f"TZNAME:{transition.name}",
        f"TZOFFSETFROM:{_signed(transition.before)}",
        f"TZOFFSETTO:{_signed(transition.after)}",
        f"END:{kind}",
    ]


def _signed(offset: timedelta) -> str:
    """“+0530”, and “-004430” where there are seconds, as there were before 1972."""
    minutes, seconds = divmod(abs(offset) // SECOND, 60)
    return (
        f"{'-' if offset < timedelta() else '+'}{minutes // 60:02}{minutes % 60:02}{f'{seconds:02}' if seconds else ''}"
    )
