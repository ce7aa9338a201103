"""Renders the grid of each view, from a layout: a function for each template of `templates/bookings/grid/`."""

from collections.abc import Mapping, Sequence
from datetime import date, time
from typing import Final
from urllib.parse import quote

from django.utils.safestring import SafeString

from bookings.calendar.availability_text import describe_availability
from bookings.calendar.layout import Cell, Day, Period, TableRow, Totals, WeekTable
from bookings.calendar.rendering import scale
from bookings.calendar.rendering.cards import card_list, cards, long_cards
from bookings.calendar.rendering.compiled_templates import Value, join
from bookings.calendar.rendering.context import PageContext, start_value
from bookings.calendar.rendering.shapes import (
    PLAIN,
    BreakShape,
    CellShape,
    MonthShape,
    PeriodShape,
    RowShape,
    SlotTableShape,
    cell_shape,
    day_shape,
    length_classes,
    totals_shape,
)
from core import formats
from core.bidi import isolate
from stations.models import Station

MONTH_DAY_CARDS: Final = 3
"""The most bookings of a day that a month shows at once."""


def week(table: WeekTable, page: PageContext) -> SafeString:
    return _slot_table("grid/week#table", table, table.rows, page)


def day(table: WeekTable, page: PageContext) -> SafeString:
    """Render a day; what has passed of today is one line, which unfolds."""
    earlier = table.past_rows(page.now)
    if not earlier:
        return _slot_table("grid/day#table", table, table.rows, page)
    values: dict[str, Value] = {
        "earlier_times": _times(earlier[0].start, earlier[-1].end, page),
        "earlier": join([_row(row, 0, page) for row in earlier]),
    }
    parties = sum(cell.availability.parties for row in earlier for cell in row.cells if cell.availability)
    return _slot_table("grid/day#table", table, table.rows[len(earlier) :], page, parties, **values)


def _slot_table(
    template: str,
    table: WeekTable,
    rows: Sequence[TableRow],
    page: PageContext,
    earlier_parties: int | None = None,
    **earlier: Value,
) -> SafeString:
    days, hour_steps = table.days, scale.steps(table)
    headings = [_day("grid/week#day_heading", day, page, {"weekday": _weekday(day)}) for day in days]
    values: dict[str, Value] = {
        **_station_values(page),
        **earlier,
        "dates": formats.format_range(days[0].date, days[-1].date, page.station.country),
        "day_headings": join(headings),
        "rows": join([_row(row, hour_steps, page) for row in rows]),
    }
    shape = SlotTableShape(
        page.is_roomy,
        bool(table.rows),
        hour_steps,
        length_classes(sum(row.minutes for row in rows)),
        earlier_parties,
    )
    return page.fill(template, shape, values)


def _row(row: TableRow, hour_steps: int, page: PageContext) -> SafeString:
    start = page.format(formats.format_time, row.start)
    cells = join([_cell(cell, start, scale.has_two_lines(cell, row, hour_steps), page) for cell in row.cells])
    html = page.fill("grid/week#row", RowShape(length_classes(row.minutes)), {"start": start, "cells": cells})
    return html if row.break_until is None else join([html, _break(row, row.break_until, page)])


def _break(row: TableRow, until: time, page: PageContext) -> SafeString:
    values: dict[str, Value] = {
        "start": page.format(formats.format_time, row.end),
        "end": page.format(formats.format_time, until),
    }
    return page.fill("grid/week#break", BreakShape(len(row.cells)), values)


def _cell(cell: Cell, start: SafeString, has_two_lines: bool, page: PageContext) -> SafeString:
    shape = cell_shape(cell, page)
    values = _slot_values(cell, shape, page)
    values["long_cards"] = long_cards(cell.long_bookings, cell.day.date, page) if cell.long_bookings else ""
    if shape.may_add:
        values["station_code"] = page.station_code
        values["long_day"] = page.format(formats.format_long_date, cell.day.date)
        values["start"] = start
    if shape.has_bookings:
        values["cards"] = cards(cell.bookings, page, has_two_lines=has_two_lines)
    return page.fill("grid/week#cell", shape, values)


