"""Undo and redo: of the person's last change to a booking in this session, and the page that lists the last ten."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from django.http import HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from accounts import roles
from accounts.views.post_only import does
from bookings.audit import Event
from bookings.errors import NothingToRedo, NothingToUndo, NotLast
from bookings.models import Booking, UndoStep
from bookings.undo import service, steps
from bookings.undo.sentences import Sentences
from bookings.views import calendar_url, notices
from bookings.views.base import PageRequest, draw, page
from bookings.views.booking import refusal
from bookings.views.notices import Button
from core.errors import DomainError, NotFound, NotPermitted
from core.web.requests import wants_json
from stations.access import Person


@dataclass(frozen=True, slots=True)
class Direction:
    """What differs between undo and redo."""

    undoes: bool
    act: Callable[..., Booking]
    next_step: Callable[[Sequence[UndoStep]], UndoStep | None]
    version: Callable[[UndoStep], int]
    """By which, with the booking, a form names the step."""
    question: Callable[[Sentences], str]
    button: Callable[[UndoStep, Booking, Person], Button]
    nothing: type[DomainError]
    refused: Promise


UNDO: Final = Direction(
    undoes=True,
    act=service.undo,
    next_step=steps.last_done,
    version=lambda step: step.version_after,
    question=Sentences.undo_question,
    button=notices.undo_button,
    nothing=NothingToUndo,
    refused=gettext_lazy("Not undone: %(change)s. %(why)s"),
)
REDO: Final = Direction(
    undoes=False,
    act=service.redo,
    next_step=steps.first_undone,
    version=lambda step: step.version_before,
    question=Sentences.redo_question,
    button=notices.redo_button,
    nothing=NothingToRedo,
    refused=gettext_lazy("Not redone: %(change)s. %(why)s"),
)


@require_http_methods(["GET", "HEAD", "POST"])
@page(roles.CHANGE)
@does(gettext_lazy("Undo"))
def undo(request: PageRequest) -> HttpResponse:
    """The list of changes; by POST, undo the last one."""
    return _act(request, UNDO) if request.method == "POST" else _list(request)


@require_http_methods(["GET", "HEAD", "POST"])
@page(roles.CHANGE)
@does(gettext_lazy("Redo"))
def redo(request: PageRequest) -> HttpResponse:
    """The list of changes; by POST, redo the one that was undone last."""
    return _act(request, REDO) if request.method == "POST" else _list(request)


def _act(request: PageRequest, direction: Direction) -> HttpResponse:
    """Undo or redo what is next. A form may name it, by booking and version: another step than that is left alone."""
    here = notices.safe(request, request.POST.get("next", ""))
    found = list(steps.stack(request.user))
    step, named = direction.next_step(found), _named(request, direction, found)
    if named and named.undone == direction.undoes and (booking := _visible(request, named)):
        event = Event(named.event)  # the button was pressed twice
        return notices.changed(request, booking, event, here=here, undone=direction.undoes)
    if step is None:
        return notices.refused(request, refusal(direction.nothing()), code=direction.nothing.code, here=here)
    booking = _visible(request, step)
    if booking is None:
        return _refused(request, NotFound(_("You no longer have access to the booking that you changed last.")))
    if request.POST.get("booking") and named != step:
        return _refused(request, NotLast(), button=direction.button(step, booking, request.user))
    if not request.POST.get("confirm") and not _is_shown(request, booking, here):
        return _ask(request, direction, step, booking, here)
    try:
        booking = direction.act(step, by=request.user)
    except NotPermitted:
        raise
    except DomainError as error:
        return _refused(request, error, text=direction.refused, change=Sentences(step, booking, request.user).called())
    return notices.changed(request, booking, Event(step.event), here=here, undone=direction.undoes)


def _named(request: PageRequest, direction: Direction, found: Sequence[UndoStep]) -> UndoStep | None:
    name = (request.POST.get("booking"), request.POST.get("version"))
    return next((step for step in found if (str(step.booking_id), str(direction.version(step))) == name), None)


def _visible(request: PageRequest, step: UndoStep) -> Booking | None:
    found = Booking.objects.visible_to(request.user).select_related("station", "customer")
    return found.filter(pk=step.booking_id).first()


def _is_shown(request: PageRequest, booking: Booking, here: str) -> bool:
    """Whether the page that the person looks at shows the booking; the list names it, and what would be done."""
    path = here.partition("?")[0]
    if path in (reverse("booking", args=[booking.pk]), reverse("undo"), reverse("redo")):
        return True
    view = calendar_url.view_at(request, here)
    return view is not None and view.shows(booking)


def _ask(request: PageRequest, direction: Direction, step: UndoStep, booking: Booking, here: str) -> HttpResponse:
    context = {
        "question": direction.question(Sentences(step, booking, request.user)),
        "button": direction.button(step, booking, request.user),
        "here": here,
    }
    if wants_json(request):
        html = render_to_string("bookings/_undo_dialog.html", context, request=request)
        return JsonResponse({"moved": False, "ask": html})
    return draw(request, "bookings/undo_question.html", context)


def _refused(
    request: PageRequest,
    error: DomainError,
    *,
    text: Promise | None = None,
    change: str = "",
    button: Button | None = None,
) -> HttpResponse:
    """A refusal that may name a customer, so that it is shown at once and never rests in the session."""
    why = refusal(error)
    sentence = str(text) % {"change": change, "why": why} if text else why
    if wants_json(request):
        context = {"button": button, "here": notices.safe(request, request.POST.get("next", ""))}
        ways = render_to_string("bookings/_undo_button.html", context, request=request) if button else ""
        return notices.refused(request, sentence, code=error.code, ways=ways)
    return _list(request, error=sentence, status=notices.status_of(error.code))


@dataclass(frozen=True, slots=True)
class Line:
    step: UndoStep
    booking: Booking | None
    """None for one that the person may not see any more."""
    text: str
    button: Button | None


def _list(request: PageRequest, *, error: str = "", status: int = 200) -> HttpResponse:
    found = list(steps.stack(request.user))
    context = {
        "lines": list(_lines(request, found)),
        "here": reverse("undo"),
        "notice": notices.taken_notice(request),
        "error": error,
    }
    return draw(request, "bookings/undo.html", context, status=status)


def _lines(request: PageRequest, found: Sequence[UndoStep]) -> Iterator[Line]:
    """Latest first; buttons on what can be undone and redone next."""
    visible = Booking.objects.visible_to(request.user).select_related("station", "customer")
    bookings = visible.in_bulk({step.booking_id for step in found})
    for step in reversed(found):
        booking = bookings.get(step.booking_id)
        if booking is None:
            yield Line(step, None, _("A booking that you no longer have access to."), None)
            continue
        direction = REDO if step.undone else UNDO
        button = direction.button(step, booking, request.user) if step == direction.next_step(found) else None
        yield Line(step, booking, Sentences(step, booking, request.user).done(), button)
