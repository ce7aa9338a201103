"""Stations for integrators: which there are, and what is free."""

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import ApiView
from bookings.calendar import read_model
from bookings.calendar.read_model import Cell
from core.api.openapi import documented, listed
from core.api.preconditions import is_known
from core.api.queries import DaysQuery
from core.api.responses import success
from core.errors import NotFound
from core.log_context import note_station
from stations.models import Station


class Stations(ApiView):
    """The stations that the caller may see."""

    @documented("Your stations", listed("Station"))
    def get(self, request: Request) -> Response:
        return success([_station(station) for station in Station.objects.visible_to(request.user)])


class Slots(ApiView):
    """Each slot of up to 42 days: capacity, what is taken, what is left, why closed."""

    query = DaysQuery
    cache = "private, no-cache"

    @documented("Slots of 1 to 42 days", listed("Slot"), query=DaysQuery, failing=[404], cached=True)
    def get(self, request: Request, code: str) -> Response:
        station = Station.objects.visible_to(request.user).coded(code).first()
        if station is None:
            raise NotFound
        note_station(station.pk)
        wanted = DaysQuery.parse_query(request.query_params)
        first, last = wanted["date_from"], wanted["date_to"]
        headers = {"ETag": read_model.etag(request.user, [station], "slots", first, last)}
        if is_known(request, headers["ETag"]):
            return Response(status=304, headers=headers)
        days = read_model.cells(station, first, last)
        return success([_slot(cell) for cells in days.values() for cell in cells], headers=headers)


def _station(station: Station) -> dict[str, Any]:
    return {
        "code": station.code,
        "name": station.name,
        "time_zone": station.time_zone,
        "country": station.country,
        "currency": station.currency,
        "first_weekday": station.first_weekday,
        "email": station.email,
        "phone": station.phone,
        "address": station.address,
        "is_active": station.is_active,
        "version": station.version,
        "timetable_version": station.timetable_version,
    }


def _slot(cell: Cell) -> dict[str, Any]:
    slot = cell.slot
    return {
        "date": slot.date.isoformat(),
        "slot": f"{slot.start:%H:%M}",
        "minutes": slot.minutes,
        "starts_at": slot.starts_at.isoformat(),
        "ends_at": slot.ends_at.isoformat(),
        "capacity": slot.capacity,
        "taken": cell.parties,
        "left": cell.left,
        "guest_capacity": slot.guest_capacity,
        "guests_taken": cell.guests,
        "guests_left": cell.guests_left,
        "closed": slot.closed,
        "reason": slot.reason,
    }
