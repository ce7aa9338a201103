"""The grids, drawn: a week, a month, a list, all stations. What stands where is `bookings.calendar.layout`', how it looks is
said by `templates/bookings/grid/`; here each thing is put into its mould, and what was put together into the next larger
one."""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple
from urllib.parse import quote

from django.utils.safestring import SafeString

from bookings.calendar.layout import Day, Span, Square, Totals, Week
from bookings.calendar.read_model import Row
from bookings.calendar.rendering.cards import Page, booking, square
from bookings.calendar.rendering.compiled_templates import Value, join
from core import formats
from core.bidi import isolate
from stations.models import Station


class TableShape(NamedTuple):
    roomy: bool = False
    has_lines: bool = True
    first_weekday: int = 0


PLAIN = TableShape()
"""For what always looks alike."""


def week(found: Week, page: Page) -> SafeString:
    """Days across, slots down. Of one day alone, too."""
    days = found.days
    heads = [_day("_week_head", day, page, columns=found.tracks[day.date] + 1, weekday=_weekday(day)) for day in days]
    return page.fill(
        "grid/_week",
        TableShape(page.roomy, bool(found.lines)),
        {
            **_of_station(page),
            "span": formats.format_range(days[0].date, days[-1].date, page.station.country),
            "heads": join(heads),
            "lines": join([_line(squares, page) for _start, squares in found.lines]),
        },
    )


def _line(squares: Sequence[Square], page: Page) -> SafeString:
    drawn = [square(one, page) + join([_beside(span, one, page) for span in one.spanning]) for one in squares]
    clock = page.say(formats.format_time, squares[0].start)
    return page.fill("grid/_week_line", PLAIN, {"clock": clock, "squares": join(drawn)})


class BesideShape(NamedTuple):
    is_span: bool


def _beside(span: Span | None, one: Square, page: Page) -> SafeString:
    """What stands beside a square: a booking that reaches over several, or nothing."""
    values: dict[str, Value] = {"date": one.day.date}
    if span:
        values |= {"rows": span.rows, "card": booking(span.booking, page)}
    return page.fill("grid/_beside", BesideShape(span is not None), values)


def month(weeks: Sequence[Sequence[Day]], begin: date, page: Page) -> SafeString:
    """Whole weeks down, their days across."""
    lines = []
    for days in weeks:
        drawn = [_day("_month_day", day, page, cards=_cards(day.bookings, page)) for day in days]
        lines.append(page.fill("grid/_month_line", PLAIN, {"days": join(drawn)}))
    shape = TableShape(first_weekday=weeks[0][0].date.weekday())
    values: dict[str, Value] = {
        **_of_station(page),
        "month": page.say(formats.format_month, begin),
        "lines": join(lines),
    }
    return page.fill("grid/_month", shape, values)


def agenda(days: Sequence[Day], page: Page) -> SafeString:
    """A list, day by day."""
    drawn = [_day("_agenda_day", day, page, cards=_items(day.bookings, page)) for day in days]
    return page.fill("grid/_agenda", PLAIN, {"days": join(drawn)})


def stations(lines: Sequence[tuple[Station, Sequence[Day]]], day: date, page: Page) -> SafeString:
    """Days across, stations down: how full each is."""
    heads = [
        page.fill("grid/_stations_head", PLAIN, {"number": one.date.day, "weekday": _weekday(one)})
        for one in lines[0][1]
    ]
    drawn = [_of_one(station, days, day, page) for station, days in lines]
    return page.fill("grid/_stations", PLAIN, {"heads": join(heads), "lines": join(drawn)})


def _of_one(station: Station, days: Sequence[Day], day: date, page: Page) -> SafeString:
    named: dict[str, Value] = {"code": quote(station.code), "name": isolate(station.name)}
    drawn = [_day("_stations_day", one, page, **named) for one in days]
    return page.fill("grid/_stations_line", PLAIN, {**named, "date": day, "days": join(drawn)})


class DayShape(NamedTuple):
    """All that a day's markup hangs on, in whichever grid."""

    is_today: bool
    is_past: bool
    in_month: bool
    is_closed: bool
    is_idle: bool
    has_slots: bool
    has_reason: bool
    has_bookings: bool


def _day(template: str, day: Day, page: Page, **more: Value) -> SafeString:
    load, is_closed, reason = day.load, day.is_closed, day.reason
    shape = DayShape(
        day.is_today, day.is_past, day.in_month, is_closed, not is_closed and not load.taken, bool(day.cells),
        bool(reason), bool(day.bookings),
    )  # fmt: skip
    values = _of_day(day, page) | {
        "code": page.code,
        "reason": isolate(reason),
        "load": load.taken,
        "capacity": load.capacity,
        "load_words": page.of(load.taken, load.capacity),
        "tenths": load.tenths,
        **more,
    }
    return page.fill(f"grid/{template}", shape, values)


def _of_day(day: Day, page: Page) -> dict[str, Value]:
    return {
        "date": day.date,
        "number": day.date.day,
        "long_day": page.say(formats.format_long_date, day.date),
    }


def _weekday(day: Day) -> str:
    return formats.format_weekday(day.date)


def _of_station(page: Page) -> dict[str, Value]:
    return {"station": isolate(page.station.name), "zone": page.station.time_zone}


def _cards(rows: Sequence[Row], page: Page) -> SafeString:
    return join([booking(row, page, "timed") for row in rows])


def _items(rows: Sequence[Row], page: Page) -> SafeString:
    return join([page.fill("grid/_item", PLAIN, {"card": booking(row, page, "timed")}) for row in rows])


def displaced(rows: Sequence[Row], page: Page) -> SafeString:
    """The list of those that stand beside the grid."""
    return join([page.fill("grid/_item", PLAIN, {"card": booking(row, page, "dated")}) for row in rows])


class TotalsShape(NamedTuple):
    """Numbers, for languages have their ways to count."""

    parties: int
    guests: int
    shows_due: bool
    """To those who may change bookings; others have nothing to collect."""


def totals(found: Totals, page: Page) -> SafeString:
    """What the grid comes to."""
    shape = TotalsShape(found.parties, found.guests, page.may_change)
    return page.fill("_totals", shape, {"due": page.money(found.due_cents)})
