"""What a page tells after something was done or refused, with the way back: in the page itself, or as JSON for its script.

A notice is kept in the session until it is shown, and never holds personal data: of a change to a booking it keeps what the
change is found by, and the sentence is made when it is shown.
"""

from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _

from accounts.models import User
from bookings.audit import Event
from bookings.models import Booking, UndoStep
from bookings.models.status import Status
from bookings.undo import sentences, steps
from bookings.undo.sentences import Sentences
from bookings.views.base import PageRequest
from core import formats
from core.web import notices
from core.web.notices import NOTICE_KEY, REFUSAL_KEY, Notice
from core.web.requests import wants_json
from stations.access import Person


@dataclass(frozen=True, slots=True)
class Button:
    """“Undo: move Nora Silva”. The change is named by its booking, and by the version in which it can be undone or redone."""

    label: str
    action: str
    """Name of the address: `undo` or `redo`."""
    booking: UUID
    version: int


@dataclass(frozen=True, slots=True)
class ChangeNotice(Notice):
    button: Button | None = None


def undo_button(step: UndoStep, booking: Booking, person: Person) -> Button:
    label = Sentences(step, booking, person).undo_label()
    return Button(label, "undo", step.booking_id, step.version_after)


def redo_button(step: UndoStep, booking: Booking, person: Person) -> Button:
    label = Sentences(step, booking, person).redo_label()
    return Button(label, "redo", step.booking_id, step.version_before)


def keep_change(request: PageRequest, booking: Booking, event: Event) -> None:
    """Keep that the person has changed a booking, or found it as they wanted it."""
    request.session[NOTICE_KEY] = _reference(booking, event)


def taken_notice(request: HttpRequest) -> Notice | None:
    """The notice to show on this page, once."""
    if notice := notices.taken_notice(request):
        return notice
    kept: dict[str, Any] | None = request.session.pop(NOTICE_KEY, None)
    if kept is None:
        return None
    person = cast("User", request.user)
    found = Booking.objects.visible_to(person).select_related("station", "customer").filter(pk=kept["booking"])
    return next((_notice(person, booking, kept) for booking in found), None)


def changed(request: PageRequest, booking: Booking, event: Event, *, here: str, undone: bool = False) -> HttpResponse:
    """Say what the person has done to a booking: to the page's script, or on the page where they go next."""
    reference = _reference(booking, event, undone=undone)
    if not wants_json(request):
        request.session[NOTICE_KEY] = reference
        return redirect(here or "week")
    notice = _notice(request.user, booking, reference)
    html = render_to_string("bookings/_notice.html", {"notice": notice, "here": here}, request=request)
    return JsonResponse({"moved": True, "booking": booking.pk, "text": notice.text, "notice": html})


def _reference(booking: Booking, event: Event, *, undone: bool = False) -> dict[str, Any]:
    return {"booking": str(booking.pk), "version": booking.version, "event": event, "undone": undone}


def _notice(person: User, booking: Booking, reference: dict[str, Any]) -> ChangeNotice:
    """The sentence about the person's own step that brought the booking to this version, and the button that takes it back.
    Where there is no such step, the booking was as they wanted it already."""
    found = list(steps.stack(person))
    step = next((step for step in reversed(found) if _is_meant(step, booking, reference)), None)
    if step is None:
        return ChangeNotice(_as_it_is(person, booking, Event(reference["event"])))
    text = Sentences(step, booking, person)
    if step.undone:
        is_next = step == steps.first_undone(found)
        return ChangeNotice(text.undone(), redo_button(step, booking, person) if is_next else None)
    is_next = step == steps.last_done(found)
    return ChangeNotice(text.done(), undo_button(step, booking, person) if is_next else None)


def _is_meant(step: UndoStep, booking: Booking, reference: dict[str, Any]) -> bool:
    version = step.version_before if step.undone else step.version_after
    return (step.booking_id, version, step.event, step.undone) == (
        booking.pk,
        reference["version"],
        reference["event"],
        reference["undone"],
    )


def _as_it_is(person: User, booking: Booking, event: Event) -> str:
    name = sentences.who(booking, person)
    when = sentences.place(booking.date, booking.slot, booking.station.country)
    match event:
        case Event.STATUS:
            return sentences.reached(Status(booking.status), name, when)
        case Event.RESCHEDULED:
            return _("%(who)s is at %(when)s.") % {"who": name, "when": when}
        case _:
            return _("%(who)s: nothing to change.") % {"who": name}


def refused(
    request: HttpRequest, sentence: str, *, code: str = "invalid", ways: str = "", here: str = ""
) -> HttpResponse:
    """A refusal that has no form of its own to stand on; `ways` is HTML with what the person may do now."""
    if wants_json(request):
        return JsonResponse({"moved": False, "code": code, "error": sentence, "ways": ways}, status=status_of(code))
    request.session[REFUSAL_KEY] = sentence
    return redirect(here or "week")


def status_of(code: str) -> int:
    return {"stale": 409, "not_last": 409, "not_found": 404}.get(code, 400)


def place_of(booking: Booking) -> str:
    """“Saturday 8 March 19:00”."""
    country = booking.station.country
    return formats.format_datetime(formats.format_long_date(booking.date, country), booking.slot, country)


def safe(request: HttpRequest, address: str) -> str:
    """An address to go back to, if it is one of ours; else nothing."""
    ours = url_has_allowed_host_and_scheme(address, allowed_hosts=None, require_https=request.is_secure())
    return address if ours and address.startswith("/") else ""
