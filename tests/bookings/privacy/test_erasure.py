"""Erasing a customer: nobody is left, the numbers are; and a backup brings nobody back."""

from datetime import time, timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from accounts import customers, roles
from accounts.customers import Contact, blind_index
from accounts.models import AuditEntry, BlindIndex, Customer, User
from bookings import services
from bookings.calendar import read_model
from bookings.errors import StillAhead
from bookings.mails import delivery, outbox
from bookings.models import Booking, Mail
from bookings.models.mail_state import Problem, State
from bookings.models.status import Status
from bookings.privacy import erasure
from bookings.privacy.erasure import ErasureRecord, ReplayResult
from core.errors import Invalid, NotFound, NotPermitted
from core.mail.smtp import Outcome
from stations.models import Station
from tests.decrypted import read_everything
from tests.factories import FRIDAY, booking, open_station, person

ANA = Contact("Quillon Xanthe", "quillon.x@example.com", "+49 30 23125987")
MARKS = ("quillon", "xanthe", "23125987", "zebra")
LONG_AGO = FRIDAY.replace(year=2021)


@pytest.fixture
def manager(station: Station) -> User:
    return person(roles.MANAGERS, station)


def past(station: Station) -> Booking:
    """A booking of Ana's that is long over, with all that may be told."""
    return booking(
        station, LONG_AGO, customer=ANA, special_requests="Zebra", total_due_cents=900, status=Status.COMPLETED
    )


def whose(made: Booking) -> Customer:
    made.refresh_from_db()
    assert made.customer
    return made.customer


def test_erase_leaves_nothing_of_the_customer_and_the_booking_as_numbers(station: Station, manager: User) -> None:
    made = past(station)
    before = read_model.row_of(roles.OPERATOR, made)
    customers.edit(whose(made).pk, {"notes": "Zebra"}, by=manager)
    assert [mark in read_everything() for mark in MARKS] == [True] * 4

    erased = erasure.erase(whose(made).pk, by=manager)

    assert [mark in read_everything() for mark in MARKS] == [False] * 4
    assert not BlindIndex.objects.filter(customer=erased).exists()
    after = read_model.row_of(roles.OPERATOR, Booking.objects.select_related("station", "customer").get(pk=made.pk))
    numbers = ("date", "slot", "status", "total_guests", "total_due_cents", "balance_due_cents", "starts_at", "ends_at")
    assert [getattr(after, name) for name in numbers] == [getattr(before, name) for name in numbers]
    assert (after.version, after.special_requests) == (before.version + 1, None)
    assert after.customer == customers.ShownCustomer(erased.pk, "", "", "", erased=True)
    assert after.customer.display_name == "Erased"


def test_erasure_is_audited_without_what_was_erased(station: Station, manager: User) -> None:
    made = past(station)

    erased = erasure.erase(whose(made).pk, by=manager)

    of_both = AuditEntry.objects.filter(object_pk__in=[str(erased.pk), str(made.pk)], event="erased").order_by("id")
    assert [(one.object_repr, one.actor, one.changes) for one in of_both] == [
        (str(made), manager, {"special_requests": ["•••", "•••"]}),
        (str(erased), manager, {name: ["•••", "•••"] for name in ("name", "email", "phone")}),
    ]


def test_new_key_makes_no_index_of_an_erased_customer(station: Station, manager: User) -> None:
    gone = erasure.erase(whose(past(station)).pk, by=manager)

    blind_index.rewrite([gone], station)

    assert not BlindIndex.objects.exists()


def test_erased_customer_is_found_matched_chosen_and_edited_by_nobody(station: Station, manager: User) -> None:
    gone = erasure.erase(whose(past(station)).pk, by=manager)

    found = [customers.search(manager, q) for q in ("quillon", ANA.email, ANA.phone, "5987")]
    anew = whose(booking(station, customer=ANA))

    assert found == [[], [], [], []]
    assert anew.pk != gone.pk
    with pytest.raises(Invalid):
        customers.edit(gone.pk, {"name": "Quillon"}, by=manager)
    with pytest.raises(NotFound):
        services.create(services.Draft("kitchen", FRIDAY, time(19), customer_id=gone.pk), by=manager)
    with pytest.raises(NotFound):
        services.edit(booking(station).pk, {"customer_id": gone.pk}, by=manager)


@pytest.mark.parametrize("status", [Status.PENDING, Status.CONFIRMED])
def test_erase_is_refused_while_the_customer_is_expected(station: Station, manager: User, status: Status) -> None:
    made = booking(station, customer=ANA, status=status)

    with pytest.raises(StillAhead) as refused:
        erasure.erase(whose(made).pk, by=manager)

    assert str(refused.value) == "This customer has an upcoming booking. Cancel or complete it first."
    assert whose(made).name == ANA.name
    services.change_status(made.pk, Status.CANCELLED, by=manager)
    assert erasure.erase(whose(made).pk, by=manager).erased_at


def test_erase_is_for_those_who_manage_and_may_see(station: Station) -> None:
    known = whose(past(station))
    for group in (roles.STAFF, roles.VIEWERS, roles.INTEGRATORS):
        with pytest.raises(NotPermitted):
            erasure.erase(known.pk, by=person(group, station))
    with pytest.raises(NotFound):
        erasure.erase(known.pk, by=person(roles.MANAGERS, open_station()))

    assert whose(Booking.objects.get()).name == ANA.name


