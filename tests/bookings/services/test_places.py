"""Which places a booking takes as its status changes: no-shows free theirs, and who leaves early what has not begun."""

from collections.abc import Iterator
from datetime import UTC, datetime, time
from typing import Any
from uuid import uuid4

import pytest
import time_machine

from accounts import roles
from accounts.customers import Contact
from accounts.models import User
from bookings import services
from bookings.errors import SlotFull, TooEarly
from bookings.models import Booking, Mail
from bookings.models.status import Status
from bookings.services import Draft
from bookings.services.verification import differences
from bookings.undo import service as undo
from bookings.undo import steps
from stations.models import Opening, Station
from tests.factories import FRIDAY, SATURDAY, booking

HALF_PAST_SEVEN = datetime(2031, 3, 7, 18, 30, tzinfo=UTC)
"""In Berlin: of the slots from 17 to 22 h, that of 19 h is running."""
ANA = Contact("Ana García", "ana@example.com")


@pytest.fixture
def now(station: Station) -> Iterator[time_machine.Traveller]:
    """Whatever a test does, bookings and ledger agree afterwards."""
    with time_machine.travel(HALF_PAST_SEVEN, tick=False) as traveller:
        yield traveller
        assert [*differences()] == []


def held(made: Booking) -> list[int]:
    return [start.hour for start in made.holds.order_by("slot").values_list("slot", flat=True)]


def fill(station: Station, hour: int, count: int = 3) -> list[Booking]:
    return [booking(station, slot=time(hour)) for _n in range(count)]


def walk_in(station: Station, hour: int, **fields: Any) -> Booking:
    draft = Draft(station=station.code, date=FRIDAY, slot=time(hour), status=Status.ARRIVED, party_adults=2, **fields)
    return services.create(draft, by=roles.OPERATOR)


def test_no_show_frees_its_place_at_once(now: Any, station: Station, staff: User) -> None:
    missing, *_others = fill(station, 19)

    services.change_status(missing.pk, Status.NO_SHOW, by=staff)

    assert held(missing) == []
    assert held(walk_in(station, 19)) == [19]


def test_no_show_who_comes_after_all_asks_for_the_place_again(now: Any, station: Station, staff: User) -> None:
    missing, *_others = fill(station, 19)
    services.change_status(missing.pk, Status.NO_SHOW, by=staff)
    guest = walk_in(station, 19)

    with pytest.raises(SlotFull):
        services.change_status(missing.pk, Status.ARRIVED, by=staff)
    services.change_status(guest.pk, Status.COMPLETED, by=staff)
    services.change_status(guest.pk, Status.CONFIRMED, by=staff)
    services.change_status(guest.pk, Status.CANCELLED, by=staff)
    services.change_status(missing.pk, Status.ARRIVED, by=staff)

    assert held(missing) == [19]


def test_who_leaves_early_frees_what_has_not_begun(now: Any, station: Station, staff: User) -> None:
    made = booking(station, slot=time(18), slots=4, status=Status.ARRIVED)

    services.change_status(made.pk, Status.COMPLETED, by=staff)

    assert held(made) == [18, 19]


def test_step_back_takes_only_slots_that_are_not_over(now: Any, station: Station, staff: User) -> None:
    made = booking(station, slot=time(18), slots=3)
    services.change_status(made.pk, Status.NO_SHOW, by=staff)

    services.change_status(made.pk, Status.ARRIVED, by=staff)

    assert held(made) == [19, 20]


def test_step_back_is_refused_where_the_place_was_given_away(now: Any, station: Station, staff: User) -> None:
    made = booking(station, slot=time(18), slots=3)
    services.change_status(made.pk, Status.COMPLETED, by=staff)
    fill(station, 20)

    with pytest.raises(SlotFull):
        services.change_status(made.pk, Status.ARRIVED, by=staff)

    assert held(made) == [18, 19]


def test_step_back_after_the_end_asks_for_nothing(now: Any, station: Station, staff: User) -> None:
    made = booking(station, slot=time(17))
    services.change_status(made.pk, Status.NO_SHOW, by=staff)
    Opening.objects.all().delete()

    services.change_status(made.pk, Status.CONFIRMED, by=staff)

    assert held(made) == []


def test_restored_after_its_end_a_booking_can_be_moved(now: Any, station: Station, staff: User) -> None:
    made = booking(station, slot=time(17))
    services.change_status(made.pk, Status.NO_SHOW, by=staff)
    services.change_status(made.pk, Status.CONFIRMED, by=staff)

    services.reschedule(made.pk, to=services.Place(FRIDAY, time(20)), by=staff)

    assert held(made) == [20]


