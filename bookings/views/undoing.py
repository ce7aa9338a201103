"""Taking moves back: the last ten of this person, remembered in their session by ids alone, each asked of the rules again."""

from datetime import date, time
from typing import Final, TypedDict
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from accounts import roles
from bookings import services
from bookings.models import Booking
from bookings.services import Place
from bookings.views import notices
from bookings.views.access import PageRequest, page
from bookings.views.booking import refusal
from stations.errors import DomainError

KEY: Final = "moves"
REMEMBERED: Final = 10


class Move(TypedDict):
    """A move that can be taken back: where the booking came from, and its versions before and after."""

    booking: str
    station: str
    date: str
    slot: str
    before: int
    after: int


def remember(request: HttpRequest, booking: Booking, back: Place) -> Move:
    """Keep, and return, that the person has just moved this booking from `back`, station included."""
    move = Move(
        booking=str(booking.pk),
        station=back.station or booking.station.code,
        date=back.date.isoformat(),
        slot=f"{back.slot:%H:%M}",
        before=booking.version - 1,
        after=booking.version,
    )
    request.session[KEY] = [*_moves(request), move][-REMEMBERED:]
    return move


@require_POST
@page(roles.CHANGE)
def undo(request: PageRequest) -> HttpResponse:
    """Take back the move that is named by booking and version, or the last one."""
    here = notices.safe(request, request.POST.get("next", ""))
    move = _forget(request, request.POST.get("booking", ""), request.POST.get("version", ""))
    if move is None:
        return notices.refused(request, _("There is no move left to undo."), here=here)
    try:
        booking = services.reschedule(
            UUID(move["booking"]), to=_place(move), by=request.user, seen_version=move["after"]
        )
    except DomainError as error:
        return notices.refused(request, refusal(error), code=error.code, here=here)
    _renumber(request, move, booking)
    text = _("Taken back: %(place)s again.") % {"place": notices.place_of(booking)}
    return notices.done(request, text, undo=last_move(request), here=here)


def last_move(request: HttpRequest) -> Move | None:
    """What “Undo” would take back now."""
    return next(reversed(_moves(request)), None)


def _moves(request: HttpRequest) -> list[Move]:
    found: list[Move] = request.session.get(KEY, [])
    return found


def _forget(request: HttpRequest, booking_id: str, version: str) -> Move | None:
    """The move, taken out of the list: whether it can be taken back or not, it is tried once."""
    moves = _moves(request)
    named = [move for move in moves if (move["booking"], str(move["after"])) == (booking_id, version)]
    wanted = next(reversed(named if booking_id else moves), None)
    request.session[KEY] = [move for move in moves if move is not wanted]
    return wanted


def _renumber(request: HttpRequest, undone: Move, booking: Booking) -> None:
    """An earlier move of the same booking ended in the version that undoing has brought back under a new number."""
    for move in _moves(request):
        if (move["booking"], move["after"]) == (undone["booking"], undone["before"]):
            move["after"] = booking.version
    request.session.modified = True


def _place(move: Move) -> Place:
    return Place(date.fromisoformat(move["date"]), time.fromisoformat(move["slot"]), move["station"])
