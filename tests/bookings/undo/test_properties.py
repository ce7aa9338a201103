"""Random changes of two people to a few bookings, undone and redone: against a model that remembers each state."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import time
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from accounts import roles
from accounts.customers import Contact
from accounts.models import User
from bookings import services
from bookings.models import Booking, Hold, Mail
from bookings.models.mail_state import OPEN
from bookings.models.status import Status
from bookings.services.inputs import Draft, Place
from bookings.services.verification import differences
from bookings.undo import service, steps
from core.errors import DomainError
from tests.factories import FRIDAY, SATURDAY, booking, open_station, person
from tests.samples import example_count

ROOM, TIGHT = 100, 2
CUSTOMERS = (Contact("Nora Silva", "nora@example.com"), Contact("Leo Lindqvist"), Contact(""))

State = dict[str, Any]
Acts = Sequence[tuple[int, int, tuple[str, Any]]]
"""Who does it, to which of their bookings, and what."""


@dataclass
class Step:
    booking: UUID
    before: State
    after: State
    mails: list[tuple[Any, ...]]
    """That waited before it, for the bookings of whoever did it."""


@dataclass
class Somebody:
    user: User
    done: list[Step] = field(default_factory=list)
    undone: list[Step] = field(default_factory=list)

    def push(self, step: Step) -> None:
        self.done, self.undone = [*self.done, step][-steps.MAX_STEPS :], []


def state(booking_id: UUID) -> State:
    """All of a booking that undo brings back, with its holds."""
    found = Booking.objects.values().get(pk=booking_id)
    holds = sorted(Hold.objects.filter(booking=booking_id).values_list("station", "date", "slot"))
    return {name: value for name, value in found.items() if name not in ("version", "updated_at")} | {"holds": holds}


def book() -> dict[UUID, State]:
    return {pk: state(pk) for pk in Booking.objects.values_list("pk", flat=True)}


def open_mails(bookings: Sequence[UUID]) -> list[tuple[Any, ...]]:
    found = Mail.objects.filter(state__in=OPEN, booking__in=bookings).values_list("booking", "kind", "station", "known")
    return sorted(found, key=str)


SLOTS = st.integers(17, 19)
ACTS = st.one_of(
    st.tuples(
        st.just("move"), st.tuples(st.sampled_from([FRIDAY, SATURDAY]), SLOTS, st.sampled_from(["kitchen", "bar"]))
    ),
    st.tuples(st.just("status"), st.sampled_from(list(Status))),
    st.tuples(
        st.just("edit"),
        st.fixed_dictionaries(
            {},
            optional={
                "party_adults": st.integers(1, 4),
                "slots": st.integers(1, 2),
                "special_requests": st.sampled_from(["Window", "Terrace", None]),
                "customer": st.sampled_from(CUSTOMERS),
            },
        ),
    ),
    st.tuples(st.just("create"), SLOTS),
)


class World:
    """Two people of two stations, with two bookings each: of a slot each takes `capacity` parties, and twice as many guests."""

    def __init__(self, capacity: int) -> None:
        stations = [
            open_station(code=code, hours=(17, 18, 19), capacity=capacity, guest_capacity=2 * capacity)
            for code in ("kitchen", "bar")
        ]
        self.people = [Somebody(person(roles.STAFF, *stations)) for _n in range(2)]
        for one in self.people:
            one.user.undo_stack = uuid4()
        self.own = [
            [booking(stations[0], slot=time(17 + n), customer=CUSTOMERS[n]).pk for n in range(2)] for _ in range(2)
        ]

    def act(self, who: int, which: int, change: tuple[str, Any]) -> None:
        """Do it, if the rules allow it, and remember it in the model."""
        (what, value), one, bookings, mails = change, self.people[who], self.own[who], open_mails(self.own[who])
        chosen = bookings[which % len(bookings)]
        if what == "create":
            draft = Draft("kitchen", FRIDAY, time(value), status=Status.CONFIRMED, customer=CUSTOMERS[0])
            made = services.create(draft, by=one.user)
            bookings.append(made.pk)
            after = state(made.pk)
            one.push(Step(made.pk, after | {"status": Status.CANCELLED, "holds": []}, after, mails))
            return
        before = state(chosen)
        if what == "move":
            services.reschedule(chosen, to=Place(value[0], time(value[1]), value[2]), by=one.user)
        elif what == "status":
            services.change_status(chosen, value, by=one.user)
        else:
            services.edit(chosen, value, by=one.user)
        if (after := state(chosen)) != before:
            one.push(Step(chosen, before, after, mails))


@contextmanager
def a_world(capacity: int) -> Iterator[World]:
    with transaction.atomic():
        yield World(capacity)
        transaction.set_rollback(True)


def undo(one: Somebody) -> Booking:
    step = steps.last_done(list(steps.stack(one.user)))
    assert step
    return service.undo(step, by=one.user)


def redo(one: Somebody) -> Booking:
    step = steps.first_undone(list(steps.stack(one.user)))
    assert step
    return service.redo(step, by=one.user)


def play(world: World, acts: Acts) -> None:
    for act in acts:
        with suppress(DomainError):
            world.act(*act)


def undo_all_and_redo_all(acts: Acts) -> None:
    """Each changes their own bookings, and there is room for all: so nothing is in the way of undoing."""
    with a_world(ROOM) as world:
        play(world, acts)
        mine, last, mails = world.people[0], book(), open_mails(world.own[0])
        first = {step.booking: step.before for step in reversed(mine.done)}

        for _step in mine.done:
            undo(mine)

        assert book() == last | first
        assert open_mails(world.own[0]) == (mine.done[0].mails if mine.done else mails)

        for _step in mine.done:
            redo(mine)

        assert book() == last
        # Who has heard nothing, and whose booking is not on any more, are told the same: that it is made.
        assert [mail[:3] for mail in open_mails(world.own[0])] == [mail[:3] for mail in mails]
        assert list(differences()) == []


def undo_at_random(acts: Acts, choices: Sequence[tuple[int, bool]]) -> None:
    """Both change the same few bookings, in each other's way; undo and redo come in between."""
    with a_world(TIGHT) as world:
        shared = world.own[0] + world.own[1]
        world.own = [shared, shared]
        for number, act in enumerate(acts):
            play(world, [act])
            for chooser, undoes in choices[number : number + 2]:
                one_turn(world, world.people[chooser], undoes=undoes)
        assert list(differences()) == []


