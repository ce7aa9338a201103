"""Undo and redo by the service: what is recorded and for how long, which rules hold, and what customers are told."""

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.db import connection
from django.utils import timezone

from accounts import roles
from accounts.audit.origin import Channel, Origin, override_origin
from accounts.customers import Contact
from accounts.models import AuditEntry, User
from bookings import services
from bookings.errors import Duplicate, NotLast, SlotClosed, SlotFull, Stale
from bookings.mails import delivery
from bookings.models import Booking, Hold, Mail, UndoStep
from bookings.models.mail_state import Kind, State
from bookings.models.status import Status
from bookings.operations import worker
from bookings.operations.backup import after_restore
from bookings.privacy import erasure
from bookings.services.inputs import Draft, Place
from bookings.undo import service, steps
from core.errors import NotFound, NotPermitted
from stations.models import Station
from tests.factories import FRIDAY, SATURDAY, ExceptionFactory, booking, open_station, person

ANA = Contact("Ana García", "ana@example.com")


@pytest.fixture
def staff(station: Station) -> User:
    """Somebody in a browser's session."""
    return in_session(person(roles.STAFF, station))


def in_session(user: User) -> User:
    user.undo_stack = uuid4()
    return user


def move(made: Booking, by: User, day: Any = SATURDAY, hour: int = 19, station: str | None = None) -> Booking:
    return services.reschedule(made.pk, to=Place(day, time(hour), station), by=by).booking


def undo(by: User) -> Booking:
    step = steps.last_done(list(steps.stack(by)))
    assert step
    return service.undo(step, by=by)


def redo(by: User) -> Booking:
    step = steps.first_undone(list(steps.stack(by)))
    assert step
    return service.redo(step, by=by)


def test_undo_is_a_change_of_its_own_in_the_audit_log(station: Station, staff: User) -> None:
    made = booking(station)
    move(made, staff)

    undone = undo(staff)

    entries = AuditEntry.objects.filter(object_pk=str(made.pk)).order_by("id")
    assert [entry.event for entry in entries] == ["created", "rescheduled", "rescheduled"]
    last = entries[2]
    assert (last.actor, last.changes["date"], last.changes["slot"]) == (
        staff,
        ["2031-03-08", "2031-03-07"],
        ["19:00", "18:00"],
    )
    assert undone.version == 3


def test_undo_counts_as_a_change_of_the_station(station: Station, staff: User) -> None:
    move(booking(station), staff)
    before = Station.objects.get().changes

    undo(staff)

    assert Station.objects.get().changes == before + 1


def test_nothing_is_recorded_outside_of_a_session(station: Station) -> None:
    made = booking(station)
    move(made, person(roles.STAFF, station))
    services.change_status(made.pk, Status.CANCELLED, by=roles.OPERATOR)

    assert not UndoStep.objects.exists()


def test_undo_of_an_older_step_is_refused(station: Station, staff: User) -> None:
    first, second = booking(station), booking(station)
    move(first, staff)
    [older] = steps.stack(staff)
    move(second, staff, hour=20)

    with pytest.raises(NotLast):
        service.undo(older, by=staff)

    assert Booking.objects.get(pk=first.pk).date == SATURDAY


def test_undo_of_anothers_step_is_refused(station: Station, staff: User) -> None:
    move(booking(station), staff)
    [step] = steps.stack(staff)

    with pytest.raises(NotLast):
        service.undo(step, by=in_session(person(roles.STAFF, station)))


def test_undo_after_a_colleagues_change_is_stale_and_says_whose(station: Station, staff: User) -> None:
    made = booking(station)
    move(made, staff)
    services.edit(made.pk, {"party_adults": 3}, by=person(roles.STAFF, station, email="sam@example.com"))

    with pytest.raises(Stale) as refused:
        undo(staff)

    assert refused.value.data.last.who == "sam@example.com"


def test_undo_of_an_earlier_step_is_stale_where_a_colleague_came_in_between(station: Station, staff: User) -> None:
    made = booking(station)
    move(made, staff)
    services.edit(made.pk, {"party_adults": 3}, by=person(roles.STAFF, station))
    move(made, staff, hour=20)
    undo(staff)

    with pytest.raises(Stale):
        undo(staff)

    assert Booking.objects.get().slot == time(19)


def test_undo_at_a_station_of_others_finds_nothing(station: Station, staff: User) -> None:
    move(booking(station), staff)
    staff.stations.clear()

    with pytest.raises(NotFound):
        undo(staff)


def test_undo_takes_the_right_to_change(station: Station, staff: User) -> None:
    move(booking(station), staff)
    [step] = steps.stack(staff)
    viewer = person(roles.VIEWERS, station)
    viewer.undo_stack = staff.undo_stack

    with pytest.raises(NotPermitted):
        service.undo(step, by=viewer)


