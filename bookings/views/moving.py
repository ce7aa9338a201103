"""“Move to…”: the plain form, and the same for the hand that drags. One view, so that both follow one path."""

from datetime import date
from typing import Any
from uuid import UUID

from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts import roles
from bookings import calendar, services, workflow
from bookings.forms import CalendarForm, MoveForm
from bookings.models import Booking
from bookings.services import Place
from bookings.views import notices
from bookings.views.access import PageRequest, page, wants_json
from bookings.views.booking import refusal, visible_booking
from stations.errors import DomainError, NotFound
from stations.models import Station


@require_http_methods(["GET", "HEAD", "POST"])
@page(roles.CHANGE)
def move(request: PageRequest, booking_id: UUID) -> HttpResponse:
    """Show the free slots of a day to choose from, or move the booking and go back to where the person was."""
    booking = visible_booking(request, booking_id)
    if request.method != "POST":
        return _choose(request, booking)
    form = MoveForm(request.POST)
    if not form.is_valid():
        return _refused(request, booking, _("That place could not be read. Choose a date and a slot."))
    wanted = form.cleaned_data
    before = Place(booking.date, booking.slot, booking.station.code)
    held_a_place = not booking.needs_place
    try:
        booking = services.reschedule(
            booking_id,
            to=Place(wanted["date"], wanted["slot"], wanted["station"] or None),
            by=request.user,
            seen_version=wanted["version"],
        )
    except DomainError as error:
        return _refused(request, visible_booking(request, booking_id), refusal(error), code=error.code)
    here = _safe(request, wanted["next"]) or f"/calendar/week/?station={booking.station.code}&date={booking.date}"
    return _moved(request, notices.moved(booking, before if held_a_place else None, here=here), here)


def _moved(request: PageRequest, notice: dict[str, Any], here: str) -> HttpResponse:
    if wants_json(request):
        html = render_to_string("bookings/_notice.html", {"notice": notice}, request=request)
        return JsonResponse({"moved": True, "text": notice["text"], "notice": html})
    notices.keep(request, **notice)
    return redirect(here)


def _refused(request: PageRequest, booking: Booking, sentence: str, *, code: str = "invalid") -> HttpResponse:
    status = 409 if code == "stale" else 400
    if wants_json(request):
        return JsonResponse({"moved": False, "code": code, "error": sentence}, status=status)
    return _choose(request, booking, error=sentence, status=status)


def _choose(request: PageRequest, booking: Booking, *, error: str = "", status: int = 200) -> HttpResponse:
    words = request.POST if request.method == "POST" else request.GET
    form = CalendarForm(words)
    form.is_valid()
    stations = list(Station.objects.visible_to(request.user).filter(currency=booking.station.currency))
    code = form.cleaned_data.get("station") or booking.station.code
    station = next((station for station in stations if station.code == code), None)
    if station is None:
        raise NotFound
    day: date = form.cleaned_data.get("date") or booking.date
    shown = {
        "booking": booking,
        "row": calendar.row(request.user, booking),
        "station": station,
        "stations": stations,
        "day": day,
        "form": CalendarForm(initial={"date": day}),
        "cells": calendar.cells(station, day, day)[day],
        "movable": booking.status in workflow.RESCHEDULABLE,
        "next": _safe(request, words.get("next", "")),
        "error": error,
    }
    return render(request, "bookings/move.html", shown, status=status)


def _safe(request: PageRequest, address: str) -> str:
    """An address to go back to, if it is one of ours; else nothing."""
    ours = url_has_allowed_host_and_scheme(address, allowed_hosts=None, require_https=request.is_secure())
    return address if ours and address.startswith("/") else ""
