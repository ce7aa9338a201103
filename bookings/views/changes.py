"""What changed at a station on a day, for the next shift: by whom, grouped, by names and the station's clock."""

from datetime import timedelta

from django.http import HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts import customers, roles
from bookings.day_changes import DayChange, changes_on, untold
from bookings.views import calendar_url
from bookings.views.base import PageRequest, page, render_page
from core import formats


@require_safe
@page()
def changes(request: PageRequest) -> HttpResponse:
    view = calendar_url.parse_day(request)
    if view is None:
        return render_page(request, "bookings/no_station.html", {})

    def named(change: DayChange) -> tuple[DayChange, str]:
        customer = change.booking.customer if change.booking else None
        return change, customers.shown(customer, request.user).display_name if customer else ""

    groups = changes_on(view.station, view.day, request.user)
    context = {
        "view": view,
        "station": view.station,
        "heading": formats.format_full_date(view.day, view.station.country),
        "groups": [(group, [named(change) for change in group.changes]) for group in groups],
        "untold": untold(view.station) if request.user.has_perm(roles.PII) else 0,
        "previous": view.day - timedelta(days=1),
        "next": view.day + timedelta(days=1) if view.day < view.today else None,
        "now": timezone.now(),
    }
    return render_page(request, "bookings/changes.html", context)
