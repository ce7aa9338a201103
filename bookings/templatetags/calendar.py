"""Formats and labels for the templates of bookings."""

from datetime import date, datetime, time

from django import template
from django.utils.translation import gettext as _

from bookings.forms import CalendarForm
from bookings.models.status import HIDDEN, Status
from bookings.views.calendar_url import KINDS
from core import formats
from core.dates import sample_week
from stations.models import Station

register = template.Library()


@register.filter
def status_word(status: str) -> str:
    return str(Status(status).label)


@register.simple_tag
def show_form(day: str, status: str) -> CalendarForm:
    """The form to choose another date and status."""
    return CalendarForm(initial={"date": day, "status": status}, auto_id="show_%s")


@register.simple_tag
def kinds(of_stations: bool) -> list[tuple[str, str, str]]:
    """Each view with its label and shortcut; the view of all stations only for users with several."""
    return [(kind, str(label), key) for kind, (label, key) in KINDS.items() if of_stations or kind != "stations"]


@register.simple_tag
def weekdays(first: int) -> list[str]:
    """Short names of the weekdays, from the first of the week on."""
    return [formats.format_weekday(day) for day in sample_week(first)]


@register.filter
def money(cents: int, station: Station) -> str:
    return formats.format_money(cents, station.currency, station.country)


@register.filter
def clock(start: time, station: Station) -> str:
    return formats.format_time(start, station.country)


@register.filter
def short_day(day: date, station: Station) -> str:
    return formats.format_short_date(day, station.country)


@register.filter
def dated_day(day: date, station: Station) -> str:
    return formats.format_date(day, station.country)


@register.filter
def long_day(day: date, station: Station) -> str:
    return formats.format_long_date(day, station.country)


@register.filter
def full_day(day: date, station: Station) -> str:
    return formats.format_full_date(day, station.country)


@register.filter
def instant(when: datetime, station: Station) -> str:
    """The station's local date and time."""
    return formats.format_instant(when, station.zone, station.country)


@register.filter
def short_instant(when: datetime, station: Station) -> str:
    """The station's local date and time, without the year."""
    return formats.format_short_instant(when, station.zone, station.country)


@register.filter
def local_clock(when: datetime, station: Station) -> str:
    """The station's local time."""
    return formats.format_time(when.astimezone(station.zone).time().replace(second=0, microsecond=0), station.country)


@register.filter
def zone_name(time_zone: str) -> str:
    return formats.format_time_zone(time_zone)


@register.simple_tag
def moment(day: str, start: time, station: Station) -> str:
    """A date as one of the filters formats it, and a time."""
    return formats.format_datetime(day, start, station.country)


@register.simple_tag
def end_of(begin: date, ends_at: datetime, station: Station) -> str:
    """The end of a booking, with the date if it is not the one on which it starts."""
    return formats.format_end(begin, ends_at.astimezone(station.zone), station.country)


@register.simple_tag
def step_label(now: str, to: Status) -> str:
    """The label of the button that takes a step."""
    if now in HIDDEN:
        return _("Restore as %(status)s") % {"status": to.label}
    if to == Status.CONFIRMED and now != Status.PENDING:
        return _("Back to confirmed")
    return str(to.facts.button)