def test_erase_a_second_time_writes_nothing(station: Station, manager: User) -> None:
    made = past(station)
    first = erasure.erase(whose(made).pk, by=manager)
    entries = AuditEntry.objects.count()

    second = erasure.erase(first.pk, by=manager)

    assert (second.erased_at, AuditEntry.objects.count()) == (first.erased_at, entries)


def test_erase_of_somebody_else_is_not_noticed(station: Station, manager: User) -> None:
    other = booking(station, customer=Contact("Bo Li", "bo@example.com"), special_requests="Nuts")

    erasure.erase(whose(past(station)).pk, by=manager)

    stays = whose(other)
    assert (stays.name, stays.email, other.special_requests, other.version) == ("Bo Li", "bo@example.com", "Nuts", 1)
    assert [one.pk for one in customers.search(manager, "bo@example.com")] == [stays.pk]


def test_mails_of_an_erased_customer_are_forgotten_and_those_that_wait_are_not_sent(
    station: Station, manager: User
) -> None:
    sent, waiting = booking(station, customer=ANA), booking(station, customer=ANA)
    outbox.queue_created([sent])
    [letter, _message] = delivery.lease_next(timezone.now()) or []
    letter.end(State.SENT)
    for made in (sent, waiting):
        services.change_status(made.pk, Status.CANCELLED, by=manager)
    Mail.objects.filter(booking=sent, state=State.WAITING).update(state=State.UNREACHED, problem=Problem.NO_ADDRESS)

    erasure.erase(whose(sent).pk, by=manager)

    assert list(Mail.objects.order_by("created_at").values_list("booking", "state", "problem", "message")) == [
        (sent.pk, State.SENT, "", None),
        (sent.pk, State.WITHDRAWN, Problem.ERASED, None),
        (waiting.pk, State.WITHDRAWN, Problem.ERASED, None),
    ]
    assert delivery.lease_next(timezone.now() + timedelta(days=1)) is None


def test_letter_to_an_erased_customer_goes_though_the_booking_is_somebody_elses_by_now(
    station: Station, manager: User
) -> None:
    made = booking(station, customer=ANA)
    ana = whose(made)
    outbox.queue_created([made])
    [letter, _message] = delivery.lease_next(timezone.now()) or []
    letter.end(State.SENT)
    services.edit(made.pk, {"customer": Contact("Bo Li", "bo@example.com"), "special_requests": "Nuts"}, by=manager)

    erasure.erase(ana.pk, by=manager)

    assert Mail.objects.get(pk=letter.pk).message is None
    made.refresh_from_db()
    assert (whose(made).name, made.special_requests) == ("Bo Li", "Nuts")
    assert [mark in read_everything() for mark in MARKS] == [False] * 4


def test_worker_with_the_mail_in_hand_does_not_send_it(station: Station, manager: User) -> None:
    made = booking(station, customer=ANA)
    outbox.queue_created([made])
    [letter, _message] = delivery.lease_next(timezone.now()) or []
    Booking.objects.update(status=Status.COMPLETED)

    erasure.erase(whose(made).pk, by=manager)

    assert not delivery._renew_lease(letter, timezone.now())
    delivery.settle(letter, Outcome.NO_SUCH_ADDRESS, timezone.now())
    assert (Mail.objects.get().state, whose(made).email_bounced) == (State.WITHDRAWN, False)
    assert [mark in read_everything() for mark in MARKS] == [False] * 4


def test_booking_of_an_erased_customer_is_restored_and_moved_as_somebody_unknown(
    station: Station, manager: User
) -> None:
    bar = open_station(code="bar")
    manager.stations.add(bar)
    made = booking(station, customer=ANA, status=Status.CANCELLED)
    erasure.erase(whose(made).pk, by=manager)

    services.change_status(made.pk, Status.CONFIRMED, by=manager)
    moved = services.reschedule(made.pk, to=services.Place(FRIDAY, time(19), "bar"), by=manager).booking

    assert (moved.station, moved.customer) == (bar, None)
    assert Customer.objects.filter(station=bar).count() == 0


def test_backup_brings_nobody_back(station: Station, manager: User) -> None:
    """What was restored has them as they were, even with a booking ahead."""
    made, other = booking(station, customer=ANA, special_requests="Zebra"), booking(station)
    ana, at = whose(made), timezone.now() - timedelta(days=3)
    gone = erasure.erase(whose(booking(station, LONG_AGO, customer=Contact("Bo Li", "bo@x.example"))).pk, by=manager)
    records = [
        ErasureRecord("kitchen", ana.pk, at),
        ErasureRecord("kitchen", gone.pk, at),
        ErasureRecord("kitchen", uuid4(), at),
    ]

    done = erasure.replay(records)

    assert done == {ReplayResult.ERASED: 1, ReplayResult.ALREADY_ERASED: 1, ReplayResult.UNKNOWN: 1}
    made.refresh_from_db()
    assert (whose(made).erased_at, made.status, made.special_requests) == (at, Status.CONFIRMED, None)
    assert [mark in read_everything() for mark in MARKS] == [False] * 4
    assert erasure.erasure_records() == [
        ErasureRecord("kitchen", ana.pk, at),
        ErasureRecord("kitchen", gone.pk, gone.erased_at or at),
    ]
    assert other.version == 1
