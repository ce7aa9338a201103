"""The calendar's views: week, month, day and agenda of a station, and one week of all stations."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial, wraps
from typing import Any, Final
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from accounts import customers, roles
from accounts.models import Customer
from bookings import calendar, cards, grids, reading
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
        """The address of this view, without its panel, with something changed; `kind` chooses another view."""
        wanted = {
            "station": self.station.code,
            "date": self.day.isoformat(),
            "status": self.status,
            "customer": self.customer.pk if self.customer else "",
        } | other
        kind = wanted.pop("kind", self.kind)
        return f"/calendar/{kind}/?{urlencode({name: value for name, value in wanted.items() if value})}"

    @property
    def week(self) -> list[date]:
        """The dates of the week that holds the day, by the station's first weekday."""
        first = grids.first_of_week(self.day, self.station.first_weekday)
        return calendar.days_between(first, first + timedelta(days=grids.WEEK_DAYS - 1))

    @property
    def watched(self) -> list[Station]:
        """Whose changes can change what is shown."""
        return self.stations if self.kind == "stations" else [self.station]

    def on(self, day: date) -> str:
        return self.address(date=min(max(day, FIRST_DATE), LAST_DATE).isoformat())


KINDS: Final = {
    "week": (gettext_lazy("Week"), "w"),
    "month": (gettext_lazy("Month"), "m"),
    "day": (gettext_lazy("Day"), "d"),
    "agenda": (gettext_lazy("Agenda"), "a"),
    "stations": (gettext_lazy("Stations"), "s"),
}
"""Each view's name for people, and its key."""

Contents = Callable[[PageRequest, View], dict[str, Any]]
"""Reads what a view shows, for its template."""


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """The view that the person chose last; at first the week, or on a telephone the agenda. Whoever has no pages has the API."""
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
        view = _view(request, kind)
        if view is None:
            return draw(request, "bookings/no_station.html", {})
        tag = _tag(request, view)
        if asked_part(request) and request.headers.get("If-None-Match") == tag:
            return HttpResponseNotModified(headers={"ETag": tag})
        found = reading.near(request.user, view.watched, partial(contents, request, view))
        response = _render(request, view, {"tag": tag, **found})
        response["ETag"] = tag
        return response

    return show


@calendar_page
def week(request: PageRequest, view: View) -> dict[str, Any]:
    days = _days(request, view, view.week)
    return {**_shown(request, view, days), **_by_days(view, view.week), "week": grids.week(days)}


@calendar_page
def day(request: PageRequest, view: View) -> dict[str, Any]:
    days = _days(request, view, [view.day])
    return {**_shown(request, view, days), **_by_days(view, [view.day]), "week": grids.week(days), "roomy": True}


@calendar_page
def agenda(request: PageRequest, view: View) -> dict[str, Any]:
    """The week as a list: what a phone has room for, and what is printed for the wall."""
    days = _days(request, view, view.week)
    return {**_shown(request, view, days), **_by_days(view, view.week), "days": days, "roomy": True}


@calendar_page
def month(request: PageRequest, view: View) -> dict[str, Any]:
    begin = view.day.replace(day=1)
    following = (begin + timedelta(days=31)).replace(day=1)
    first = grids.first_of_week(begin, view.station.first_weekday)
    last = grids.first_of_week(following - timedelta(days=1), view.station.first_weekday) + timedelta(days=6)
    days = _days(request, view, calendar.days_between(first, last), month=begin.month)
    moves = {"previous": view.on(begin - timedelta(days=1)), "next": view.on(following), "carry": "1m"}
    return {**_shown(request, view, days), **moves, "weeks": grids.weeks_of(days), "first": begin}


@calendar_page
def stations(request: PageRequest, view: View) -> dict[str, Any]:
    """One week of all stations: how full each day is."""
    dates = view.week
    cells = calendar.cells_of(view.stations, dates[0], dates[-1])
    days = partial(grids.days_of, dates, rows=[], today=view.today)
    lines = [(station, days(cells[station.pk])) for station in view.stations]
    return {**_by_days(view, dates), "lines": lines, "dates": dates}


def _by_days(view: View, dates: list[date]) -> dict[str, Any]:
    step = timedelta(days=len(dates))
    return {
        "first": dates[0],
        "last": dates[-1],
        "previous": view.on(dates[0] - step),
        "next": view.on(dates[0] + step),
        "carry": f"{len(dates)}d",
    }


def _shown(request: PageRequest, view: View, days: list[grids.Day]) -> dict[str, Any]:
    """What stands around every grid of one station."""
    return {"totals": grids.totals(days), "displaced": calendar.displaced(request.user, [view.station])}


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
    if (request.session.get("station"), request.session.get("view")) != (station.code, kind):
        request.session["station"], request.session["view"] = station.code, kind
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


def _days(request: PageRequest, view: View, dates: list[date], *, month: int | None = None) -> list[grids.Day]:
    customer_id = view.customer.pk if view.customer else None
    first, last = dates[0], dates[-1]
    status, stations = view.status or None, [view.station]
    rows = calendar.rows(request.user, stations, first, last, status=status, customer_id=customer_id, contact=False)
    cells = calendar.cells(view.station, first, last)
    return grids.days_of(dates, cells, rows, today=view.today, month=month)


def _tag(request: PageRequest, view: View) -> str:
    """What a copy of this page is good for: the address, the day, the person's rights and stations, and what has changed."""
    rights = [request.user.has_perm(right) for right in (roles.CHANGE, roles.PII)]
    known = [f"{station.code} {station.name}" for station in view.stations]
    return calendar.etag(request.user, view.watched, view.address(), view.today, *rights, *known)


def _render(request: PageRequest, view: View, more: dict[str, Any]) -> HttpResponse:
    now, here, may_change = timezone.now(), request.get_full_path(), request.user.has_perm(roles.CHANGE)
    shown = {
        "view": view,
        "form": CalendarForm(initial={"date": view.day, "status": view.status}, auto_id="show_%s"),
        "customer": customers.shown(view.customer, request.user) if view.customer else None,
        "today_address": view.on(view.today),
        "kinds": [
            (kind, label, key, view.address(kind=kind))
            for kind, (label, key) in KINDS.items()
            if kind != "stations" or len(view.stations) > 1
        ],
        "now": now,
        "everybody_address": view.address(customer=""),
        "here": here,
        "may_change": may_change,
        "cards": cards.Page(view.station, here, now, may_change),
        "may_search": request.user.has_perm(roles.PII),
        **more,
    }
    if not asked_part(request):
        shown |= {"notice": notices.taken_notice(request), "error": notices.taken_refusal(request)}
        shown |= {"panel": details(request, view.booking) if view.booking else None}
    return draw(request, f"bookings/{view.kind}.html", shown)
