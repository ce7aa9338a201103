"""The page around a calendar's grid, filled from a compiled template (`bookings.calendar.rendering.compiled_templates`)."""

from typing import NamedTuple
from urllib.parse import quote

from django.http import HttpResponse
from django.middleware.csrf import get_token
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.utils.safestring import SafeString
from django.utils.translation import get_language

from accounts import customers, roles
from bookings.calendar.rendering import compiled_templates
from bookings.calendar.rendering.compiled_templates import Value, join
from bookings.views import notices
from bookings.views.base import PageRequest, base_template, requested_part
from bookings.views.booking import details
from bookings.views.calendar_url import CalendarView
from bookings.views.rendered_calendar import RenderedCalendar
from core import formats
from core.bidi import isolate
from core.web import form_keys
from core.web.notices import taken_refusal
from stations.models import Station
from stations.timetable import local_now


class PageShape(NamedTuple):
    """What the markup of the page depends on."""

    base: str
    kind: str
    status: str
    has_choice: bool
    """Whether the person can choose between stations."""
    has_customer: bool
    unassigned_count: int
    is_drawer_open: bool
    """Whether an unassigned booking is one of the days shown."""
    has_error: bool
    may_change: bool
    may_book: bool
    may_search: bool
    may_use_api: bool
    may_manage: bool
    is_staff: bool


def render_calendar_page(
    request: PageRequest, view: CalendarView, rendered: RenderedCalendar, tag: str
) -> HttpResponse:
    """Render the whole page, or the part that a script requests. `tag` is the ETag by which the script requests it again."""
    language = get_language() or ""
    values = (
        _user_values(request, view) | _navigation_links(view, rendered) | _calendar_values(view, rendered, language)
    )
    values |= {"tag": tag, "form_key": form_keys.make(request.user), "as_of": _as_of(view)}
    values |= {"panel": "", "error": ""} if requested_part(request) else _one_time_context(request, view)
    shape = _shape(request, view, rendered, has_error=bool(values["error"]))
    response = HttpResponse(compiled_templates.fill("calendar", shape, values, language))
    patch_vary_headers(response, ["X-Part"])
    return response


def _shape(request: PageRequest, view: CalendarView, rendered: RenderedCalendar, *, has_error: bool) -> PageShape:
    return PageShape(
        base=base_template(request),
        kind=view.kind,
        status=view.status,
        has_choice=len(view.stations) > 1,
        has_customer=view.customer is not None,
        unassigned_count=len(rendered.unassigned_dates),
        is_drawer_open=not set(view.days).isdisjoint(rendered.unassigned_dates),
        has_error=has_error,
        may_change=request.user.has_perm(roles.CHANGE),
        may_book=_may_book(request, view),
        may_search=request.user.has_perm(roles.PII),
        may_use_api=request.user.has_perm(roles.API),
        may_manage=request.user.has_perm(roles.MANAGE),
        is_staff=request.user.is_staff,
    )


def _as_of(view: CalendarView) -> str:
    """The station's time now."""
    return formats.format_time(local_now(view.station, timezone.now()).time(), view.station.country)


def _may_book(request: PageRequest, view: CalendarView) -> bool:
    return request.user.has_perm(roles.CHANGE) and view.station.is_active


def _user_values(request: PageRequest, view: CalendarView) -> dict[str, Value]:
    customer = customers.shown(view.customer, request.user) if view.customer else None
    return {
        "email": request.user.email,
        "pk": request.user.pk,
        "draft_key": request.user.draft_key,
        "display_name": request.user.display_name,
        "initials": request.user.initials,
        "here": request.get_full_path(),
        "csrf_token": get_token(request),
        "customer": isolate(customer.display_name) if customer else "",
        "customer_id": str(customer.customer_id) if customer else "",
    }


def _calendar_values(view: CalendarView, rendered: RenderedCalendar, language: str) -> dict[str, Value]:
    return {
        "title": rendered.title,
        "heading": rendered.heading,
        "totals": rendered.totals,
        "unassigned": rendered.unassigned,
        "grid": rendered.grid,
        "station": view.station.name,
        "station_code": view.station.code,
        "time_zone": view.station.time_zone,
        "stations": join([_option(one, view, language) for one in view.stations]),
        "date": view.day.isoformat(),
    }


class OptionShape(NamedTuple):
    is_selected: bool


def _option(station: Station, view: CalendarView, language: str) -> SafeString:
    shape = OptionShape(is_selected=station.pk == view.station.pk)
    return compiled_templates.fill("_station_option", shape, {"code": station.code, "name": station.name}, language)


def _navigation_links(view: CalendarView, rendered: RenderedCalendar) -> dict[str, Value]:
    return {
        "code": quote(view.station.code),
        "query": view.query(),
        "address": view.on(view.day),
        "shown": view.address,
        "today": view.on(view.today),
        "previous": view.on(rendered.previous),
        "next": view.on(rendered.next),
        "carry": rendered.carry,
        "all_customers": view.on(view.day, all_customers=True),
    }


def _one_time_context(request: PageRequest, view: CalendarView) -> dict[str, Value]:
    """Values of a whole page that its updates leave out: notice and error, which are shown once, and the booking in the panel."""
    context, panel = {"notice": notices.taken_notice(request), "here": view.address}, ""
    if view.booking:
        panel_context = {"panel": details(request, view.booking), "view": view, "close": view.on(view.day)}
        panel = render_to_string("bookings/_panel_content.html", panel_context, request=request)
    return {
        "nonce": str(request.csp_nonce),
        "notice": render_to_string("bookings/_notice.html", context, request=request) if context["notice"] else "",
        "error": taken_refusal(request),
        "panel": panel,
    }
