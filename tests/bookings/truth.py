"""What must be true of bookings, said without holds and lanes: who stands where, what is open, and what each change comes to."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import time, timedelta
from functools import partial
from typing import Any

from bookings.models.status import RESCHEDULABLE, Status
from bookings.services import Draft, Place
from tests.factories import FRIDAY

STATIONS = ("left", "right")
DAYS = (FRIDAY, FRIDAY + timedelta(days=1))
TODAY = 0
"""By index: the first day has begun, the second has not."""
HOURS = (17, 18, 19)
CAPACITY, GUESTS = 2, 6
HOLDING = (Status.PENDING, Status.CONFIRMED, Status.ARRIVED)
"""Of bookings that have not begun, as all are here."""
Where = tuple[int, int, int]
"""Station, day and hour, by index."""


@dataclass(frozen=True)
class Party:
    """A booking as the model knows it."""

    where: Where
    slots: int
    guests: int
    status: Status
    displaced: bool = False

    @property
    def holds(self) -> list[Where]:
        if self.status not in HOLDING or self.displaced:
            return []
        station, day, hour = self.where
        return [(station, day, hour + offset) for offset in range(self.slots)]

    @property
    def place(self) -> Place:
        station, day, hour = self.where
        return Place(DAYS[day], time(HOURS[hour]), STATIONS[station])

    @property
    def draft(self) -> Draft:
        place = self.place
        return Draft(
            station=str(place.station),
            date=place.date,
            slot=place.slot,
            slots=self.slots,
            party_adults=self.guests,
            status=self.status,
        )


@dataclass(frozen=True)
class Truth:
    """Who stands where, in the order in which they came, and what is open. Each change gives what the party becomes, or None
    where it is refused.
    """

    parties: tuple[Party, ...] = ()
    closed: frozenset[Where] = frozenset()
    capacities: tuple[int, ...] = (CAPACITY,) * len(STATIONS)

    def exists(self, where: Where, slots: int) -> bool:
        return where[2] + slots <= len(HOURS)

    def fits(self, party: Party, others: Iterable[Party]) -> bool:
        """Whether a party may stand where it wants, beside these others."""
        if not self.exists(party.where, party.slots) or any(where in self.closed for where in party.holds):
            return False
        beside = list(others)
        return all(
            len(there) < self.capacities[where[0]] and sum(other.guests for other in there) + party.guests <= GUESTS
            for where in party.holds
            for there in [[other for other in beside if where in other.holds]]
        )

    def _fitting(self, index: int, wanted: Party) -> Party | None:
        others = (other for place, other in enumerate(self.parties) if place != index)
        return wanted if self.fits(wanted, others) else None

    def with_party(self, party: Party, index: int | None = None) -> "Truth":
        """With one more, or with another in the place of one."""
        at = len(self.parties) if index is None else index
        return replace(self, parties=(*self.parties[:at], party, *self.parties[at + 1 :]))

    def moved(self, index: int, where: Where) -> Party | None:
        party = self.parties[index]
        if party.status not in RESCHEDULABLE:
            return None
        if where == party.where and not party.displaced:
            return party
        return self._fitting(index, replace(party, where=where, displaced=False))

    def stepped(self, index: int, to: Status) -> Party | None:
        party = self.parties[index]
        if to == party.status:
            return party
        if to not in party.status.facts.steps or (to in (Status.ARRIVED, Status.NO_SHOW) and party.where[1] != TODAY):
            return None
        wanted = replace(party, status=to, displaced=party.displaced and to != Status.CANCELLED)
        return self._fitting(index, wanted) if wanted.holds and not party.holds else wanted

    def amended(self, index: int, changes: Mapping[str, Any]) -> Party | None:
        """Any of `day`, `hour`, `slots`, `guests` and `status`, where it stands: no workflow minds."""
        party = self.parties[index]
        station, day, hour = party.where
        where = (station, changes.get("day", day), changes.get("hour", hour))
        own = {name: changes[name] for name in ("slots", "guests", "status") if name in changes}
        gone = own.get("status", party.status) == Status.CANCELLED
        displaced = party.displaced and where == party.where and not gone
        wanted = replace(party, where=where, displaced=displaced, **own)
        again = bool(wanted.holds) and not party.holds
        if where != party.where or again or wanted.slots != party.slots or wanted.guests > party.guests:
            return self._fitting(index, wanted) if wanted.holds else self._placed(party, wanted)
        return wanted

    def _placed(self, party: Party, wanted: Party) -> Party | None:
        """Whoever holds nothing needs slots that exist, and those only where they are others than before."""
        same = (wanted.where, wanted.slots) == (party.where, party.slots)
        return wanted if same or self.exists(wanted.where, wanted.slots) else None

    def saved(self, index: int, wanted: Party) -> Party | None:
        """One form with all of it: edited where it stands, then stepped and moved, whichever can come first; or none of it."""
        party = self.parties[index]
        size = {"slots": wanted.slots, "guests": wanted.guests}
        changes: list[Change] = [partial(Truth.amended, index=index, changes=size)]
        if wanted.where != party.where:
            changes.append(partial(Truth.moved, index=index, where=wanted.where))
        if wanted.status != party.status:
            step = partial(Truth.stepped, index=index, to=wanted.status)
            changes.insert(1 if wanted.status in RESCHEDULABLE else len(changes), step)
        truth = self
        for change in changes:
            after = change(truth)
            if after is None:
                return None
            truth = truth.with_party(after, index)
        return truth.parties[index]

    def settled(self, *, displace: bool) -> "Truth | None":
        """After the timetable was changed: who came first stays, who has no place any more is displaced, if that was agreed."""
        settled: list[Party] = []
        for party in self.parties:
            stays = not party.holds or self.fits(party, settled)
            settled.append(party if stays else replace(party, displaced=True))
        if tuple(settled) != self.parties and not displace:
            return None
        return replace(self, parties=tuple(settled))


Change = Callable[[Truth], Party | None]
