"""The viewset of stations and their slots."""

from typing import Any

from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import REVALIDATE, ApiViewSet
from bookings.calendar import read_model
from bookings.calendar.read_model import SlotAvailability
from core.api.openapi import listed, operation
from core.api.preconditions import is_known
from core.api.queries import DaysQuery
from core.api.responses import success
from core.errors import NotFound
from core.log_context import note_station
from stations.models import Station
from stations.querysets import StationQuerySet


class StationViewSet(ApiViewSet):
    """Stations that you may see."""

    lookup_field = "code"

    def get_queryset(self) -> StationQuerySet[Station]:
        return Station.objects.visible_to(self.request.user)

    def get_object(self) -> Station:
        station: Station | None = self.get_queryset().coded(self.kwargs["code"]).first()
        if station is None:
            raise NotFound
        note_station(station.pk)
        return station

    @operation("listStations", "List stations", listed("Station"))
    def list(self, request: Request) -> Response:
        """Returns the stations that you may see."""
        return success([_station(station) for station in self.get_queryset()])

    @operation("listSlots", "List slots", listed("Slot"), query=DaysQuery, failing=[404], cached=True)
    @action(detail=True, cache_control=REVALIDATE)
    def slots(self, request: Request, code: str) -> Response:
        """Returns each slot of 1 to 42 days: its capacity, what is taken, what is left, and why it is closed."""
        station = self.get_object()
        query = self.get_serializer_class().parse_query(request.query_params)
        first, last = query["date_from"], query["date_to"]
        headers = {"ETag": read_model.etag(request.user, [station], "slots", first, last)}
        if is_known(request, headers["ETag"]):
            return Response(status=304, headers=headers)
        days = read_model.slot_availability(station, first, last)
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


def _slot(cell: SlotAvailability) -> dict[str, Any]:
    slot = cell.slot
    return {
        "date": slot.date.isoformat(),
        "slot": f"{slot.start:%H:%M}",
        "minutes": slot.minutes,
        "starts_at": slot.starts_at.isoformat(),
        "ends_at": slot.ends_at.isoformat(),
        "capacity": slot.capacity,
        "taken": cell.parties,
        "left": cell.parties_left,
        "guest_capacity": slot.guest_capacity,
        "guests_taken": cell.guests,
        "guests_left": cell.guests_left,
        "closed": slot.closed,
        "reason": slot.reason,
    }
