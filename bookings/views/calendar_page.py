"""The page around a calendar's grid, filled from a compiled template (`bookings.calendar.rendering.compiled_templates`)."""

from typing import NamedTuple
from urllib.parse import quote

from django.http import HttpResponse
from django.middleware.csrf import get_token
from django.template.loader import render_to_string
from django.utils.cache import patch_vary_headers
from django.utils.safestring import SafeString
from django.utils.translation import get_language

from accounts import customers, roles
from bookings.calendar.rendering import compiled_templates
from bookings.calendar.rendering.compiled_templates import Value, join
from bookings.views import notices
from bookings.views.base import PageRequest, asked_part, base_of
from bookings.views.booking import details
from bookings.views.calendar_url import View
from bookings.views.rendered_calendar import RenderedCalendar
from core.bidi import isolate
from core.web.notices import taken_refusal
from stations.models import Station


class FrameShape(NamedTuple):
    """All that a page's markup hangs on."""

    base: str
    kind: str
    status: str
    has_choice: bool
    """Of stations."""
    has_customer: bool
    has_unassigned: bool
    has_error: bool
    may_change: bool
    may_book: bool
    may_search: bool
    may_use_api: bool
    is_staff: bool


def framed(request: PageRequest, view: View, rendered: RenderedCalendar, tag: str) -> HttpResponse:
    """The page, or the part of it that was asked for."""
    language = get_language() or ""
    values = _of_reader(request, view) | _ways(view, rendered) | _seen_there(view, rendered, language)
    values |= {"tag": tag}
    values |= {"panel": "", "error": ""} if asked_part(request) else _told_once(request, view)
    shape = _shape(request, view, rendered, has_error=bool(values["error"]))
    response = HttpResponse(compiled_templates.fill("calendar", shape, values, language))
    patch_vary_headers(response, ["X-Part"])
    return response


def _shape(request: PageRequest, view: View, rendered: RenderedCalendar, *, has_error: bool) -> FrameShape:
    return FrameShape(
        base=base_of(request),
        kind=view.kind,
        status=view.status,
        has_choice=len(view.stations) > 1,
        has_customer=view.customer is not None,
        has_unassigned=bool(rendered.unassigned),
        has_error=has_error,
        may_change=request.user.has_perm(roles.CHANGE),
        may_book=_may_book(request, view),
        may_search=request.user.has_perm(roles.PII),
        may_use_api=request.user.has_perm(roles.API),
        is_staff=request.user.is_staff,
    )


def _may_book(request: PageRequest, view: View) -> bool:
    return request.user.has_perm(roles.CHANGE) and view.station.is_active


def _of_reader(request: PageRequest, view: View) -> dict[str, Value]:
    """What makes the page its reader's, and nobody else's."""
    customer = customers.shown(view.customer, request.user) if view.customer else None
    return {
        "email": request.user.email,
        "pk": request.user.pk,
        "draft_key": request.user.draft_key,
        "here": request.get_full_path(),
        "csrf_token": get_token(request),
        "customer": isolate(customer.display_name) if customer else "",
        "customer_id": str(customer.customer_id) if customer else "",
    }


def _seen_there(view: View, rendered: RenderedCalendar, language: str) -> dict[str, Value]:
    return {
        "title": rendered.title,
        "heading": rendered.heading,
        "totals": rendered.totals,
        "unassigned": rendered.unassigned,
        "grid": rendered.grid,
        "station": view.station.name,
        "station_code": view.station.code,
        "stations": join([_option(one, view, language) for one in view.stations]),
        "date": view.day.isoformat(),
    }


class OptionShape(NamedTuple):
    is_chosen: bool


def _option(station: Station, view: View, language: str) -> SafeString:
    shape = OptionShape(is_chosen=station.pk == view.station.pk)
    return compiled_templates.fill("_option", shape, {"code": station.code, "name": station.name}, language)


def _ways(view: View, rendered: RenderedCalendar) -> dict[str, Value]:
    """To what lies around it."""
    return {
        "code": quote(view.station.code),
        "query": view.query(),
        "address": view.on(view.day),
        "shown": view.address,
        "today": view.on(view.today),
        "previous": view.on(rendered.previous),
        "next": view.on(rendered.next),
        "carry": rendered.carry,
        "everybody": view.on(view.day, of_everybody=True),
    }


def _told_once(request: PageRequest, view: View) -> dict[str, Value]:
    """What a whole page tells, and no part of it again: what was just done or refused, and the booking beside the grid."""
    told, panel = {"notice": notices.taken_notice(request), "here": view.address}, ""
    if view.booking:
        beside = {"panel": details(request, view.booking), "view": view, "close": view.on(view.day)}
        panel = render_to_string("bookings/_in_panel.html", beside, request=request)
    return {
        "nonce": str(request.csp_nonce),
        "notice": render_to_string("bookings/_notice.html", told, request=request) if told["notice"] else "",
        "error": taken_refusal(request),
        "panel": panel,
    }