def _slot_values(cell: Cell, shape: CellShape, page: PageContext) -> dict[str, Value]:
    if cell.availability is None:
        return {}
    slot, availability = cell.availability.slot, cell.availability
    values: dict[str, Value] = {"date": slot.date, "slot": start_value(slot.start)}
    if shape.is_live:
        values |= {"starts_at": slot.starts_at.isoformat(), "ends_at": slot.ends_at.isoformat()}
    if slot.closed:
        return values | {"closure": describe_availability(availability)}
    values["parties"], values["capacity"] = availability.parties, slot.capacity
    values["occupancy"] = page.occupancy(availability.parties, slot.capacity)
    if slot.guest_capacity is not None:
        values["guests"], values["guest_capacity"] = availability.guests, slot.guest_capacity
        values["guest_occupancy"] = page.occupancy(availability.guests, slot.guest_capacity)
    return values


def month(weeks: Sequence[Sequence[Day]], first: date, page: PageContext) -> SafeString:
    """Render whole weeks; `first` is the first day of the month."""
    rows = [
        page.fill("grid/month#week", PLAIN, {"days": join([_month_day(day, page) for day in days])}) for days in weeks
    ]
    values: dict[str, Value] = {
        **_station_values(page),
        "month": page.format(formats.format_month, first),
        "weeks": join(rows),
    }
    return page.fill("grid/month#table", MonthShape(weeks[0][0].date.weekday()), values)


def _month_day(day: Day, page: PageContext) -> SafeString:
    fits = len(day.bookings) <= MONTH_DAY_CARDS + 1  # the button takes the place of a card
    shown, hidden = (day.bookings, []) if fits else (day.bookings[:MONTH_DAY_CARDS], day.bookings[MONTH_DAY_CARDS:])
    values: dict[str, Value] = {
        "cards": cards(shown, page, "time"),
        "hidden_cards": cards(hidden, page, "time") if hidden else "",
    }
    return _day("grid/month#day", day, page, values, len(hidden))


def agenda(days: Sequence[Day], page: PageContext) -> SafeString:
    rendered = [_day("grid/agenda#day", day, page, {"items": card_list(day.bookings, page, "time")}) for day in days]
    return page.fill("grid/agenda#days", PLAIN, {"days": join(rendered)})


def stations(rows: Sequence[tuple[Station, Sequence[Day]]], linked_day: date, page: PageContext) -> SafeString:
    """Render the days of each station. The names of stations link to the week of `linked_day`."""
    headings = [
        page.fill("grid/stations#day_heading", PLAIN, {"day_number": day.date.day, "weekday": _weekday(day)})
        for day in rows[0][1]
    ]
    rendered = [_station_row(station, days, linked_day, page) for station, days in rows]
    return page.fill("grid/stations#table", PLAIN, {"day_headings": join(headings), "rows": join(rendered)})


def _station_row(station: Station, days: Sequence[Day], linked_day: date, page: PageContext) -> SafeString:
    values: dict[str, Value] = {"station_code": quote(station.code), "station": isolate(station.name)}
    rendered = [_day("grid/stations#day", day, page, values) for day in days]
    return page.fill("grid/stations#row", PLAIN, {**values, "date": linked_day, "days": join(rendered)})


def _day(template: str, day: Day, page: PageContext, more: Mapping[str, Value], hidden_count: int = 0) -> SafeString:
    values: Mapping[str, Value] = {
        "date": day.date,
        "day_number": day.date.day,
        "long_day": page.format(formats.format_long_date, day.date),
        "station_code": page.station_code,
        "closure_reason": isolate(day.closure_reason),
        "periods": join([_period(one, page) for one in day.periods]),
    }
    return page.fill(template, day_shape(day, hidden_count), {**values, **more})


def _period(period: Period, page: PageContext) -> SafeString:
    taken, capacity = period.occupancy
    values: dict[str, Value] = {
        "description": f"{_times(period.start, period.end, page)}: {page.occupancy(taken, capacity)}",
        "taken": taken,
        "capacity": capacity,
    }
    return page.fill("grid/period", PeriodShape(period.occupancy.level, is_full=taken >= capacity), values)


def _times(start: time, end: time, page: PageContext) -> str:
    """Return “12 PM – 3 PM”."""
    return " – ".join(page.format(formats.format_time, at) for at in (start, end))


def _weekday(day: Day) -> str:
    return formats.format_weekday(day.date)


def _station_values(page: PageContext) -> dict[str, Value]:
    return {"station": isolate(page.station.name), "time_zone": page.station.time_zone}


def totals(totals: Totals, page: PageContext) -> SafeString:
    return page.fill("_totals", totals_shape(totals, page), {"due": page.money(totals.due_cents)})
