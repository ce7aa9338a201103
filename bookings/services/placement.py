"""The rules of rescheduling: whether a booking may be moved, and which slots it would take."""

from datetime import datetime

from django.utils.translation import gettext as _

from bookings.errors import NotReschedulable, Past, SlotClosed
from bookings.models import Booking
from bookings.models.status import RESCHEDULABLE, Status
from bookings.services.inputs import Place
from stations.models import Station
from stations.timetable import Slot, Timetable, local_now


def require_reschedulable(booking: Booking) -> None:
    """Raises NotReschedulable unless the booking is pending or confirmed."""
    if booking.status not in RESCHEDULABLE:
        raise NotReschedulable(_("Cannot reschedule %(status)s bookings") % {"status": Status(booking.status).label})


def bookable_slots(
    station: Station, timetable: Timetable, to: Place, count: int, *, now: datetime, allow_running: bool = False
) -> list[Slot]:
    """The `count` consecutive slots from `to` on that a booking would take, without regard to capacity.

    A slot is past once it has begun or, with `allow_running`, once it has ended. Raises Past, NoSuchSlot or SlotClosed, in this
    order.
    """
    first = timetable.find(to.date, to.slot)
    if _is_past(first, now, allow_running=allow_running) if first else _has_passed(station, to, now):
        raise Past
    if not station.is_active:
        raise SlotClosed(_("This station takes no new bookings."))
    return timetable.consecutive_slots(to.date, to.slot, count)


def _is_past(slot: Slot, now: datetime, *, allow_running: bool) -> bool:
    return (slot.ends_at if allow_running else slot.starts_at) <= now


def _has_passed(station: Station, to: Place, now: datetime) -> bool:
    """Whether the station's clock has passed the time, at which no slot begins."""
    local = local_now(station, now).replace(tzinfo=None)
    return (to.date, to.slot) <= (local.date(), local.time())
