"""What each place would be for a booking that somebody holds in the hand: asked of the rules, before the drop."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final

from django.utils.translation import gettext as _

from bookings.calendar import days_between
from bookings.drafts import Place
from bookings.errors import Past, SlotClosed, SlotFull, TooManyGuests
from bookings.holds import Ledger
from bookings.models import Booking
from bookings.placing import free_row, require_reschedulable
from stations import statements, wording
from stations.errors import DomainError
from stations.loading import timetable_of
from stations.models import Station
from stations.timetable import LAST_DATE, local_now

FREE_DAYS: Final = 13
FREE_SHOWN: Final = 6


@dataclass(frozen=True, slots=True)
class Prospect:
    """A place: `code` is the rule that forbids it, or "". `after` is for the eye, `says` for the ear."""

    date: date
    slot: time
    code: str
    after: str
    says: str


def outlook(booking: Booking, station: Station, first: date, last: date, *, now: datetime) -> list[Prospect]:
    """Every slot from `first` to `last`, and on each day the booking's own slot, be there one or not; three queries.

    Nothing is locked: what it foretells can be overtaken, and the service asks the same rules again.
    Raises NotReschedulable.
    """
    require_reschedulable(booking)
    days = days_between(first, last)
    return list(_Outlook(booking, station, days, now).prospects())


def next_free(booking: Booking, *, now: datetime) -> list[Place]:
    """The next few places at its own station that would take the booking, from its own day or today on."""
    first = max(booking.date, local_now(booking.station, now).date())
    ahead = outlook(booking, booking.station, first, min(first + timedelta(days=FREE_DAYS), LAST_DATE), now=now)
    return [Place(one.date, one.slot) for one in ahead if not one.code and one.after][:FREE_SHOWN]


class _Outlook:
    def __init__(self, booking: Booking, station: Station, days: list[date], now: datetime) -> None:
        self._booking, self._station, self._days, self._now = booking, station, days, now
        self._timetable = timetable_of(station, days[0], days[-1])
        self._ledger = Ledger(statements.key(station.pk), days)
        self._ledger.release(booking.pk)

    def prospects(self) -> Iterator[Prospect]:
        for day in self._days:
            for start in sorted({slot.start for slot in self._timetable.slots_of(day)} | {self._booking.slot}):
                yield self._prospect(Place(day, start))

    def _prospect(self, to: Place) -> Prospect:
        where = f"{wording.long_weekday(to.date)} {wording.clock(to.slot, self._station.country)}"
        if self._is_home(to):
            return Prospect(to.date, to.slot, "", "", _("%(where)s, where it is") % {"where": where})
        try:
            slots = free_row(self._station, self._timetable, to, self._booking.slots, now=self._now)
            for slot in slots:
                self._ledger.require_room(self._booking, slot)
        except DomainError as refusal:
            return Prospect(to.date, to.slot, refusal.code, _short(refusal), f"{where}: {refusal}")
        counts = {"capacity": slots[0].capacity, "taken": self._ledger.parties(slots[0])}
        after = _("%(taken)d of %(capacity)d") % {**counts, "taken": counts["taken"] + 1}
        says = _("%(where)s, %(taken)d of %(capacity)d taken") % {"where": where, **counts}
        return Prospect(to.date, to.slot, "", after, says)

    def _is_home(self, to: Place) -> bool:
        booking = self._booking
        here = (booking.station_id, booking.date, booking.slot) == (self._station.pk, to.date, to.slot)
        return here and not booking.needs_place


def _short(refusal: DomainError) -> str:
    """The rule in so few words that a cell has room for them."""
    match refusal:
        case Past():
            return _("past")
        case SlotClosed():
            return f"{_('closed')}: {refusal.data}" if refusal.data else _("closed")
        case TooManyGuests():
            return _("room for %(left)d guests") % {"left": refusal.data}
        case SlotFull():
            return _("full")
    return _("no such slot")
