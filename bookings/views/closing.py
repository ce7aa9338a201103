"""Closing a day, or hours of it: who would lose their place stands there by name before it is done."""

from collections.abc import Sequence
from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods

from accounts import customers, roles
from accounts.views.post_only import does, post_only
from bookings.calendar import read_model
from bookings.errors import WouldDisplace
from bookings.forms import ClosingForm
from bookings.models import Booking
from bookings.services import closing
from bookings.views import calendar_url
from bookings.views.base import PageRequest, page, render_page
from bookings.views.calendar_url import CalendarView
from bookings.views.refusals import as_form_errors
from core import formats
from core.web import notices
from core.web.redisplay import redisplays


@require_http_methods(["GET", "HEAD", "POST"])
@page(roles.MANAGE)
@redisplays
def close(request: PageRequest) -> HttpResponse:
    """The form; by POST with bookings in the way, their names and a button to go on."""
    view = calendar_url.parse_day(request)
    if view is None:
        return render_page(request, "bookings/no_station.html", {})
    slots = read_model.slot_availability(view.station, view.day, view.day)[view.day]
    form = ClosingForm(request.POST or None, slots=[one.slot for one in slots], station=view.station)
    affected: Sequence[Booking] = ()
    if form.is_valid():
        with as_form_errors(form):
            try:
                reason, displace = form.cleaned_data["reason"], "displace" in request.POST
                closing.close(view.station, view.day, form.starts(), reason, by=request.user, displace=displace)
            except WouldDisplace as refusal:
                affected = refusal.data
            else:
                notices.keep(request, _("Closed: %(day)s.") % {"day": _day(view)})
                return redirect(_address(view))
    context: dict[str, Any] = {
        "form": form,
        "view": view,
        "station": view.station,
        "heading": formats.format_full_date(view.day, view.station.country),
        "affected": [(one, _name(request, one)) for one in affected],
        "is_closed": any(one.slot.closed for one in slots),
        "has_slots": bool(slots),
    }
    return render_page(request, "bookings/closing.html", context, status=400 if form.is_bound else 200)


@post_only
@page(roles.MANAGE)
@does(gettext_lazy("Reopen"))
def reopen(request: PageRequest) -> HttpResponse:
    """Open the day again, and seat those who had lost their place."""
    view = calendar_url.parse_day(request)
    if view is None:
        return render_page(request, "bookings/no_station.html", {})
    seated = closing.reopen(view.station, view.day, by=request.user)
    text = _("Open again: %(day)s.") % {"day": _day(view)}
    if seated:
        again = ngettext(
            "%(count)d booking has its slot again.", "%(count)d bookings have their slots again.", len(seated)
        )
        text = f"{text} {again % {'count': len(seated)}}"
    notices.keep(request, text)
    return redirect(_address(view))


def _name(request: PageRequest, booking: Booking) -> str:
    return customers.shown(booking.customer, request.user).display_name if booking.customer else _("Walk-in")


def _day(view: CalendarView) -> str:
    return formats.format_date(view.day, view.station.country)


def _address(view: CalendarView) -> str:
    return reverse("day") + view.query()
