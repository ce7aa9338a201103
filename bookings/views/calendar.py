"""The views of the calendar: week, month, day and agenda of one station, and a week of all stations."""

from collections.abc import Callable
from datetime import date, timedelta
from functools import partial, wraps
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts import roles
from bookings.calendar import layout, read_model
from bookings.calendar.door import door_lists, turning_points
from bookings.calendar.rendering import door as rendering
from bookings.calendar.rendering import grids
from bookings.calendar.rendering.context import PageContext
from bookings.views import calendar_url
from bookings.views.base import PageRequest, page, render_page, requested_part
from bookings.views.calendar_page import render_calendar_page
from bookings.views.calendar_url import KINDS, CalendarView
from bookings.views.rendered_calendar import CalendarContents, get_or_render
from core import formats
from core.bidi import isolate

Contents = Callable[[PageRequest, CalendarView], CalendarContents]
"""Reads the data of a view."""


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Redirect to the last view chosen, at first the week, on phones the agenda. Users without pages get the API."""
    if request.user.is_authenticated and not request.user.has_perm(roles.PAGES):
        return redirect("api")
    is_phone = "Mobi" in request.headers.get("User-Agent", "")
    chosen = request.session.get("view")
    return redirect(chosen if chosen in KINDS else "agenda" if is_phone else "week")


def calendar_page(contents: Contents) -> Callable[..., HttpResponse]:
    """Make a page of the function that reads its contents, and is named as the view.

    The page's script polls for the part that changes. It gets a 304, and no booking is read, until the change counters of the
    stations shown increase.
    """
    kind = contents.__name__

    @require_safe
    @page()
    @wraps(contents)
    def show(request: PageRequest) -> HttpResponse:
        view = calendar_url.parse(request, kind)
        if view is None:
            return render_page(request, "bookings/no_station.html", {})
        tag = _tag(request, view)
        if requested_part(request) and request.headers.get("If-None-Match", "").removeprefix("W/") == tag:
            return HttpResponseNotModified(headers={"ETag": tag})
        rendered = get_or_render(request.user, view, partial(contents, request, view))
        response = render_calendar_page(request, view, rendered, tag)
        response["ETag"] = tag
        return response

    return show


@calendar_page
def week(request: PageRequest, view: CalendarView) -> CalendarContents:
    days, context = _read(request, view, view.week)
    return _by_slots(view, days, grids.week)._replace(**context)


@calendar_page
def day(request: PageRequest, view: CalendarView) -> CalendarContents:
    days, context = _read(request, view, [view.day])
    country, contents = view.station.country, _by_slots(view, days, grids.day)._replace(**context)
    title = f"{isolate(view.station.name)} · {formats.format_date(view.day, country)}"
    return contents._replace(heading=_heading_of_day(view), title=title, is_roomy=True)


def _heading_of_day(view: CalendarView) -> str:
    """The date, with its year unless it is the current one."""
    is_this_year = view.day.year == view.today.year
    return (formats.format_long_date if is_this_year else formats.format_full_date)(view.day, view.station.country)


@calendar_page
def agenda(request: PageRequest, view: CalendarView) -> CalendarContents:
    """The week as a list, for phones and for printing."""
    days, context = _read(request, view, view.week)
    return _by_days(view, days, partial(grids.agenda, days))._replace(**context, is_roomy=True)


@calendar_page
def month(request: PageRequest, view: CalendarView) -> CalendarContents:
    begin = view.day.replace(day=1)
    following = (begin + timedelta(days=31)).replace(day=1)
    days, context = _read(request, view, view.month, month=begin.month)
    heading = formats.format_month(begin, view.station.country)
    return CalendarContents(
        grid=partial(grids.month, layout.split_into_weeks(days), begin),
        heading=heading,
        title=f"{isolate(view.station.name)} · {heading}",
        previous=begin - timedelta(days=1),
        next=following,
        carry="1m",
        **context,
    )


@calendar_page
def door(request: PageRequest, view: CalendarView) -> CalendarContents:
    """A day as a list: who is due, here and gone."""
    now, country = timezone.now(), view.station.country
    before = view.day - timedelta(days=1) if view.day == view.today else view.day  # some may have stayed past midnight
    days, context = _read(request, view, read_model.days_between(before, view.day))
    lists = door_lists((row for day in days for row in day.bookings), view.day, now)
    contents = _by_days(view, days[-1:], partial(rendering.door, lists, view.today))._replace(**context)
    title = f"{_('Door')} · {isolate(view.station.name)} · {formats.format_date(view.day, country)}"
    return contents._replace(
        heading=_heading_of_day(view),
        title=title,
        totals=layout.totals(days[-1:]),
        turning_points=turning_points(lists, now),
    )


@calendar_page
def stations(request: PageRequest, view: CalendarView) -> CalendarContents:
    """A week of all stations: how full each day is."""
    dates = view.week
    slots = read_model.slot_availability_by_station(view.stations, dates[0], dates[-1])
    days = partial(layout.make_days, dates, rows=[], today=view.today)
    lines = [(station, days(slots[station.pk])) for station in view.stations]
    contents = _by_days(view, lines[0][1], partial(grids.stations, lines, view.day))
    return contents._replace(title=f"{_('Stations')} · {contents.heading}")


def _by_slots(
    view: CalendarView, days: list[layout.Day], render: Callable[[layout.WeekTable, PageContext], SafeString]
) -> CalendarContents:
    """Days across and slots down. It changes when a slot begins or ends: past slots are greyed, current ones highlighted."""
    slots = [one.slot for day in days for one in day.slots]
    contents = _by_days(view, days, partial(render, layout.week_table(days)))
    return contents._replace(turning_points=[at for slot in slots for at in (slot.starts_at, slot.ends_at)])


def _by_days(view: CalendarView, days: list[layout.Day], grid: Callable[[PageContext], SafeString]) -> CalendarContents:
    """Consecutive days; the previous and the next page show as many."""
    first, last, step = days[0].date, days[-1].date, timedelta(days=len(days))
    heading = formats.format_range(first, last, view.station.country)
    title = f"{isolate(view.station.name)} · {heading}"
    return CalendarContents(grid, heading, title, previous=first - step, next=first + step, carry=f"{len(days)}d")


def _read(
    request: PageRequest, view: CalendarView, dates: list[date], *, month: int | None = None
) -> tuple[list[layout.Day], dict[str, Any]]:
    """The days, and the totals and unassigned bookings shown with them."""
    calendar = read_model.station_calendar(
        request.user,
        view.station,
        dates[0],
        dates[-1],
        status=view.status_filter,
        customer_id=view.customer.pk if view.customer else None,
    )
    shown = [row for row in calendar.bookings if view.is_listed(row.status)]
    days = layout.make_days(dates, calendar.slots, shown, today=view.today, month=month)
    return days, {"totals": layout.totals(days), "unassigned": calendar.unassigned}


def _tag(request: PageRequest, view: CalendarView) -> str:
    """The ETag: of the address, today, the person's permissions and stations, and the stations' change counters."""
    permissions = [request.user.has_perm(right) for right in (roles.CHANGE, roles.PII, roles.API, roles.MANAGE)]
    names = [f"{station.code} {station.name}" for station in view.stations]
    return read_model.etag(request.user, view.watched, view.on(view.day), view.today, *permissions, *names)
