"""What the services queue: only what the customer is still to hear, in the change's own transaction."""

from datetime import time, timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from accounts import roles
from accounts.customers import Contact
from accounts.models import User
from bookings import services
from bookings.mails import outbox
from bookings.models import Booking, Mail
from bookings.models.mail_state import BookingSnapshot, Kind, Problem, State
from bookings.models.status import Status
from bookings.services import Draft, Place
from stations.models import Station
from tests.factories import FRIDAY, SATURDAY, booking, open_station

pytestmark = pytest.mark.django_db

ANA = Contact("Ana García", "ana@example.com", "+4930901820")
EVENING = FRIDAY, time(18)
LATER = Place(SATURDAY, EVENING[1])


def create(station: Station, **fields: Any) -> Booking:
    """A new booking, as staff make it: its first mail waits."""
    draft = {"station": station.code, "date": FRIDAY, "slot": EVENING[1], "status": Status.CONFIRMED, "customer": ANA}
    return services.create(Draft(**{**draft, **fields}), by=roles.OPERATOR)


def mails(made: Booking) -> list[tuple[str, str, str]]:
    found = Mail.objects.of(made).order_by("created_at")
    return [(mail.kind, mail.state, mail.problem) for mail in found]


def test_new_booking_waits_to_be_told_at_once(station: Station) -> None:
    made = create(station)

    [mail] = Mail.objects.all()
    assert mails(made) == [(Kind.MADE, State.WAITING, "")]
    assert (mail.known, mail.station, mail.due_at <= timezone.now()) == (None, station, True)


def test_change_that_is_rolled_back_leaves_no_mail(station: Station) -> None:
    with transaction.atomic():
        create(station)
        transaction.set_rollback(True)

    assert Mail.objects.count() == 0


def test_move_waits_its_grace_time(station: Station, settings: Any) -> None:
    settings.MAIL_GRACE_SECONDS = 90
    made = booking(station, customer=ANA)

    services.reschedule(made.pk, to=LATER, by=roles.OPERATOR)

    [mail] = Mail.objects.all()
    assert mails(made) == [(Kind.MOVED, State.WAITING, "")]
    assert timedelta(seconds=85) < mail.due_at - timezone.now() <= timedelta(seconds=90)
    assert mail.known_state
    assert (mail.known_state.day, mail.known_state.slot) == EVENING


def test_move_back_sends_nothing(station: Station) -> None:
    made = booking(station, customer=ANA)

    services.reschedule(made.pk, to=LATER, by=roles.OPERATOR)
    services.reschedule(made.pk, to=Place(*EVENING), by=roles.OPERATOR)

    assert mails(made) == [(Kind.MOVED, State.WITHDRAWN, Problem.UNDONE)]


def test_moves_merge_into_one_from_the_first_place_to_the_last(station: Station) -> None:
    made = booking(station, customer=ANA)

    for hour in (19, 20, 21):
        services.reschedule(made.pk, to=Place(FRIDAY, EVENING[1].replace(hour=hour)), by=roles.OPERATOR)

    [mail] = Mail.objects.all()
    assert mails(made) == [(Kind.MOVED, State.WAITING, "")]
    assert mail.known_state
    assert (mail.known_state.day, mail.known_state.slot) == EVENING


def test_move_of_what_nobody_heard_of_yet_stays_the_news_of_a_booking(station: Station) -> None:
    made = create(station)

    services.reschedule(made.pk, to=LATER, by=roles.OPERATOR)

    assert mails(made) == [(Kind.MADE, State.WAITING, "")]


def test_booking_cancelled_before_anybody_heard_of_it_says_nothing(station: Station) -> None:
    made = create(station)

    services.change_status(made.pk, Status.CANCELLED, by=roles.OPERATOR)

    assert mails(made) == [(Kind.MADE, State.WITHDRAWN, Problem.UNDONE)]


def test_move_and_cancellation_are_one_cancellation(station: Station) -> None:
    made = booking(station, customer=ANA)

    services.reschedule(made.pk, to=LATER, by=roles.OPERATOR)
    services.change_status(made.pk, Status.CANCELLED, by=roles.OPERATOR)

    assert mails(made) == [(Kind.CANCELLED, State.WAITING, "")]


def test_cancellation_taken_back_says_nothing(station: Station) -> None:
    made = booking(station, customer=ANA)

    services.change_status(made.pk, Status.CANCELLED, by=roles.OPERATOR)
    services.change_status(made.pk, Status.CONFIRMED, by=roles.OPERATOR)

    assert mails(made) == [(Kind.CANCELLED, State.WITHDRAWN, Problem.UNDONE)]


def test_confirmation_is_reported(station: Station) -> None:
    made = booking(station, customer=ANA, status=Status.PENDING)

    services.change_status(made.pk, Status.CONFIRMED, by=roles.OPERATOR)

    assert mails(made) == [(Kind.CONFIRMED, State.WAITING, "")]


@pytest.mark.usefixtures("on_friday")
@pytest.mark.parametrize("to", [Status.ARRIVED, Status.COMPLETED, Status.NO_SHOW])
def test_what_happens_at_the_door_is_not_told(station: Station, to: Status) -> None:
    made = booking(station, customer=ANA)

    services.change_status(made.pk, to, by=roles.OPERATOR)

    assert mails(made) == []


def test_longer_stay_is_reported_as_a_move(station: Station) -> None:
    made = booking(station, customer=ANA)

    services.edit(made.pk, {"slots": 2}, by=roles.OPERATOR)

    assert mails(made) == [(Kind.MOVED, State.WAITING, "")]


