"""Random sequences of every way to write, against a model of the truth that knows nothing of holds and lanes."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import time, timedelta
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts import roles
from bookings import services
from bookings.models import Booking
from bookings.services import Draft, Place
from bookings.timetables import changing
from bookings.verifying import differences
from bookings.workflow import STEPS, Status
from stations.errors import DomainError
from stations.models import Station, TimetableException
from tests.factories import FRIDAY, UserFactory, open_station

DAYS = (FRIDAY, FRIDAY + timedelta(days=1))
HOURS = (17, 18, 19)
CAPACITY, GUESTS = 2, 7
Where = tuple[int, int]


@dataclass(frozen=True)
class Party:
    """A booking as the model knows it: day and hour by index."""

    where: Where
    slots: int
    guests: int
    status: Status
    displaced: bool = False

    @property
    def holds(self) -> list[Where]:
        if self.status == Status.CANCELLED or self.displaced:
            return []
        day, hour = self.where
        return [(day, hour + offset) for offset in range(self.slots)]


@dataclass
class Truth:
    """Who stands where, and what is open."""

    parties: list[Party] = field(default_factory=list)
    closed: set[Where] = field(default_factory=set)

    def exists(self, where: Where, slots: int) -> bool:
        return where[1] + slots <= len(HOURS)

    def fits(self, party: Party, *, beside: int | None = None) -> bool:
        """Whether a party may stand where it wants, beside all but the one it replaces."""
        if not self.exists(party.where, party.slots) or any(where in self.closed for where in party.holds):
            return False
        others = [other for index, other in enumerate(self.parties) if index != beside]
        return all(
            len(there) < CAPACITY and sum(other.guests for other in there) + party.guests <= GUESTS
            for where in party.holds
            for there in [[other for other in others if where in other.holds]]
        )


places = st.tuples(st.sampled_from(range(2)), st.sampled_from(range(len(HOURS))))
which = st.integers(0, 5)
actions = st.one_of(
    st.tuples(st.just("create"), places, st.integers(1, 3), st.integers(1, 5)),
    st.tuples(st.just("import"), places, st.integers(1, 3), st.integers(1, 5), st.sampled_from(Status)),
    st.tuples(st.just("move"), which, places),
    st.tuples(st.just("step"), which, st.sampled_from(Status)),
    st.tuples(st.just("resize"), which, st.integers(1, 3), st.integers(1, 5)),
    st.tuples(st.just("amend"), which, places, st.integers(1, 3), st.integers(1, 5)),
    st.tuples(st.just("admin"), which, places, st.integers(1, 3), st.integers(1, 5)),
    st.tuples(st.just("close"), places),
    st.tuples(st.just("open"), places),
)


class World:
    """The product and the truth side by side: each action is done to both, and both must say the same."""

    def __init__(self) -> None:
        self.station = open_station(hours=HOURS, capacity=CAPACITY, guest_capacity=GUESTS)
        self.truth = Truth()
        self.ids: list[Any] = []
        self.admin = Client()
        self.admin.force_login(UserFactory(is_superuser=True))

    def do(self, action: tuple[Any, ...]) -> None:
        name, *words = action
        if name in ("move", "step", "resize", "amend", "admin") and words[0] >= len(self.ids):
            return
        getattr(self, f"_{name}")(*words)
        self.compare()

    def _both(self, expected: bool, change: Callable[[], Any]) -> Any:
        try:
            done = change()
        except DomainError:
            done = None
        assert (done is not None) == expected
        return done

    def _create(self, where: Where, slots: int, guests: int) -> None:
        party = Party(where, slots, guests, Status.CONFIRMED)
        made = self._both(self.truth.fits(party), lambda: services.create(self._draft(party), by=roles.OPERATOR))
        if made:
            self._add(made, party)

    def _import(self, where: Where, slots: int, guests: int, status: Status) -> None:
        party = Party(where, slots, guests, status)
        [made] = services.create_many([self._draft(party)], by=roles.OPERATOR)
        assert isinstance(made, Booking) == self.truth.fits(party)
        if isinstance(made, Booking):
            self._add(made, party)

    def _add(self, made: Booking, party: Party) -> None:
        self.ids.append(made.pk)
        self.truth.parties.append(party)

    def _move(self, index: int, where: Where) -> None:
        party = self.truth.parties[index]
        wanted = replace(party, where=where, displaced=False)
        same = where == party.where and not party.displaced
        may = party.status in (Status.PENDING, Status.CONFIRMED)
        expected = may and (same or self.truth.fits(wanted, beside=index))
        place = Place(DAYS[where[0]], time(HOURS[where[1]]))
        if self._both(expected, lambda: services.reschedule(self.ids[index], to=place, by=roles.OPERATOR)):
            self.truth.parties[index] = wanted

    def _step(self, index: int, to: Status) -> None:
        party = self.truth.parties[index]
        wanted = replace(party, status=to, displaced=party.displaced and to != Status.CANCELLED)
        restored = party.status == Status.CANCELLED
        expected = to in STEPS[party.status] and (not restored or self.truth.fits(wanted, beside=index))
        if self._both(expected, lambda: services.change_status(self.ids[index], to, by=roles.OPERATOR)):
            self.truth.parties[index] = wanted

    def _resize(self, index: int, slots: int, guests: int) -> None:
        party = self.truth.parties[index]
        wanted = replace(party, slots=slots, guests=guests)
        expected = self._may_resize(index, party, wanted)
        changes = {"slots": slots, "party_adults": guests}
        if self._both(expected, lambda: services.edit(self.ids[index], changes, by=roles.OPERATOR)):
            self.truth.parties[index] = wanted

    def _may_resize(self, index: int, party: Party, wanted: Party) -> bool:
        if not wanted.holds:
            return self.truth.exists(wanted.where, wanted.slots) or wanted.slots == party.slots
        if (wanted.slots, wanted.guests) == (party.slots, party.guests):
            return True
        smaller = wanted.slots == party.slots and wanted.guests <= party.guests
        return smaller or self.truth.fits(wanted, beside=index)

    def _amend(self, index: int, where: Where, slots: int, guests: int) -> None:
        """The same row again in an import, with another place and size."""
        party = self.truth.parties[index]
        moved = where != party.where
        wanted = replace(party, where=where, slots=slots, guests=guests, displaced=party.displaced and not moved)
        if not moved:
            expected = self._may_resize(index, party, wanted)
        elif not wanted.holds:
            expected = self.truth.exists(where, slots)
        else:
            expected = self.truth.fits(wanted, beside=index)
        changes = {
            "date": DAYS[where[0]],
            "slot": time(HOURS[where[1]]),
            "slots": slots,
            "party_adults": guests,
        }
        if self._both(expected, lambda: services.amend(self.ids[index], changes, by=roles.OPERATOR)):
            self.truth.parties[index] = wanted

    def _admin(self, index: int, where: Where, slots: int, guests: int) -> None:
        """One save of the admin's form: first the edit where the booking stands, then the move, both or neither."""
        party = self.truth.parties[index]
        resized = replace(party, slots=slots, guests=guests)
        moves = where != party.where
        moved = replace(resized, where=where, displaced=False) if moves else resized
        may_move = party.status in (Status.PENDING, Status.CONFIRMED) and self.truth.fits(moved, beside=index)
        expected = self._may_resize(index, party, resized) and (may_move or not moves)
        day, hour = where
        words = {
            "station": self.station.pk,
            "date": DAYS[day],
            "slot": f"{HOURS[hour]}:00",
            "slots": slots,
            "status": party.status,
            "party_adults": guests,
            "party_kids": 0,
            "total_due_cents": 0,
            "deposit_due_cents": 0,
            "seen_version": Booking.objects.get(pk=self.ids[index]).version,
        }
        answer = self.admin.post(f"/admin/bookings/booking/{self.ids[index]}/change/", words)
        assert answer.status_code == (302 if expected else 200)
        if expected:
            self.truth.parties[index] = moved

    def _close(self, where: Where) -> None:
        with changing(self.station, by=roles.OPERATOR, displace=True):
            TimetableException.objects.get_or_create(
                station=self.station, date=DAYS[where[0]], slot=time(HOURS[where[1]]), closed=True
            )
        self.truth.closed.add(where)
        self.truth.parties = [
            replace(party, displaced=party.displaced or where in party.holds) for party in self.truth.parties
        ]

    def _open(self, where: Where) -> None:
        with changing(self.station, by=roles.OPERATOR):
            TimetableException.objects.filter(
                station=self.station, date=DAYS[where[0]], slot=time(HOURS[where[1]])
            ).delete()
        self.truth.closed.discard(where)

    def _draft(self, party: Party) -> Draft:
        day, hour = party.where
        return Draft(
            station=self.station.code,
            date=DAYS[day],
            slot=time(HOURS[hour]),
            slots=party.slots,
            party_adults=party.guests,
            status=party.status,
        )

    def compare(self) -> None:
        """The product's bookings are the truth's, and its ledger proves itself."""
        found = {
            booking.pk: Party(
                (DAYS.index(booking.date), HOURS.index(booking.slot.hour)),
                booking.slots,
                booking.party_adults,
                Status(booking.status),
                booking.needs_place,
            )
            for booking in Booking.objects.filter(station=self.station)
        }
        assert found == dict(zip(self.ids, self.truth.parties, strict=True))
        assert not list(differences())


def play(sequence: list[tuple[Any, ...]]) -> None:
    with transaction.atomic():
        world = World()
        for action in sequence:
            world.do(action)
        transaction.set_rollback(True)
    assert not Station.objects.exists()


sequences = st.lists(actions, min_size=4, max_size=14)
checks = list(HealthCheck)


@given(sequences)
@settings(max_examples=40, deadline=None, suppress_health_check=checks)
def test_any_sequence_of_writes_agrees_with_the_truth(db: None, sequence: list[tuple[Any, ...]]) -> None:
    play(sequence)


@pytest.mark.long
@given(sequences)
@settings(max_examples=1500, deadline=None, suppress_health_check=checks)
def test_very_many_sequences_of_writes_agree_with_the_truth(db: None, sequence: list[tuple[Any, ...]]) -> None:
    play(sequence)