def one_turn(world: World, one: Somebody, *, undoes: bool) -> None:
    """One undo or redo: the booking of the last step is in the state that it had, or nothing at all has changed."""
    before, stack = book(), one.done if undoes else one.undone
    if not stack:
        return
    step = stack[-1]
    try:
        (undo if undoes else redo)(one)
    except DomainError:
        assert book() == before
        return
    stack.pop()
    (one.undone if undoes else one.done).append(step)
    assert book() == before | {step.booking: step.before if undoes else step.after}


PLAYS = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 3), ACTS), min_size=1, max_size=14)
CHOICES = st.lists(st.tuples(st.integers(0, 1), st.booleans()), min_size=4, max_size=14)
QUICK = settings(
    max_examples=example_count(12), suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
LONG = settings(QUICK, max_examples=400, phases=[Phase.explicit, Phase.reuse, Phase.generate])


@QUICK
@given(acts=PLAYS)
def test_all_undone_the_book_is_as_it_was_and_all_redone_as_it_became(db: None, acts: Any) -> None:
    undo_all_and_redo_all(acts)


@QUICK
@given(acts=PLAYS, choices=CHOICES)
def test_undo_brings_back_the_last_step_of_its_person_or_changes_nothing(db: None, acts: Any, choices: Any) -> None:
    undo_at_random(acts, choices)


@pytest.mark.long
@LONG
@given(acts=PLAYS)
def test_many_plays_are_undone_and_redone(db: None, acts: Any) -> None:
    undo_all_and_redo_all(acts)


@pytest.mark.long
@LONG
@given(acts=PLAYS, choices=CHOICES)
def test_many_plays_are_undone_and_redone_in_between(db: None, acts: Any, choices: Any) -> None:
    undo_at_random(acts, choices)