def test_edit_that_customers_need_not_know_is_not_told(station: Station) -> None:
    made = booking(station, customer=ANA)

    services.edit(made.pk, {"special_requests": "Nuts", "total_due_cents": 100}, by=roles.OPERATOR)

    assert mails(made) == []


def test_somebody_else_on_the_booking_hears_of_it_from_the_beginning(station: Station) -> None:
    made = booking(station, customer=ANA)

    services.edit(made.pk, {"customer": Contact("Bo Li", "bo@example.com")}, by=roles.OPERATOR)

    assert mails(made) == [(Kind.MADE, State.WAITING, "")]


def test_move_to_another_station_is_a_move_and_waits_there(station: Station) -> None:
    court = open_station(code="court")
    made = booking(station, customer=ANA)

    services.reschedule(made.pk, to=Place(FRIDAY, EVENING[1], "court"), by=roles.OPERATOR)

    assert [(mail.kind, mail.station) for mail in Mail.objects.all()] == [(Kind.MOVED, court)]


BO = Contact("Bo Li", "bo@example.com")


def test_somebody_else_who_moves_to_another_station_hears_of_it_from_the_beginning(station: Station) -> None:
    open_station(code="court")
    made = booking(station, customer=ANA)

    services.edit(made.pk, {"customer": BO}, by=roles.OPERATOR)
    services.reschedule(made.pk, to=Place(FRIDAY, EVENING[1], "court"), by=roles.OPERATOR)

    assert mails(made) == [(Kind.MADE, State.WAITING, "")]
    assert Mail.objects.get().known is None


def test_somebody_else_at_the_other_station_is_not_told_where_the_first_one_was(station: Station) -> None:
    open_station(code="court")
    made = booking(station, customer=ANA)

    services.reschedule(made.pk, to=Place(FRIDAY, EVENING[1], "court"), by=roles.OPERATOR)
    services.edit(made.pk, {"customer": BO}, by=roles.OPERATOR)

    assert mails(made) == [(Kind.MADE, State.WAITING, "")]
    assert Mail.objects.get().known is None


def test_move_to_another_station_and_back_sends_nothing(station: Station) -> None:
    open_station(code="court")
    made = booking(station, customer=ANA)

    for code in ("court", station.code):
        services.reschedule(made.pk, to=Place(FRIDAY, EVENING[1], code), by=roles.OPERATOR)

    assert mails(made) == [(Kind.MOVED, State.WITHDRAWN, Problem.UNDONE)]


def test_walk_in_is_told_nothing(station: Station) -> None:
    made = create(station, customer=None)
    services.reschedule(made.pk, to=LATER, by=roles.OPERATOR)

    assert mails(made) == []


def test_customer_of_a_past_booking_is_told_nothing(station: Station) -> None:
    made = booking(station, FRIDAY.replace(year=2021), customer=ANA)

    services.change_status(made.pk, Status.CANCELLED, by=roles.OPERATOR)

    assert mails(made) == []


def test_bookings_brought_in_mail_nobody(station: Station) -> None:
    made = booking(station, customer=ANA)
    services.amend(made.pk, {"date": SATURDAY}, by=roles.OPERATOR)

    assert mails(made) == []


def test_bookings_brought_in_with_notice_mail_whoever_still_comes(station: Station) -> None:
    past, ahead = FRIDAY.replace(year=2021), FRIDAY
    drafts = [Draft(station.code, day, EVENING[1], status=Status.CONFIRMED, customer=ANA) for day in (past, ahead)]
    made = services.create_many(drafts, by=roles.OPERATOR, notify=True)

    assert [mails(one) for one in made if isinstance(one, Booking)] == [[], [(Kind.MADE, State.WAITING, "")]]


def test_change_while_a_mail_is_on_its_way_is_said_after_it(station: Station, staff: User) -> None:
    """The customer will have heard of Saturday: undoing the move has to be told as well."""
    made = booking(station, customer=ANA)
    moved = services.reschedule(made.pk, to=LATER, by=roles.OPERATOR).booking
    mail = Mail.objects.get(booking=made.pk)
    mail.said, mail.state = {**mail.known, "day": str(SATURDAY)}, State.SENDING
    mail.save()

    services.reschedule(moved.pk, to=Place(*EVENING), by=staff)

    newer = Mail.objects.get(booking=made.pk, state=State.WAITING)
    assert (newer.kind, newer.known) == (Kind.MOVED, mail.said)


def test_change_after_a_failure_says_all_since_what_was_heard_last(station: Station) -> None:
    made = booking(station, customer=ANA)
    services.reschedule(made.pk, to=LATER, by=roles.OPERATOR)
    Mail.objects.update(state=State.FAILED)

    services.reschedule(made.pk, to=Place(SATURDAY, EVENING[1].replace(hour=20)), by=roles.OPERATOR)

    newer = Mail.objects.get(booking=made.pk, state=State.WAITING)
    assert mails(made)[0] == (Kind.MOVED, State.WITHDRAWN, Problem.MERGED)
    assert newer.known_state
    assert (newer.known_state.day, newer.known_state.slot) == EVENING


def test_emails_that_are_held_after_a_restore_remember_their_own_bookings(station: Station) -> None:
    first, second = create(station), create(station, slot=time(20))
    Mail.objects.update(said=None)

    assert outbox.hold_for_staff(timezone.now()) == 2

    assert dict(Mail.objects.values_list("booking", "said")) == {
        made.pk: BookingSnapshot.of(made).as_json() for made in (first, second)
    }
