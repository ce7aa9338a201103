"""Renders the grid of each view, from a layout: a function for each template of `templates/bookings/grid/`."""

from collections.abc import Mapping, Sequence
from datetime import date, time
from urllib.parse import quote

from django.utils.safestring import SafeString

from bookings.calendar.availability_text import describe_availability
from bookings.calendar.layout import Cell, Day, SpanningBooking, Totals, WeekTable
from bookings.calendar.rendering.cards import card, card_list, cards
from bookings.calendar.rendering.compiled_templates import Value, join
from bookings.calendar.rendering.context import PageContext, start_value
from bookings.calendar.rendering.shapes import (
    PLAIN,
    CellShape,
    MonthShape,
    SlotTableShape,
    cell_shape,
    day_shape,
    totals_shape,
)
from core import formats
from core.bidi import isolate
from stations.models import Station


def week(table: WeekTable, page: PageContext) -> SafeString:
    return _slot_table("grid/week#table", table, page)


def day(table: WeekTable, page: PageContext) -> SafeString:
    return _slot_table("grid/day#table", table, page)


def _slot_table(template: str, table: WeekTable, page: PageContext) -> SafeString:
    days = table.days
    headings = [
        _day("grid/week#day_heading", day, page, columns=table.extra_columns[day.date] + 1, weekday=_weekday(day))
        for day in days
    ]
    values: dict[str, Value] = {
        **_station_values(page),
        "dates": formats.format_range(days[0].date, days[-1].date, page.station.country),
        "day_headings": join(headings),
        "rows": join([_row(start, cells, page) for start, cells in table.rows]),
    }
    return page.fill(template, SlotTableShape(page.is_roomy, bool(table.rows)), values)


def _row(start: time, cells: Sequence[Cell], page: PageContext) -> SafeString:
    start_text = page.format(formats.format_time, start)
    rendered: list[SafeString] = []
    for cell in cells:
        rendered.append(_cell(cell, start_text, page))
        rendered += [_spanning_cell(spanning, cell, page) for spanning in cell.spanning]
    return page.fill("grid/week#row", PLAIN, {"start": start_text, "cells": join(rendered)})


def _cell(cell: Cell, start_text: SafeString, page: PageContext) -> SafeString:
    shape = cell_shape(cell, page)
    values = _slot_values(cell, shape, page)
    if shape.may_add:
        values["station_code"] = page.station_code
        values["long_day"] = page.format(formats.format_long_date, cell.day.date)
        values["start"] = start_text
    if shape.has_bookings:
        values["cards"] = cards(cell.bookings, page)
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
    values["occupancy_level"] = cell.occupancy_level
    if slot.guest_capacity is not None:
        values["guests"], values["guest_capacity"] = availability.guests, slot.guest_capacity
        values["guest_occupancy"] = page.occupancy(availability.guests, slot.guest_capacity)
    return values


def _spanning_cell(spanning: SpanningBooking | None, cell: Cell, page: PageContext) -> SafeString:
    values: dict[str, Value] = {"date": cell.day.date}
    if spanning is None:
        return page.fill("grid/week#empty_cell", PLAIN, values)
    values["rows"], values["card"] = spanning.rows, card(spanning.booking, page)
    return page.fill("grid/week#spanning_cell", PLAIN, values)


def month(weeks: Sequence[Sequence[Day]], first: date, page: PageContext) -> SafeString:
    """Render whole weeks; `first` is the first day of the month."""
    rows = []
    for days in weeks:
        rendered = [_day("grid/month#day", day, page, cards=cards(day.bookings, page, "time")) for day in days]
        rows.append(page.fill("grid/month#week", PLAIN, {"days": join(rendered)}))
    values: dict[str, Value] = {
        **_station_values(page),
        "month": page.format(formats.format_month, first),
        "weeks": join(rows),
    }
    return page.fill("grid/month#table", MonthShape(weeks[0][0].date.weekday()), values)


def agenda(days: Sequence[Day], page: PageContext) -> SafeString:
    rendered = [_day("grid/agenda#day", day, page, items=card_list(day.bookings, page, "time")) for day in days]
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
    rendered = [_day("grid/stations#day", day, page, **values) for day in days]
    return page.fill("grid/stations#row", PLAIN, {**values, "date": linked_day, "days": join(rendered)})


def _day(template: str, day: Day, page: PageContext, **more: Value) -> SafeString:
    occupancy = day.occupancy
    values: Mapping[str, Value] = {
        "date": day.date,
        "day_number": day.date.day,
        "long_day": page.format(formats.format_long_date, day.date),
        "station_code": page.station_code,
        "closure_reason": isolate(day.closure_reason),
        "taken": occupancy.taken,
        "capacity": occupancy.capacity,
        "occupancy": page.occupancy(occupancy.taken, occupancy.capacity),
        "occupancy_level": occupancy.level,
    }
    return page.fill(template, day_shape(day), {**values, **more})


def _weekday(day: Day) -> str:
    return formats.format_weekday(day.date)


def _station_values(page: PageContext) -> dict[str, Value]:
    return {"station": isolate(page.station.name), "time_zone": page.station.time_zone}


def totals(totals: Totals, page: PageContext) -> SafeString:
    return page.fill("_totals", totals_shape(totals, page), {"due": page.money(totals.due_cents)})
