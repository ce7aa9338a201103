"""The addresses of the calendar's pages: parsing one, and building those that a page links to."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final
from urllib.parse import quote_plus

from django.http import QueryDict
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy

from accounts.models import Customer
from bookings.calendar import layout, read_model
from bookings.forms import CalendarForm
from bookings.models import Booking
from bookings.models.status import HIDDEN, RESCHEDULABLE
from bookings.views.base import PageRequest
from bookings.views.booking import visible_booking
from core.dates import DAYS_A_WEEK, FIRST_DATE, LAST_DATE
from core.errors import NotFound
from core.log_context import note_station
from stations.models import Station
from stations.timetable import local_now
from stations.visible_stations import stations_of

KINDS: Final = {
    "week": (gettext_lazy("Week"), "w"),
    "month": (gettext_lazy("Month"), "m"),
    "day": (gettext_lazy("Day"), "d"),
    "agenda": (gettext_lazy("Agenda"), "a"),
    "stations": (gettext_lazy("Stations"), "s"),
    "door": (gettext_lazy("Door"), "o"),
}
"""Each view's label and keyboard shortcut."""


@dataclass(frozen=True, slots=True)
class CalendarView:
    """What a calendar page shows, parsed from its address."""

    kind: str
    station: Station
    stations: list[Station]
    day: date
    today: date
    status: str
    """Of the bookings shown. "" shows all but cancelled ones, `CalendarForm.ALL` those, too."""
    customer: Customer | None
    booking: Booking | None
    """In the panel."""

    def on(self, day: date, *, all_customers: bool = False) -> str:
        """The address of this view at another date, without the booking in its panel."""
        return f"/calendar/{self.kind}/{self.query(day, all_customers=all_customers)}"

    def query(self, day: date | None = None, *, all_customers: bool = False) -> str:
        """The query string, which fits every kind of view."""
        station, shown = quote_plus(self.station.code), min(max(day or self.day, FIRST_DATE), LAST_DATE)
        status = f"&status={self.status}" if self.status else ""
        customer = f"&customer={self.customer.pk}" if self.customer and not all_customers else ""
        return f"?station={station}&date={shown.isoformat()}{status}{customer}"

    @property
    def status_filter(self) -> str | None:
        """The status to read; None to read all, of which `is_listed` says which to show."""
        return None if self.status == CalendarForm.ALL else self.status or None

    def is_listed(self, status: str) -> bool:
        """Whether the page shows bookings of that status."""
        return status not in HIDDEN if not self.status else self.status in (CalendarForm.ALL, status)

    @property
    def week(self) -> list[date]:
        """The dates of the week with `day`, from the station's first weekday on."""
        first = layout.first_day_of_week(self.day, self.station.first_weekday)
        return read_model.days_between(first, first + timedelta(days=DAYS_A_WEEK - 1))

    @property
    def month(self) -> list[date]:
        """The dates of the whole weeks that cover the month of `day`."""
        begin = self.day.replace(day=1)
        end = (begin + timedelta(days=31)).replace(day=1) - timedelta(days=1)
        first, last = (layout.first_day_of_week(one, self.station.first_weekday) for one in (begin, end))
        return read_model.days_between(first, last + timedelta(days=DAYS_A_WEEK - 1))

    @property
    def days(self) -> list[date]:
        """The dates whose bookings are shown; none if the view only counts them."""
        return {"day": [self.day], "door": [self.day], "month": self.month, "stations": []}.get(self.kind, self.week)

    @property
    def address(self) -> str:
        """The address of this page, with the booking in its panel."""
        return self.on(self.day) + (f"&booking={self.booking.pk}" if self.booking else "")

    def shows(self, booking: Booking) -> bool:
        """Whether the booking is on this page: in the panel, in the grid or in the list of unassigned bookings."""
        if self.booking == booking:
            return True
        if booking.station_id != self.station.pk or not self.days:
            return False
        if booking.needs_place and booking.status in RESCHEDULABLE:
            return True
        # A cancelled booking counts where all but cancelled ones are listed: it has just disappeared from this page.
        has_status = self.status in ("", CalendarForm.ALL, booking.status)
        has_customer = self.customer is None or self.customer.pk == booking.customer_id
        return booking.date in self.days and has_status and has_customer

    @property
    def watched(self) -> list[Station]:
        """The stations whose change counters the page depends on."""
        return self.stations if self.kind == "stations" else [self.station]


def parse(request: PageRequest, kind: str) -> CalendarView | None:
    """Parse the address of the request; invalid parameters are ignored. None for a user without stations."""
    view = _parse(request, kind, request.GET)
    if view and kind != "stations":
        note_station(view.station.pk)
    if view and (request.session.get("station"), request.session.get("view")) != (view.station.code, kind):
        request.session["station"], request.session["view"] = view.station.code, kind
    return view


def parse_day(request: PageRequest) -> CalendarView | None:
    """Parse the address of a page that is about a day but is no view to come back to."""
    view = _parse(request, "day", request.GET)
    if view:
        note_station(view.station.pk)
    return view


def view_of_address(request: PageRequest, address: str) -> CalendarView | None:
    """Parse the address of a calendar page; None for any other address, and for a page that the person may not see."""
    path, _question_mark, query = address.partition("?")
    kind = next((kind for kind in KINDS if path == reverse(kind)), None)
    if kind is None:
        return None
    try:
        return _parse(request, kind, QueryDict(query))
    except NotFound:
        return None


def _parse(request: PageRequest, kind: str, data: QueryDict) -> CalendarView | None:
    form = CalendarForm(data)
    form.is_valid()
    query = form.cleaned_data
    stations = stations_of(request.user)
    if not stations:
        return None
    code = query.get("station") or request.session.get("station")
    station = next((station for station in stations if station.code == code), None)
    if station is None and query.get("station"):
        raise NotFound
    station = station or stations[0]
    today = local_now(station, timezone.now()).date()
    return CalendarView(
        kind=kind,
        station=station,
        stations=stations,
        day=query.get("date") or today,
        today=today,
        status=query.get("status") or "",
        customer=_customer(station, query.get("customer")),
        booking=visible_booking(request, query["booking"]) if query.get("booking") else None,
    )


def _customer(station: Station, customer_id: Any) -> Customer | None:
    if customer_id is None:
        return None
    customer = Customer.objects.filter(station=station, pk=customer_id).first()
    if customer is None:
        raise NotFound
    return customer
