"""The week and the month of a station."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import wraps
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts import customers, roles
from accounts.models import Customer
from bookings import calendar, grids
from bookings.forms import CalendarForm
from bookings.models import Booking
from bookings.views import notices
from bookings.views.access import PageRequest, asked_part, draw, page
from bookings.views.booking import details, visible_booking
from stations.errors import NotFound
from stations.models import Station
from stations.timetable import FIRST_DATE, LAST_DATE, local_now


@dataclass(frozen=True, slots=True)
class View:
    """What a calendar page shows, as its address says it."""

    kind: str
    station: Station
    stations: list[Station]
    day: date
    today: date
    status: str
    customer: Customer | None
    booking: Booking | None
    """The one in the panel."""

    def address(self, **other: Any) -> str:
        """The address of this view, without its panel, with something changed; `kind` chooses week or month."""
        wanted = {
            "station": self.station.code,
            "date": self.day.isoformat(),
            "status": self.status,
            "customer": self.customer.pk if self.customer else "",
        } | other
        kind = wanted.pop("kind", self.kind)
        return f"/calendar/{kind}/?{urlencode({name: value for name, value in wanted.items() if value})}"

    def on(self, day: date) -> str:
        return self.address(date=min(max(day, FIRST_DATE), LAST_DATE).isoformat())


Contents = Callable[[PageRequest, View], dict[str, Any]]
"""Reads what a view shows, for its template."""


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    return redirect("week")


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
        view = _view(request, kind)
        if view is None:
            return draw(request, "bookings/no_station.html", {})
        tag = _tag(request, view)
        if asked_part(request) and request.headers.get("If-None-Match") == tag:
            return HttpResponseNotModified(headers={"ETag": tag})
        response = _render(request, view, {"tag": tag, **contents(request, view)})
        response["ETag"] = tag
        return response

    return show


@calendar_page
def week(request: PageRequest, view: View) -> dict[str, Any]:
    first = grids.first_of_week(view.day, view.station.first_weekday)
    dates = calendar.days_between(first, first + timedelta(days=grids.WEEK_DAYS - 1))
    days, displaced = _days(request, view, dates)
    return {
        "week": grids.week(days),
        "displaced": displaced,
        "first": dates[0],
        "last": dates[-1],
        "previous": view.on(first - timedelta(days=7)),
        "next": view.on(first + timedelta(days=7)),
        "carry": "7d",
    }


@calendar_page
def month(request: PageRequest, view: View) -> dict[str, Any]:
    begin = view.day.replace(day=1)
    following = (begin + timedelta(days=31)).replace(day=1)
    first = grids.first_of_week(begin, view.station.first_weekday)
    last = grids.first_of_week(following - timedelta(days=1), view.station.first_weekday) + timedelta(days=6)
    days, displaced = _days(request, view, calendar.days_between(first, last), month=begin.month)
    return {
        "weeks": grids.weeks_of(days),
        "displaced": displaced,
        "first": begin,
        "previous": view.on(begin - timedelta(days=1)),
        "next": view.on(following),
        "carry": "1m",
    }


def _view(request: PageRequest, kind: str) -> View | None:
    """What the address asks for; unreadable parts fall back to today and everything. None for somebody without a station."""
    form = CalendarForm(request.GET)
    form.is_valid()
    asked = form.cleaned_data
    stations = list(Station.objects.visible_to(request.user))
    if not stations:
        return None
    code = asked.get("station") or request.session.get("station")
    station = next((station for station in stations if station.code == code), None)
    if station is None and asked.get("station"):
        raise NotFound
    station = station or stations[0]
    if request.session.get("station") != station.code:
        request.session["station"] = station.code
    today = local_now(station, timezone.now()).date()
    return View(
        kind=kind,
        station=station,
        stations=stations,
        day=asked.get("date") or today,
        today=today,
        status=asked.get("status") or "",
        customer=_customer(station, asked.get("customer")),
        booking=visible_booking(request, asked["booking"]) if asked.get("booking") else None,
    )


def _customer(station: Station, customer_id: Any) -> Customer | None:
    if customer_id is None:
        return None
    customer = Customer.objects.filter(station=station, pk=customer_id).first()
    if customer is None:
        raise NotFound
    return customer


def _days(
    request: PageRequest, view: View, dates: list[date], *, month: int | None = None
) -> tuple[list[grids.Day], list[calendar.Row]]:
    first, last = dates[0], dates[-1]
    customer_id = view.customer.pk if view.customer else None
    rows = calendar.rows(request.user, [view.station], first, last, status=view.status or None, customer_id=customer_id)
    cells = calendar.cells(view.station, first, last)
    days = grids.days_of(dates, cells, rows, today=view.today, month=month)
    return days, calendar.displaced(request.user, [view.station])


def _tag(request: PageRequest, view: View) -> str:
    """What a copy of this page is good for: the address, the day, the person's rights and stations, and what has changed."""
    rights = [request.user.has_perm(right) for right in (roles.CHANGE, roles.PII)]
    known = [f"{station.code} {station.name}" for station in view.stations]
    return calendar.etag(request.user, [view.station], view.address(), view.today, *rights, *known)


def _render(request: PageRequest, view: View, more: dict[str, Any]) -> HttpResponse:
    shown = {
        "view": view,
        "form": CalendarForm(initial={"date": view.day, "status": view.status}, auto_id="show_%s"),
        "customer": customers.shown(view.customer, request.user) if view.customer else None,
        "today_address": view.on(view.today),
        "other_address": view.address(kind="month" if view.kind == "week" else "week"),
        "everybody_address": view.address(customer=""),
        "here": request.get_full_path(),
        "may_change": request.user.has_perm(roles.CHANGE),
        "may_search": request.user.has_perm(roles.PII),
        **more,
    }
    if not asked_part(request):
        shown |= {"notice": notices.taken_notice(request), "error": notices.taken_refusal(request)}
        shown |= {"panel": details(request, view.booking) if view.booking else None}
    return draw(request, f"bookings/{view.kind}.html", shown)
