"""Random sequences of every way to write, against a model of the truth that knows nothing of holds and lanes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, time
from io import BytesIO
from typing import Any

import pytest
import time_machine
from django.db import transaction
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts import roles
from bookings import services
from bookings.importing.run import Import, ImportOptions
from bookings.models import Booking
from bookings.models.status import RESCHEDULABLE, Status
from bookings.services.timetable_changes import timetable_change
from bookings.services.verification import differences
from core.errors import DomainError
from stations.models import Station, TimetableException
from tests.bookings.truth import CAPACITY, DAYS, GUESTS, HOURS, STATIONS, Party, Truth, Where
from tests.factories import UserFactory, open_station
from tests.samples import example_count

station, day, hour = (st.integers(0, len(known) - 1) for known in (STATIONS, DAYS, HOURS))
places = st.tuples(station, day, hour)
which, slots, guests = st.integers(0, 20), st.sampled_from([1, 1, 2, 3]), st.integers(1, 5)
statuses = st.sampled_from([Status.CONFIRMED, Status.CONFIRMED, *Status])
agreed = st.booleans()
party = (places, slots, guests, statuses)
edits = st.fixed_dictionaries({}, optional={"where": places, "slots": slots, "guests": guests, "status": statuses})
several = st.lists(st.tuples(*party), min_size=1, max_size=9)
actions = st.one_of(
    st.tuples(st.just("create"), *party),
    st.tuples(st.just("create_many"), several),
    st.tuples(st.just("import_file"), several),
    st.tuples(st.just("import_again"), which, edits),
    st.tuples(st.just("move"), which, places),
    st.tuples(st.just("step"), which, st.integers(0, 9)),
    st.tuples(st.just("resize"), which, edits),
    st.tuples(st.just("add_in_admin"), *party),
    st.tuples(st.just("save_in_admin"), which, edits),
    st.tuples(st.just("close"), places, agreed),
    st.tuples(st.just("open"), which),
    st.tuples(st.just("allow"), station, st.integers(1, 3), agreed),
)


class World:
    """The product and the truth side by side: each action is done to both, and both must say the same."""

    def __init__(self) -> None:
        self.stations = [
            open_station(hours=HOURS, capacity=CAPACITY, guest_capacity=GUESTS, code=code) for code in STATIONS
        ]
        self.truth = Truth()
        self.ids: list[Any] = []
        self.refs: set[str] = set()
        self.rows: dict[int, tuple[str, Party]] = {}
        """The reference of each booking that came of a file, and what a file said of it last."""
        self.admin = Client()
        self.admin.force_login(UserFactory(is_superuser=True))

    def do(self, action: tuple[Any, ...]) -> None:
        name, *words = action
        if name in ("import_again", "move", "step", "resize", "save_in_admin"):
            known = sorted(self.rows) if name == "import_again" else range(len(self.ids))
            if not known:
                return
            words[0] = known[words[0] % len(known)]
        getattr(self, f"_{name}")(*words)
        self.compare()

    def _fits(self, party: Party) -> bool:
        return self.truth.fits(party, self.truth.parties)

    def _add(self, pk: Any, party: Party) -> None:
        self.ids.append(pk)
        self.truth = self.truth.with_party(party)

    def _both(self, index: int, after: Party | None, change: Callable[..., Any], *words: Any) -> None:
        """A change of one booking, which the truth says it becomes, or None where it must be refused."""
        try:
            change(self.ids[index], *words, by=roles.OPERATOR)
        except DomainError:
            assert after is None
        else:
            assert after is not None
            self.truth = self.truth.with_party(after, index)

    # --- services ----------------------------------------------------------------------------------------------------

    def _create(self, *words: Any) -> None:
        party = Party(*words)
        try:
            made = services.create(party.draft, by=roles.OPERATOR)
        except DomainError:
            assert party.status not in RESCHEDULABLE or not self._fits(party)
        else:
            assert party.status in RESCHEDULABLE
            assert self._fits(party)
            self._add(made.pk, party)

    def _create_many(self, wanted: Sequence[tuple[Any, ...]]) -> None:
        """One station after the other, each in the order given."""
        parties = [Party(*words) for words in wanted]
        made = services.create_many([party.draft for party in parties], by=roles.OPERATOR)
        for party, result in sorted(zip(parties, made, strict=True), key=lambda pair: pair[0].where[0]):
            assert isinstance(result, Booking) == self._fits(party)
            if isinstance(result, Booking):
                self._add(result.pk, party)

    def _move(self, index: int, where: Where) -> None:
        to = replace(self.truth.parties[index], where=where).place
        self._both(index, self.truth.moved(index, where), lambda pk, by: services.reschedule(pk, to=to, by=by))

    def _step(self, index: int, choice: int) -> None:
        """One of the steps that there are, or any other status."""
        choices = [*self.truth.parties[index].status.facts.steps, *Status]
        to = choices[choice % len(choices)]
        self._both(index, self.truth.stepped(index, to), services.change_status, to)

    def _resize(self, index: int, edits: dict[str, Any]) -> None:
        changes: dict[str, Any] = {name: edits[name] for name in ("slots", "guests") if name in edits}
        words = {"party_adults" if name == "guests" else name: value for name, value in changes.items()}
        self._both(index, self.truth.amended(index, changes), services.edit, words)

    # --- import ------------------------------------------------------------------------------------------------------

    def _import_file(self, wanted: Sequence[tuple[Any, ...]]) -> None:
        """A file of new rows; as in `_create_many`, one station comes after the other."""
        rows = {f"R{len(self.refs) + number}": Party(*words) for number, words in enumerate(wanted)}
        summary = self._imported(rows)
        known = dict(Booking.objects.filter(external_ref__in=rows).values_list("external_ref", "pk"))
        for ref, party in sorted(rows.items(), key=lambda row: row[1].where[0]):
            assert (ref in known) == self._fits(party)
            if ref in known:
                self.rows[len(self.ids)] = ref, party
                self._add(known[ref], party)
        self.refs |= rows.keys()
        assert (summary["created"], summary["refused"]) == (len(known), len(rows) - len(known))

    def _import_again(self, index: int, edits: dict[str, Any]) -> None:
        """A row changed under its reference: only what the file says otherwise than last time is wanted."""
        ref, before = self.rows[index]
        wanted = replace(before, **edits)
        row = replace(wanted, where=(before.where[0], *wanted.where[1:]))
        changes = {name: value for name, value in _said(row).items() if _said(before)[name] != value}
        after = self.truth.amended(index, changes)
        summary = self._imported({ref: row})
        end = "refused" if after is None else "unchanged" if after == self.truth.parties[index] else "updated"
        assert summary[end] == 1
        if after:
            self.truth, self.rows[index] = self.truth.with_party(after, index), (ref, row)

    def _imported(self, rows: Mapping[str, Party]) -> dict[str, int]:
        lines = ["external_ref,station,date,slot,slots,party_adults,status"]
        for ref, party in rows.items():
            place = party.place
            where = f"{place.station},{place.date},{place.slot:%H:%M}"
            lines.append(f"{ref},{where},{party.slots},{party.guests},{party.status}")
        job = Import(BytesIO("\n".join(lines).encode()), ImportOptions(), by=roles.OPERATOR)
        return job.run(on_refused=lambda refused: None).as_json()

    # --- admin -------------------------------------------------------------------------------------------------------

    def _add_in_admin(self, *words: Any) -> None:
        party = Party(*words)
        answer = self.admin.post("/admin/bookings/booking/add/", self._form(party))
        assert answer.status_code == (302 if party.status in RESCHEDULABLE and self._fits(party) else 200)
        if answer.status_code == 302:
            self._add(Booking.objects.latest("created_at").pk, party)

    def _save_in_admin(self, index: int, edits: dict[str, Any]) -> None:
        party = replace(self.truth.parties[index], **edits)
        after = self.truth.saved(index, party)
        version = Booking.objects.get(pk=self.ids[index]).version
        address = f"/admin/bookings/booking/{self.ids[index]}/change/"
        answer = self.admin.post(address, {**self._form(party), "seen_version": version})
        assert answer.status_code == (302 if after else 200)
        if after:
            self.truth = self.truth.with_party(after, index)

    def _form(self, party: Party) -> dict[str, Any]:
        draft = party.draft
        return {
            "station": self.stations[party.where[0]].pk,
            "date": draft.date,
            "slot": f"{draft.slot:%H:%M}",
            "slots": party.slots,
            "status": party.status,
            "party_adults": party.guests,
            "party_kids": 0,
            "total_due_cents": 0,
            "deposit_due_cents": 0,
        }

    # --- timetables --------------------------------------------------------------------------------------------------

    def _close(self, where: Where, displace: bool) -> None:
        after = replace(self.truth, closed=self.truth.closed | {where}).settled(displace=displace)
        exceptions = TimetableException.objects
        self._settle(where[0], after, displace, lambda: exceptions.get_or_create(**self._slot(where), closed=True))

    def _open(self, index: int) -> None:
        closed = sorted(self.truth.closed)
        if closed:
            where = closed[index % len(closed)]
            after = replace(self.truth, closed=self.truth.closed - {where})
            self._settle(where[0], after, False, TimetableException.objects.filter(**self._slot(where)).delete)

    def _allow(self, at: int, capacity: int, displace: bool) -> None:
        capacities = (*self.truth.capacities[:at], capacity, *self.truth.capacities[at + 1 :])
        after = replace(self.truth, capacities=capacities).settled(displace=displace)
        openings = self.stations[at].openings
        self._settle(at, after, displace, lambda: openings.update(capacity=capacity))

    def _settle(self, at: int, after: Truth | None, displace: bool, change: Callable[[], Any]) -> None:
        try:
            with timetable_change(self.stations[at], by=roles.OPERATOR, displace=displace):
                change()
        except DomainError:
            assert after is None
        else:
            assert after is not None
            self.truth = after

    def _slot(self, where: Where) -> dict[str, Any]:
        at, day, hour = where
        return {"station": self.stations[at], "date": DAYS[day], "slot": time(HOURS[hour])}

    def compare(self) -> None:
        """The product's bookings are the truth's, and its ledger proves itself."""
        found = {
            booking.pk: Party(
                (STATIONS.index(booking.station.code), DAYS.index(booking.date), HOURS.index(booking.slot.hour)),
                booking.slots,
                booking.party_adults,
                Status(booking.status),
                booking.needs_place,
            )
            for booking in Booking.objects.select_related("station")
        }
        assert found == dict(zip(self.ids, self.truth.parties, strict=True))
        assert not list(differences())


def _said(row: Party) -> dict[str, Any]:
    """What a row says of a booking, by the truth's names."""
    _station, day, hour = row.where
    return {"day": day, "hour": hour, "slots": row.slots, "guests": row.guests, "status": row.status}


def play(sequence: list[tuple[Any, ...]]) -> None:
    with time_machine.travel(datetime(2031, 3, 7, 3, tzinfo=UTC)), transaction.atomic():
        world = World()
        for action in sequence:
            world.do(action)
        transaction.set_rollback(True)
    assert not Station.objects.exists()


full_house = st.tuples(st.just("import_file"), st.lists(st.tuples(*party), min_size=8, max_size=12))
sequences = st.builds(lambda first, then: [first, *then], full_house, st.lists(actions, min_size=8, max_size=20))
checks = list(HealthCheck)


@given(sequences)
@settings(max_examples=example_count(25), deadline=None, suppress_health_check=checks)
def test_any_sequence_of_writes_agrees_with_the_truth(db: None, sequence: list[tuple[Any, ...]]) -> None:
    play(sequence)


@pytest.mark.long
@given(sequences)
@settings(max_examples=1500, deadline=None, suppress_health_check=checks)
def test_very_many_sequences_of_writes_agree_with_the_truth(db: None, sequence: list[tuple[Any, ...]]) -> None:
    play(sequence)
