"""Random evenings, against a model without lanes: who has a place in which hour as guests come, stay away and leave."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID

import pytest
import time_machine
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts import roles
from bookings import services
from bookings.models import Hold
from bookings.models.status import RESCHEDULABLE, Status
from bookings.services import Draft, Place
from bookings.services.verification import differences
from core.errors import DomainError
from tests.factories import FRIDAY, open_station
from tests.samples import example_count

OPENS, CLOSES, CAPACITY = 17, 22, 2
HALF_PAST_FIVE = datetime(2031, 3, 7, 16, 30, tzinfo=UTC)
PRESENT_OR_EXPECTED = (Status.PENDING, Status.CONFIRMED, Status.ARRIVED)

hours, lengths, which = st.integers(OPENS, CLOSES - 1), st.sampled_from([1, 2, 2, 3]), st.integers(0, 9)
bookings = st.tuples(st.just("book"), hours, lengths, st.sampled_from(PRESENT_OR_EXPECTED))
actions = st.one_of(
    st.just(("wait",)),
    st.just(("wait",)),
    bookings,
    st.tuples(st.just("step"), which, st.sampled_from([*Status])),
    st.tuples(st.just("step"), which, st.sampled_from([Status.NO_SHOW, Status.COMPLETED, Status.ARRIVED])),
    st.tuples(st.just("step_and_back"), which, st.sampled_from([Status.NO_SHOW, Status.COMPLETED])),
    st.tuples(st.just("resize"), which, lengths),
    st.tuples(st.just("move"), which, hours),
)


@dataclass
class Party:
    """A booking as the model knows it: `held` are the hours in which it has a place."""

    pk: UUID
    start: int
    slots: int
    status: Status
    held: set[int]

    @property
    def hours(self) -> range:
        return range(self.start, self.start + self.slots)


@dataclass
class Evening:
    """A station and the model side by side."""

    clock: time_machine.Traveller
    parties: list[Party] = field(default_factory=list)
    now: float = 17.5

    def do(self, action: tuple[Any, ...]) -> None:
        name, *rest = action
        if name in ("step", "step_and_back", "resize", "move"):
            if not self.parties:
                return
            rest[0] = self.parties[rest[0] % len(self.parties)]
        getattr(self, name)(*rest)
        assert {party.pk: party.held for party in self.parties if party.held} == ledger()
        assert [*differences()] == []

    def wait(self) -> None:
        self.now += 0.5
        self.clock.move_to(HALF_PAST_FIVE + timedelta(hours=self.now - 17.5))

    def book(self, hour: int, slots: int, status: Status) -> None:
        wanted = range(hour, hour + slots)
        is_allowed = hour + 1 > self.now and not (status == Status.ARRIVED and hour > self.now)
        draft = Draft("kitchen", FRIDAY, time(hour), slots=slots, party_adults=1, status=status)
        try:
            made = services.create(draft, by=roles.OPERATOR)
        except DomainError:
            assert not (is_allowed and self.has_room(wanted))
        else:
            assert is_allowed
            assert self.has_room(wanted)
            self.parties.append(Party(made.pk, hour, slots, status, {*wanted}))

    def step(self, party: Party, to: Status) -> None:
        held = self.held_as(party, to)
        is_allowed = to in (party.status, *party.status.facts.steps)
        is_allowed = is_allowed and self.has_room(held - party.held, besides=party)
        self.change(is_allowed, party, services.change_status, to)
        if is_allowed and to != party.status:
            party.status, party.held = to, held

    def step_and_back(self, party: Party, to: Status) -> None:
        """A mistake: a no-show who comes, or a guest who is still there."""
        self.step(party, to)
        self.step(party, Status.ARRIVED)

    def held_as(self, party: Party, to: Status) -> set[int]:
        if to in PRESENT_OR_EXPECTED and party.status in PRESENT_OR_EXPECTED:
            return party.held
        if to in PRESENT_OR_EXPECTED:
            is_over = party.start + party.slots <= self.now
            return party.held | (set() if is_over else {hour for hour in party.hours if hour + 1 > self.now})
        return {hour for hour in party.held if hour <= self.now} if to == Status.COMPLETED else set()

    def resize(self, party: Party, slots: int) -> None:
        wanted = range(party.start, party.start + slots)
        held = {hour for hour in wanted if hour in party.held}
        if party.status in PRESENT_OR_EXPECTED:
            held |= {hour for hour in wanted if hour + 1 > self.now}
        is_allowed = slots == party.slots or (wanted.stop <= CLOSES and self.has_room(held, besides=party))
        self.change(is_allowed, party, services.edit, {"slots": slots})
        if is_allowed and slots != party.slots:
            party.slots, party.held = slots, held

    def move(self, party: Party, hour: int) -> None:
        wanted = range(hour, hour + party.slots)
        is_there = hour == party.start
        is_allowed = is_there or (hour > self.now and self.has_room(wanted, besides=party))
        is_allowed = is_allowed and party.status in RESCHEDULABLE
        to = Place(FRIDAY, time(hour))
        self.change(is_allowed, party, lambda pk, by: services.reschedule(pk, to=to, by=by))
        if is_allowed and not is_there:
            party.start, party.held = hour, {*wanted}

    def change(self, is_allowed: bool, party: Party, service: Any, *arguments: Any) -> None:
        if is_allowed:
            service(party.pk, *arguments, by=roles.OPERATOR)
        else:
            with pytest.raises(DomainError):
                service(party.pk, *arguments, by=roles.OPERATOR)

    def has_room(self, wanted: Any, besides: Party | None = None) -> bool:
        taken = [other.held for other in self.parties if other is not besides]
        return all(hour < CLOSES and sum(hour in held for held in taken) < CAPACITY for hour in wanted)


def ledger() -> dict[UUID, set[int]]:
    found: dict[UUID, set[int]] = {}
    for pk, start in Hold.objects.values_list("booking", "slot"):
        found.setdefault(pk, set()).add(start.hour)
    return found


sequences = st.builds(
    lambda first, then: [*first, *then],
    st.lists(bookings, min_size=3, max_size=6),
    st.lists(actions, min_size=15, max_size=40),
)


@given(sequences)
@settings(max_examples=example_count(25), deadline=None, suppress_health_check=list(HealthCheck))
def test_any_evening_agrees_with_the_model(db: None, sequence: list[tuple[Any, ...]]) -> None:
    with time_machine.travel(HALF_PAST_FIVE, tick=False) as clock, transaction.atomic():
        open_station(hours=range(OPENS, CLOSES), capacity=CAPACITY, code="kitchen")
        evening = Evening(clock)
        for action in sequence:
            evening.do(action)
        transaction.set_rollback(True)
