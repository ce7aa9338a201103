"""The calendar's views: week, month, day and agenda of a station, and one week of all stations."""

from collections.abc import Callable
from datetime import date, timedelta
from functools import partial, wraps
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.shortcuts import redirect
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts import roles
from bookings.calendar import layout, read_model
from bookings.calendar.rendering import grids
from bookings.calendar.rendering.context import PageContext
from bookings.views import calendar_url
from bookings.views.base import PageRequest, asked_part, draw, page
from bookings.views.calendar_page import framed
from bookings.views.calendar_url import KINDS, View
from bookings.views.rendered_calendar import CalendarContents, get_or_render
from core import formats
from core.bidi import isolate

Contents = Callable[[PageRequest, View], CalendarContents]
"""Reads what a view shows."""


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """The view that the person chose last; at first the week, or on a phone the agenda. Whoever has no pages has the API."""
    if request.user.is_authenticated and not request.user.has_perm(roles.PAGES):
        return redirect("api")
    by_telephone = "Mobi" in request.headers.get("User-Agent", "")
    chosen = request.session.get("view")
    return redirect(chosen if chosen in KINDS else "agenda" if by_telephone else "week")


def calendar_page(contents: Contents) -> Callable[..., HttpResponse]:
    """A page of the calendar, named as the function that reads what it shows.

    The page's own script asks for the part that can change, again and again: it gets 304, before any row is read, while the
    change counters of its stations stand still.
    """
    kind = contents.__name__

    @require_safe
    @page()
    @wraps(contents)
    def show(request: PageRequest) -> HttpResponse:
        view = calendar_url.read(request, kind)
        if view is None:
            return draw(request, "bookings/no_station.html", {})
        tag = _tag(request, view)
        if asked_part(request) and request.headers.get("If-None-Match", "").removeprefix("W/") == tag:
            return HttpResponseNotModified(headers={"ETag": tag})
        rendered = get_or_render(request.user, view, partial(contents, request, view))
        response = framed(request, view, rendered, tag)
        response["ETag"] = tag
        return response

    return show


@calendar_page
def week(request: PageRequest, view: View) -> CalendarContents:
    days, beside = _read(request, view, view.week)
    return _by_slots(view, days, grids.week)._replace(**beside)


@calendar_page
def day(request: PageRequest, view: View) -> CalendarContents:
    days, beside = _read(request, view, [view.day])
    told, dated = (how(view.day, view.station.country) for how in (formats.format_full_date, formats.format_date))
    found = _by_slots(view, days, grids.day)._replace(**beside)
    return found._replace(heading=told, title=f"{isolate(view.station.name)} · {dated}", is_roomy=True)


@calendar_page
def agenda(request: PageRequest, view: View) -> CalendarContents:
    """The week as a list: what a phone has room for, and what is printed for the wall."""
    days, beside = _read(request, view, view.week)
    return _by_days(view, days, partial(grids.agenda, days))._replace(**beside, is_roomy=True)


@calendar_page
def month(request: PageRequest, view: View) -> CalendarContents:
    begin = view.day.replace(day=1)
    following = (begin + timedelta(days=31)).replace(day=1)
    days, beside = _read(request, view, view.month, month=begin.month)
    told = formats.format_month(begin, view.station.country)
    return CalendarContents(
        grid=partial(grids.month, layout.split_into_weeks(days), begin),
        heading=told,
        title=f"{isolate(view.station.name)} · {told}",
        previous=begin - timedelta(days=1),
        next=following,
        carry="1m",
        **beside,
    )


@calendar_page
def stations(request: PageRequest, view: View) -> CalendarContents:
    """One week of all stations: how full each day is."""
    dates = view.week
    slots = read_model.slot_availability_by_station(view.stations, dates[0], dates[-1])
    days = partial(layout.make_days, dates, rows=[], today=view.today)
    lines = [(station, days(slots[station.pk])) for station in view.stations]
    found = _by_days(view, lines[0][1], partial(grids.stations, lines, view.day))
    return found._replace(title=f"{_('Stations')} · {found.heading}")


def _by_slots(
    view: View, days: list[layout.Day], render: Callable[[layout.WeekTable, PageContext], SafeString]
) -> CalendarContents:
    """Days across and slots down: what is over and what is now changes as each slot begins and ends."""
    slots = [one.slot for day in days for one in day.slots]
    found = _by_days(view, days, partial(render, layout.week_table(days)))
    return found._replace(turning_points=[at for slot in slots for at in (slot.starts_at, slot.ends_at)])


def _by_days(view: View, days: list[layout.Day], grid: Callable[[PageContext], SafeString]) -> CalendarContents:
    """What is shown of days in a row, which are turned by as many."""
    first, last, step = days[0].date, days[-1].date, timedelta(days=len(days))
    told = formats.format_range(first, last, view.station.country)
    title = f"{isolate(view.station.name)} · {told}"
    return CalendarContents(grid, told, title, previous=first - step, next=first + step, carry=f"{len(days)}d")


def _read(
    request: PageRequest, view: View, dates: list[date], *, month: int | None = None
) -> tuple[list[layout.Day], dict[str, Any]]:
    """The days, with what they come to and what stands beside them."""
    calendar = read_model.station_calendar(
        request.user,
        view.station,
        dates[0],
        dates[-1],
        status=view.status or None,
        customer_id=view.customer.pk if view.customer else None,
    )
    days = layout.make_days(dates, calendar.slots, calendar.bookings, today=view.today, month=month)
    return days, {"totals": layout.totals(days), "unassigned": calendar.unassigned}


def _tag(request: PageRequest, view: View) -> str:
    """What a copy of this page is good for: the address, the day, the person's rights and stations, and what has changed."""
    rights = [request.user.has_perm(right) for right in (roles.CHANGE, roles.PII, roles.API, roles.MANAGE)]
    known = [f"{station.code} {station.name}" for station in view.stations]
    return read_model.etag(request.user, view.watched, view.on(view.day), view.today, *rights, *known)