def test_completed_before_it_begins_a_booking_holds_nothing(now: Any, station: Station, staff: User) -> None:
    made = booking(station, SATURDAY)

    services.change_status(made.pk, Status.COMPLETED, by=staff)

    assert held(made) == []


def test_unassigned_no_show_stays_unassigned(now: Any, station: Station, staff: User) -> None:
    made = booking(station, slot=time(19))
    made.holds.all().delete()
    Booking.objects.filter(pk=made.pk).update(needs_place=True)

    services.change_status(made.pk, Status.NO_SHOW, by=staff)
    services.change_status(made.pk, Status.CONFIRMED, by=staff)

    made.refresh_from_db()
    assert (made.needs_place, held(made)) == (True, [])


def test_undo_of_a_no_show_takes_the_place_again(now: Any, station: Station, staff: User) -> None:
    made = booking(station, slot=time(19), slots=2)
    staff.undo_stack = uuid4()
    services.change_status(made.pk, Status.NO_SHOW, by=staff)

    [step] = steps.stack(staff)
    undo.undo(step, by=staff)

    assert held(made) == [19, 20]


def test_longer_stay_of_a_running_booking_takes_the_slots_ahead(now: Any, station: Station, staff: User) -> None:
    made = booking(station, slot=time(18), slots=2)
    services.change_status(made.pk, Status.NO_SHOW, by=staff)
    services.change_status(made.pk, Status.ARRIVED, by=staff)
    fill(station, 18)

    services.edit(made.pk, {"slots": 3}, by=staff)

    assert held(made) == [19, 20]


def test_completed_booking_made_shorter_keeps_what_it_had(now: Any, station: Station, staff: User) -> None:
    made = booking(station, slot=time(18), slots=3)
    now.move_to(datetime(2031, 3, 7, 17, 30, tzinfo=UTC))
    services.change_status(made.pk, Status.COMPLETED, by=staff)
    fill(station, 19)
    now.move_to(HALF_PAST_SEVEN)

    services.edit(made.pk, {"slots": 2}, by=staff)

    assert held(made) == [18]


def test_walk_in_is_booked_as_arrived_in_the_slot_that_is_running(now: Any, station: Station) -> None:
    made = walk_in(station, 19, customer=ANA)

    assert (made.status, held(made)) == (Status.ARRIVED, [19])
    assert not Mail.objects.exists()


def test_nobody_is_booked_as_arrived_before_the_slot_begins(now: Any, station: Station) -> None:
    with pytest.raises(TooEarly, match="only in a slot that has begun"):
        walk_in(station, 20)


def test_pending_guest_who_arrives_is_not_sent_a_confirmation(now: Any, station: Station, staff: User) -> None:
    made = booking(station, slot=time(20), status=Status.PENDING, customer=ANA)
    Mail.objects.all().delete()

    services.change_status(made.pk, Status.ARRIVED, by=staff)

    assert not Mail.objects.exists()


@pytest.mark.parametrize(
    ("status", "hour", "taken"),
    [
        (Status.COMPLETED, 19, [19]),
        (Status.COMPLETED, 20, []),
        (Status.NO_SHOW, 19, []),
        (Status.ARRIVED, 19, [19, 20]),
    ],
)
def test_import_takes_the_places_of_each_status(
    now: Any, station: Station, status: Status, hour: int, taken: list[int]
) -> None:
    drafts = [Draft(station=station.code, date=FRIDAY, slot=time(hour), slots=2, status=status, party_adults=1)]

    [made] = services.create_many(drafts, by=roles.OPERATOR)

    assert isinstance(made, Booking)
    assert held(made) == taken


@pytest.mark.parametrize(("before", "after", "taken"), [
    (Status.CONFIRMED, Status.NO_SHOW, []),
    (Status.CONFIRMED, Status.COMPLETED, [18, 19]),
    (Status.NO_SHOW, Status.CONFIRMED, [19, 20]),
])  # fmt: skip
def test_import_that_changes_a_status_follows_it(
    now: Any, station: Station, before: Status, after: Status, taken: list[int]
) -> None:
    drafts = [Draft(station=station.code, date=FRIDAY, slot=time(18), slots=3, status=before, party_adults=1)]
    [made] = services.create_many(drafts, by=roles.OPERATOR)
    assert isinstance(made, Booking)

    services.amend(made.pk, {"status": after}, by=roles.OPERATOR)

    assert held(made) == taken
