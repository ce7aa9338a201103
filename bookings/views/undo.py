"""Undo and redo of the person's changes to bookings in this session, and the page that lists the last ten."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
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
from bookings.views.base import PageRequest, page, render_page
from bookings.views.notices import Button
from bookings.views.refusals import on_refusal, sentence
from core.errors import DomainError, NotFound, NotPermitted, page_status
from core.web.requests import wants_json
from stations.access import Person


@dataclass(frozen=True, slots=True)
class Direction:
    """What differs between undo and redo."""

    undoes: bool
    act: Callable[..., Booking]
    next_step: Callable[[Sequence[UndoStep]], UndoStep | None]
    version: Callable[[UndoStep], int]
    """The version of the booking by which a form identifies the step."""
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


def _refused(direction: Direction, request: PageRequest, error: DomainError) -> HttpResponse:
    """Explain why the next step was not undone or redone. Never kept in the session: the sentence may name a customer."""
    if isinstance(error, NotPermitted):
        raise error
    here = notices.safe_path(request, request.POST.get("next", ""))
    step = direction.next_step(list(steps.stack(request.user)))
    if step is None:
        return notices.error_response(request, error, here=here)
    text, button, booking = sentence(error), None, _visible(request, step)
    if booking and isinstance(error, NotLast):
        button = direction.button(step, booking, request.user)
    elif booking:
        text = str(direction.refused) % {"change": Sentences(step, booking, request.user).name(), "why": text}
    if not wants_json(request):
        return _list(request, error=text, status=page_status(error.code))
    context = {"button": button, "here": here}
    actions = render_to_string("bookings/_undo_button.html", context, request=request) if button else ""
    return notices.error_response(request, error, text=text, actions=actions)


@require_http_methods(["GET", "HEAD", "POST"])
@page(roles.CHANGE)
@on_refusal(partial(_refused, UNDO))
@does(gettext_lazy("Undo"))
def undo(request: PageRequest) -> HttpResponse:
    """The list of changes; by POST, undo the last one."""
    return _act(request, UNDO) if request.method == "POST" else _list(request)


@require_http_methods(["GET", "HEAD", "POST"])
@page(roles.CHANGE)
@on_refusal(partial(_refused, REDO))
@does(gettext_lazy("Redo"))
def redo(request: PageRequest) -> HttpResponse:
    """The list of changes; by POST, redo the last undone one."""
    return _act(request, REDO) if request.method == "POST" else _list(request)


def _act(request: PageRequest, direction: Direction) -> HttpResponse:
    """Undo or redo the next step. If the form names another step, by booking and version, nothing is done."""
    here = notices.safe_path(request, request.POST.get("next", ""))
    stack = list(steps.stack(request.user))
    step, named = direction.next_step(stack), _named(request, direction, stack)
    if named and named.undone == direction.undoes and (booking := _visible(request, named)):
        event = Event(named.event)  # the button was pressed twice
        return notices.change_response(request, booking, event, here=here, undone=direction.undoes)
    if step is None:
        raise direction.nothing
    booking = _visible(request, step)
    if booking is None:
        raise NotFound(_("You no longer have access to the booking that you changed last."))
    if request.POST.get("booking") and named != step:
        raise NotLast
    if not request.POST.get("confirm") and not _is_shown(request, booking, here):
        return _ask(request, direction, step, booking, here)
    booking = direction.act(step, by=request.user)
    return notices.change_response(request, booking, Event(step.event), here=here, undone=direction.undoes)


def _named(request: PageRequest, direction: Direction, stack: Sequence[UndoStep]) -> UndoStep | None:
    name = (request.POST.get("booking"), request.POST.get("version"))
    return next((step for step in stack if (str(step.booking_id), str(direction.version(step))) == name), None)


def _visible(request: PageRequest, step: UndoStep) -> Booking | None:
    found = Booking.objects.visible_to(request.user).select_related("station", "customer")
    return found.filter(pk=step.booking_id).first()


def _is_shown(request: PageRequest, booking: Booking, here: str) -> bool:
    """Whether the page that the person is on shows the booking. The list of changes names it, too."""
    path = here.partition("?")[0]
    if path in (reverse("booking", args=[booking.pk]), reverse("undo"), reverse("redo")):
        return True
    view = calendar_url.view_of_address(request, here)
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
    return render_page(request, "bookings/undo_question.html", context)


@dataclass(frozen=True, slots=True)
class Line:
    step: UndoStep
    booking: Booking | None
    """None if the person no longer has access to it."""
    text: str
    button: Button | None


def _list(request: PageRequest, *, error: str = "", status: int = 200) -> HttpResponse:
    context = {
        "lines": list(_lines(request, list(steps.stack(request.user)))),
        "here": reverse("undo"),
        "notice": notices.taken_notice(request),
        "error": error,
    }
    return render_page(request, "bookings/undo.html", context, status=status)


def _lines(request: PageRequest, stack: Sequence[UndoStep]) -> Iterator[Line]:
    """Latest first, with buttons for the steps that can be undone or redone next."""
    visible = Booking.objects.visible_to(request.user).select_related("station", "customer")
    bookings = visible.in_bulk({step.booking_id for step in stack})
    for step in reversed(stack):
        booking = bookings.get(step.booking_id)
        if booking is None:
            yield Line(step, None, _("A booking that you no longer have access to."), None)
            continue
        direction = REDO if step.undone else UNDO
        button = direction.button(step, booking, request.user) if step == direction.next_step(stack) else None
        yield Line(step, booking, Sentences(step, booking, request.user).done(), button)
