"""The opening hours of a station in Django's admin: a week to paint, and a form that builds one at once."""

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext, ngettext

from accounts.admin.edit_conflicts import EditConflictMixin
from bookings.admin.opening_hours_forms import FromDateForm, HoursForm, WeekForm
from bookings.admin.timetable_refusals import sentences_of
from bookings.services.timetable_changes import timetable_change
from core import formats
from core.dates import sample_week, time_of_minute
from core.errors import DomainError
from core.web.redisplay import redisplays
from stations.errors import Stale
from stations.models import Opening, Station, Versions, Weekday
from stations.opening_hours import WeeklySlot, change_hours, opening_ranges, openings_from
from stations.timetable import local_now
from stations.week_builder import build

if TYPE_CHECKING:
    _Admin = EditConflictMixin
else:
    _Admin = object


class OpeningHoursPages(_Admin):
    """The pages behind the buttons of a station's page."""

    def get_urls(self) -> list[Any]:
        build_address = path(
            "<int:station_id>/build/", self.admin_site.admin_view(self.build_view), name="stations_station_build"
        )
        hours_address = path(
            "<int:station_id>/hours/", self.admin_site.admin_view(self.hours_view), name="stations_station_hours"
        )
        return [hours_address, build_address, *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        station = self.get_object(request, unquote(object_id))
        hours = openings_from(station, local_now(station, timezone.now()).date())
        return super().change_view(
            request, object_id, form_url, {**(extra_context or {}), "hours": _hours(station, hours)}
        )

    def _requested_station(self, request: HttpRequest, station_id: int) -> Station:
        """The station. Raises Http404 for one of others, and PermissionDenied."""
        station: Station | None = self.get_queryset(request).filter(pk=station_id).first()
        if station is None:
            raise Http404
        if not self.has_change_permission(request, station):
            raise PermissionDenied
        return station

    @redisplays
    def hours_view(self, request: HttpRequest, station_id: int) -> HttpResponse:
        """The week from a date on, to paint. Saving it ends, adds and changes openings from that date on."""
        station = self._requested_station(request, station_id)
        today = local_now(station, timezone.now()).date()
        dates = FromDateForm(request.GET if "first_date" in request.GET else {"first_date": today.isoformat()})
        first = dates.cleaned_data["first_date"] if dates.is_valid() else today
        slots = frozenset(openings_from(station, first))
        form = HoursForm(
            request.POST or None,
            initial={
                "first_date": first,
                "slots": slots,
                "loaded": slots,
                "timetable_version": station.timetable_version,
                "latest_entry": self.latest_entry(station),
            },
        )
        if form.is_valid() and self._change_hours(request, station, form):
            self.message_user(request, gettext("The opening hours have been changed."), messages.SUCCESS)
            return redirect(reverse("admin:stations_station_change", args=[station.pk]))
        shown = {**self.admin_site.each_context(request), "title": gettext("Opening hours"), "station": station}
        shown |= {
            "form": form,
            "dates": dates,
            "opts": self.opts,
            "weekdays": _weekdays(station),
            "brush": _brush(slots),
        }
        shown |= {"hours": _hours(station, slots), "first_date": first}
        return render(request, "admin/stations/station/hours.html", shown)

    def _change_hours(self, request: HttpRequest, station: Station, form: HoursForm) -> bool:
        """Change the openings and return True, or show why not on the form."""
        wanted = form.cleaned_data
        try:
            seen = Versions(timetable=wanted["timetable_version"])
            with timetable_change(station, by=request.user, displace=wanted["displace"], seen=seen):
                change_hours(station, wanted["slots"], wanted["first_date"])
        except Stale as refusal:
            who = self.who_changed(request, station, wanted["latest_entry"] or 0)
            current = frozenset(openings_from(station, wanted["first_date"]))
            form.rebase(request.POST, current, refusal.data.timetable_version, self.latest_entry(station))
            message = gettext(
                "%(who)s changed the opening hours in the meantime. What you painted is kept, and everything else is as it is "
                "now. Check it, then save again."
            )
            form.add_error(None, message % {"who": who})
        except DomainError as refusal:
            form.add_error(None, list(sentences_of(refusal, request.user)))
        return not form.errors

    @redisplays
    def build_view(self, request: HttpRequest, station_id: int) -> HttpResponse:
        """Preview a week of openings and the bookings that it would displace, then create it."""
        station = self._requested_station(request, station_id)
        seen = {"timetable_version": station.timetable_version, "latest_entry": self.latest_entry(station)}
        today = local_now(station, timezone.now()).date()
        form = WeekForm(request.POST or None, initial={"first_date": today, **seen})
        made: list[Opening] = []
        if form.is_valid():
            is_confirmed = "build" in request.POST
            made = self._build(request, station, form, keep=is_confirmed)
            if made and is_confirmed:
                message = ngettext("%(count)d opening created.", "%(count)d openings created.", len(made))
                message = message % {"count": len(made)}
                self.message_user(request, message, messages.SUCCESS)
                return redirect(reverse("admin:stations_station_change", args=[station.pk]))
        shown = {**self.admin_site.each_context(request), "title": gettext("Build a week"), "station": station}
        shown |= {"form": form, "made": made, "opts": self.opts}
        return render(request, "admin/stations/station/build.html", shown)

    def _build(self, request: HttpRequest, station: Station, form: WeekForm, *, keep: bool) -> list[Opening]:
        """Create the openings, or roll them back for a preview. Domain errors are shown on the form."""
        try:
            with transaction.atomic():
                seen = Versions(timetable=form.cleaned_data["timetable_version"])
                with timetable_change(station, by=request.user, displace=form.cleaned_data["displace"], seen=seen):
                    made = build(station, form.week())
                transaction.set_rollback(not keep)
        except Stale as refusal:
            who = self.who_changed(request, station, form.cleaned_data["latest_entry"] or 0)
            form.refill(request.POST, refusal.data.timetable_version, self.latest_entry(station))
            message = gettext(
                "%(who)s changed the opening hours in the meantime. Check them, then preview and build again."
            )
            form.add_error(None, message % {"who": who})
            return []
        except DomainError as refusal:
            form.add_error(None, list(sentences_of(refusal, request.user)))
            return []
        if not made:
            form.add_error(None, gettext("No slot of that length fits between these times."))
        return made


class DayHours(NamedTuple):
    weekday: int
    name: str
    hours: str
    """“12 PM – 3 PM, 5 PM – 10 PM”, or that the day is closed."""


def _weekdays(station: Station) -> list[tuple[int, str, str]]:
    """The weekdays from the station's first one on: number, name and short name."""
    days = sample_week(station.first_weekday)
    return [(day.weekday(), str(Weekday(day.weekday()).label), formats.format_weekday(day)) for day in days]


def _hours(station: Station, slots: Iterable[WeeklySlot]) -> list[DayHours]:
    ranges = opening_ranges(slots)

    def clock(minutes: int) -> str:
        return formats.format_time(time_of_minute(minutes), station.country)

    return [
        DayHours(
            day, name, ", ".join(f"{clock(start)} – {clock(end)}" for start, end in ranges[day]) or gettext("closed")
        )
        for day, name, _short in _weekdays(station)
    ]


def _brush(slots: Iterable[WeeklySlot]) -> dict[str, Any]:
    """Length and capacity of the slots to paint: those that most slots have."""
    [(usual, _count)] = Counter((slot.minutes, slot.capacity, slot.guest_capacity) for slot in slots).most_common(
        1
    ) or [((60, 1, None), 0)]
    return dict(zip(("minutes", "capacity", "guests"), usual, strict=True))
