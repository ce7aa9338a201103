"""Notices after a change to a booking, with a button to undo it, and errors: on the next page, or as JSON for a page's script.

A notice waits in the session until it is shown. It holds no personal data there, only a reference to the change; its sentence
is made when it is shown.
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
from bookings.views.refusals import sentence
from core import formats
from core.errors import DomainError, page_status
from core.web import notices
from core.web.error_json import error_body
from core.web.notices import NOTICE_KEY, REFUSAL_KEY, Notice
from core.web.requests import wants_json
from stations.access import Person


@dataclass(frozen=True, slots=True)
class Button:
    """“Undo: move Nora Silva”. `version` is the booking's version in which the change can be undone or redone."""

    label: str
    action: str
    """URL name: `undo` or `redo`."""
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
    """Show on the next page that the person has changed a booking, or that it already was as they wanted it."""
    request.session[NOTICE_KEY] = _reference(booking, event)


def taken_notice(request: HttpRequest) -> Notice | None:
    """Remove the waiting notice from the session and return it."""
    if notice := notices.taken_notice(request):
        return notice
    reference: dict[str, Any] | None = request.session.pop(NOTICE_KEY, None)
    if reference is None:
        return None
    person = cast("User", request.user)
    found = Booking.objects.visible_to(person).select_related("station", "customer").filter(pk=reference["booking"])
    return next((_notice(person, booking, reference) for booking in found), None)


def change_response(
    request: PageRequest,
    booking: Booking,
    event: Event,
    *,
    here: str,
    undone: bool = False,
    step: UndoStep | None = None,
) -> HttpResponse:
    """Redirect to `here`, with a notice of what the person has done to a booking; as JSON for a page's script.

    `step` is the undo step if this request has recorded one.
    """
    reference = _reference(booking, event, undone=undone)
    if not wants_json(request):
        request.session[NOTICE_KEY] = reference
        return redirect(here or "week")
    notice = _done_notice(request.user, booking, step) if step else _notice(request.user, booking, reference)
    html = render_to_string("bookings/_notice.html", {"notice": notice, "here": here}, request=request)
    return JsonResponse({"moved": True, "booking": booking.pk, "text": notice.text, "notice": html})


def _reference(booking: Booking, event: Event, *, undone: bool = False) -> dict[str, Any]:
    return {"booking": str(booking.pk), "version": booking.version, "event": event, "undone": undone}


def _notice(person: User, booking: Booking, reference: dict[str, Any]) -> ChangeNotice:
    """Describe the person's own step that led to this version of the booking, with a button to reverse it if it is the last one.
    If there is none, the booking already was as they wanted it."""
    stack = list(steps.stack(person))
    step = next((step for step in reversed(stack) if _is_referenced(step, booking, reference)), None)
    if step is None:
        return ChangeNotice(_unchanged_text(person, booking, Event(reference["event"])))
    if step.undone:
        is_next = step == steps.first_undone(stack)
        text = Sentences(step, booking, person).undone()
        return ChangeNotice(text, redo_button(step, booking, person) if is_next else None)
    return _done_notice(person, booking, step, is_last=step == steps.last_done(stack))


def _done_notice(person: User, booking: Booking, step: UndoStep, *, is_last: bool = True) -> ChangeNotice:
    text = Sentences(step, booking, person).done()
    return ChangeNotice(text, undo_button(step, booking, person) if is_last else None)


def _is_referenced(step: UndoStep, booking: Booking, reference: dict[str, Any]) -> bool:
    version = step.version_before if step.undone else step.version_after
    return (step.booking_id, version, step.event, step.undone) == (
        booking.pk,
        reference["version"],
        reference["event"],
        reference["undone"],
    )


def _unchanged_text(person: User, booking: Booking, event: Event) -> str:
    name = sentences.who(booking, person)
    when = sentences.place(booking.date, booking.slot, booking.station.country)
    match event:
        case Event.STATUS:
            return sentences.reached(Status(booking.status), name, when)
        case Event.RESCHEDULED:
            return _("%(who)s is at %(when)s.") % {"who": name, "when": when}
        case _:
            return _("%(who)s: nothing to change.") % {"who": name}


def error_response(
    request: HttpRequest, error: DomainError, *, text: str = "", actions: str = "", here: str = ""
) -> HttpResponse:
    """Redirect to `here`, with the error above the page; as JSON for a page's script.

    `text` replaces the error's own sentence. `actions` is HTML for the script: what the person can do now.
    """
    text = text or sentence(error)
    if wants_json(request):
        body = {**error_body(request, error.code, text), "moved": False, "actions": actions}
        return JsonResponse(body, status=page_status(error.code))
    request.session[REFUSAL_KEY] = text
    return redirect(here or "week")


def format_slot(booking: Booking) -> str:
    """“Saturday 8 March 19:00”."""
    country = booking.station.country
    return formats.format_datetime(formats.format_long_date(booking.date, country), booking.slot, country)


def safe_path(request: HttpRequest, address: str) -> str:
    """The address if it is one of this site, to redirect to; else ""."""
    is_own = url_has_allowed_host_and_scheme(address, allowed_hosts=None, require_https=request.is_secure())
    return address if is_own and address.startswith("/") else ""