def test_undo_into_a_place_that_was_given_away_changes_nothing(station: Station, staff: User) -> None:
    made = booking(station)
    move(made, staff)
    for _n in range(3):
        booking(station)

    with pytest.raises(SlotFull):
        undo(staff)

    assert (Booking.objects.get(pk=made.pk).version, Hold.objects.get(booking=made).date) == (2, SATURDAY)
    assert not steps.stack(staff).get().undone


def test_undo_of_a_smaller_party_asks_for_the_seats_again(staff: User) -> None:
    terrace = open_station(code="terrace", guest_capacity=4)
    staff.stations.add(terrace)
    made = booking(terrace, party_adults=3)
    services.edit(made.pk, {"party_adults": 1}, by=staff)
    booking(terrace, party_adults=3)

    with pytest.raises(SlotFull):
        undo(staff)

    assert Booking.objects.get(pk=made.pk).party_adults == 1


def test_undo_into_a_slot_that_was_closed_meanwhile_is_refused(station: Station, staff: User) -> None:
    move(booking(station), staff)
    ExceptionFactory(station=station, date=FRIDAY, slot=time(18))

    with pytest.raises(SlotClosed):
        undo(staff)


def test_undo_to_a_station_that_was_deactivated_meanwhile_is_refused(station: Station, staff: User) -> None:
    staff.stations.add(open_station(code="bar"))
    move(booking(station), staff, station="bar")
    Station.objects.filter(pk=station.pk).update(is_active=False)

    with pytest.raises(SlotClosed):
        undo(staff)


def test_undo_of_a_changed_reference_is_refused_once_it_is_anothers(station: Station, staff: User) -> None:
    made = booking(station, external_ref="A1")
    services.edit(made.pk, {"external_ref": "A2"}, by=staff)
    booking(station, external_ref="A1")

    with pytest.raises(Duplicate):
        undo(staff)


def test_move_out_of_the_running_slot_can_be_undone(station: Station, staff: User) -> None:
    """Nobody may be moved into the past, but the guest was there until just now."""
    made = booking(station)
    with time_machine.travel(datetime(2031, 3, 7, 17, 5, tzinfo=UTC)):
        move(made, staff, FRIDAY, 20)
        undo(staff)

    assert Booking.objects.get().slot == time(18)


def test_undo_gives_a_longer_booking_all_of_its_slots_back(station: Station, staff: User) -> None:
    made = booking(station, slots=2)
    services.edit(made.pk, {"slots": 1}, by=staff)

    undo(staff)

    assert sorted(Hold.objects.filter(booking=made).values_list("slot", flat=True)) == [time(18), time(19)]
    assert Booking.objects.get().ends_at == made.ends_at


def test_undone_special_requests_are_still_those_of_another_system(station: Station, staff: User) -> None:
    """Emails repeat what staff wrote, and no words of strangers: undoing an edit must not make them ours."""
    with override_origin(Origin(channel=Channel.JWT)):
        made = create(staff, special_requests="Click here")
    UndoStep.objects.all().delete()
    services.edit(made.pk, {"special_requests": "Window"}, by=staff)

    undone = undo(staff)

    assert (undone.special_requests, undone.requests_are_external) == ("Click here", True)


def test_cancelled_unassigned_booking_is_unassigned_again(station: Station, staff: User) -> None:
    made = booking(station)
    Hold.objects.all().delete()
    Booking.objects.update(needs_place=True)
    services.change_status(made.pk, Status.CANCELLED, by=staff)

    undone = undo(staff)

    assert (undone.status, undone.needs_place, Hold.objects.count()) == (Status.CONFIRMED, True, 0)


def test_redo_of_a_cancellation_gives_the_place_up_again(station: Station, staff: User) -> None:
    made = booking(station)
    services.change_status(made.pk, Status.CANCELLED, by=staff)
    undo(staff)

    redone = redo(staff)

    assert (redone.pk, redone.status, Hold.objects.count()) == (made.pk, Status.CANCELLED, 0)


def test_former_values_rest_encrypted(station: Station, staff: User) -> None:
    services.edit(booking(station, special_requests="Zebra").pk, {"special_requests": "Giraffe"}, by=staff)

    with connection.cursor() as cursor:
        cursor.execute("SELECT changes FROM bookings_undostep")
        [(stored,)] = cursor.fetchall()

    assert UndoStep.objects.get().values["special_requests"] == ("Zebra", "Giraffe")
    assert [word for word in (b"Zebra", b"Giraffe", b"special_requests") if word in bytes(stored)] == []


def test_steps_are_forgotten_after_twelve_hours(station: Station, staff: User) -> None:
    move(booking(station), staff)
    UndoStep.objects.update(created_at=timezone.now() - timedelta(hours=12))

    assert not steps.stack(staff).exists()
    worker.tidy(timezone.now())
    assert not UndoStep.objects.exists()


