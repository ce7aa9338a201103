"""The day's list on paper: one row for each booking, grouped by slot."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import time
from typing import Final

from django.http import HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts import roles
from accounts.audit import bulk_reads
from accounts.audit.bulk_reads import Read, ReadEvent
from accounts.audit.origin import entry_fields
from accounts.models import User
from bookings.calendar import layout, read_model
from bookings.calendar.read_model import Row, SlotAvailability
from bookings.views import calendar_url
from bookings.views.base import PageRequest, page, render_page
from bookings.views.calendar_url import CalendarView

PHONE_FIELDS: Final = ("name", "phone", "special_requests")


@dataclass(frozen=True, slots=True)
class SlotGroup:
    """The bookings that start at a time, with the slot there; None if there is none, or if they no longer have it."""

    start: time
    availability: SlotAvailability | None
    bookings: Sequence[Row]


@require_safe
@page()
def day_sheet(request: PageRequest) -> HttpResponse:
    """The list of one day. With phone numbers, if the station allows that to those who may see them; then it is recorded."""
    view = calendar_url.parse_day(request)
    if view is None:
        return render_page(request, "bookings/no_station.html", {})
    has_phones = view.station.print_phone_numbers and request.user.has_perm(roles.PII)
    rows = _rows(request.user, view, contact=has_phones)
    if has_phones:
        _record(request.user, view, rows)
    assigned = [row for row in rows if not row.is_unassigned]
    slots = read_model.slot_availability(view.station, view.day, view.day).get(view.day, [])
    context = {
        "view": view,
        "station": view.station,
        "groups": slot_groups(slots, assigned),
        "unassigned": [row for row in rows if row.is_unassigned],
        "totals": layout.totals(layout.make_days([view.day], {}, assigned, today=view.today)),
        "has_phones": has_phones,
        "may_change": request.user.has_perm(roles.CHANGE),
        "printed_at": timezone.now(),
        "printed_by": request.user.display_name,
    }
    return render_page(request, "bookings/day_sheet.html", context)


def slot_groups(slots: Iterable[SlotAvailability], rows: Sequence[Row]) -> list[SlotGroup]:
    """The day's open slots and the starts of its bookings, in order."""
    by_start = {one.slot.start: one for one in slots}
    is_open = {start for start, one in by_start.items() if not one.slot.closed}
    return [
        SlotGroup(start, by_start.get(start), [row for row in rows if row.slot == start])
        for start in sorted(is_open | {row.slot for row in rows})
    ]


def _rows(user: User, view: CalendarView, *, contact: bool) -> list[Row]:
    """The day's bookings with the status asked for; without cancelled ones if none is."""
    found = read_model.rows_between(
        user, [view.station], view.day, view.day, status=view.status_filter, contact=contact
    )
    return [row for row in found if view.is_listed(row.status)]


def _record(user: User, view: CalendarView, rows: Sequence[Row]) -> None:
    count = sum(bool(row.customer and row.customer.phone) for row in rows)
    days, context = (view.day, view.day), entry_fields(user)
    bulk_reads.record([Read(ReadEvent.LIST_PRINTED, view.station.pk, PHONE_FIELDS, count, *days, context=context)])