def test_steps_of_today_are_kept(station: Station, staff: User) -> None:
    move(booking(station), staff)
    UndoStep.objects.update(created_at=timezone.now() - timedelta(hours=11))

    worker.tidy(timezone.now())

    assert steps.stack(staff).exists()


def test_restored_backup_brings_no_steps_back(station: Station, staff: User) -> None:
    move(booking(station), staff)

    after_restore.prepare(timezone.now(), in_use=())

    assert not UndoStep.objects.exists()


@pytest.mark.parametrize("whose", ["the booking's", "the former", "the later"])
def test_erased_customer_is_in_no_step(station: Station, staff: User, whose: str) -> None:
    made = booking(station, customer=ANA, special_requests="Zebra")
    ana = made.customer_id
    services.edit(made.pk, {"special_requests": "Giraffe"}, by=staff)
    if whose != "the booking's":
        services.edit(made.pk, {"customer": Contact("Bo Li", "bo@example.com")}, by=staff)
    if whose == "the later":
        undo(staff)
    services.change_status(made.pk, Status.CANCELLED, by=roles.OPERATOR)
    assert ana

    erasure.erase(ana, by=person(roles.MANAGERS, station))

    assert not UndoStep.objects.exists()


def create(staff: User, **fields: Any) -> Booking:
    draft = {"station": "kitchen", "date": FRIDAY, "slot": time(18), "status": Status.CONFIRMED, "customer": ANA}
    return services.create(Draft(**{**draft, **fields}), by=staff)


def waiting() -> list[str]:
    return list(Mail.objects.filter(state=State.WAITING).values_list("kind", flat=True))


def deliver() -> list[str]:
    """Send all that waits, and return what it is about."""
    sent = []
    later = timezone.now() + timedelta(hours=1)
    while taken := delivery.lease_next(later):
        taken[0].end(State.SENT)
        sent.append(taken[0].kind)
    return sent


def test_new_booking_undone_before_its_mail_went_is_never_heard_of(station: Station, staff: User) -> None:
    create(staff)

    undone = undo(staff)

    assert (undone.status, waiting(), deliver()) == (Status.CANCELLED, [], [])


def test_new_booking_undone_after_its_mail_went_is_cancelled_by_mail_unless_it_is_redone(
    station: Station, staff: User
) -> None:
    create(staff)
    assert deliver() == [Kind.MADE]

    undo(staff)
    after_undo = waiting()
    redo(staff)

    assert (after_undo, waiting()) == ([Kind.CANCELLED], [])


def cancel(made: Booking, by: User) -> None:
    services.change_status(made.pk, Status.CANCELLED, by=by)


def lose_customer(made: Booking, by: User) -> None:
    services.edit(made.pk, {"customer": None}, by=by)


def change_customer(made: Booking, by: User) -> None:
    services.edit(made.pk, {"customer": Contact("Bo Li", "bo@example.com")}, by=by)


def restore_as_pending(made: Booking, by: User) -> None:
    cancel(made, by)
    services.change_status(made.pk, Status.PENDING, by=by)


@pytest.mark.parametrize("change", [cancel, lose_customer, change_customer, restore_as_pending, move])
def test_customer_hears_nothing_of_what_was_undone_before_any_mail_went(
    station: Station, staff: User, change: Callable[..., Any]
) -> None:
    change(booking(station, customer=ANA), staff)

    while steps.last_done(list(steps.stack(staff))):
        undo(staff)

    assert waiting() == []


def test_mail_that_waited_before_waits_again_as_it_did(station: Station, staff: User) -> None:
    """A colleague's move is still to be told when somebody takes the customer off the booking, and undoes that."""
    made = booking(station, customer=ANA)
    move(made, person(roles.STAFF, station))
    before = Mail.objects.get(state=State.WAITING)
    lose_customer(made, staff)

    undo(staff)

    [after] = Mail.objects.filter(state=State.WAITING)
    assert (after.kind, after.known) == (Kind.MOVED, before.known)


def test_undone_cancellation_that_was_told_is_taken_back_by_mail(station: Station, staff: User) -> None:
    cancel(booking(station, customer=ANA), staff)
    assert deliver() == [Kind.CANCELLED]

    undo(staff)

    assert waiting() == [Kind.MADE]


def test_undone_cancellation_that_staff_told_by_phone_is_taken_back_by_mail(station: Station, staff: User) -> None:
    cancel(booking(station, customer=ANA), staff)
    mail = Mail.objects.get(state=State.WAITING)
    mail.end(State.WITHHELD)

    undo(staff)

    assert waiting() == [Kind.MADE]


def test_customer_who_was_on_the_booking_before_is_not_told_of_it_anew(station: Station, staff: User) -> None:
    made = booking(station, customer=ANA)
    change_customer(made, staff)
    assert deliver() == [Kind.MADE]

    undo(staff)

    assert waiting() == []
