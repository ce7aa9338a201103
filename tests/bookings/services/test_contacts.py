"""A contact that came with a booking and is not on file for its customer: kept there, decided about, gone with them."""

from datetime import UTC, datetime, time
from typing import Any

import pytest

from accounts import customers, roles
from accounts.customers import Contact
from accounts.models import AuditEntry, Customer, User
from bookings import services
from bookings.errors import Stale
from bookings.models import Booking, ContactProposal
from bookings.models.status import Status
from bookings.privacy import erasure, retention
from bookings.services import Draft, Place, contact_decisions, contacts
from core.errors import Invalid, NotFound, NotPermitted
from stations.models import Station
from tests.bookings.undo.test_service import in_session, redo, undo
from tests.decrypted import read_everything
from tests.factories import FRIDAY, SATURDAY, booking, customer, open_station, person
from tests.factories import staff as staff_of

EMAIL, PHONE, OTHER_PHONE = "nora@example.com", "+12025550143", "+12025550199"
NORA = Contact("Nora Silva", EMAIL, PHONE)
REDACTED = "•••"


@pytest.fixture
def nora(station: Station) -> Customer:
    return customer(station, "Nora Silva", EMAIL)


def given(made: Booking) -> tuple[str, str] | None:
    found = contacts.pending(Booking.objects.select_related("customer", "station").get(pk=made.pk))
    return (found.email, found.phone) if found else None


def entry(made: Booking) -> tuple[str, Any]:
    latest = AuditEntry.objects.filter(object_pk=str(made.pk)).latest("id")
    return latest.event, latest.changes


def create(station: Station, **fields: Any) -> Booking:
    return services.create(Draft(station.code, FRIDAY, time(18), **fields), by=roles.OPERATOR)


def test_new_booking_keeps_what_its_customer_is_not_on_file_with(station: Station, nora: Customer) -> None:
    made = create(station, customer=Contact("nora silva", "NORA@example.com", "(202) 555-0143 ".replace("(", "+1 (")))

    nora.refresh_from_db()
    assert (made.customer, nora.phone, given(made)) == (nora, "", ("", PHONE))
    event, changes = entry(made)
    assert (event, changes["given_phone"], "given_email" in changes) == ("created", [None, REDACTED], False)


def test_new_booking_of_somebody_new_keeps_nothing_apart(station: Station) -> None:
    made = create(station, customer=NORA)

    assert (given(made), ContactProposal.objects.count()) == (None, 0)


def test_second_row_of_a_batch_keeps_what_the_first_was_not_made_with(station: Station) -> None:
    drafts = [Draft(station.code, FRIDAY, time(18), customer=one) for one in (Contact("Nora Silva", EMAIL), NORA)]

    first, second = services.create_many(drafts, by=roles.OPERATOR)

    assert isinstance(first, Booking)
    assert isinstance(second, Booking)
    assert (first.customer, given(first), given(second)) == (second.customer, None, ("", PHONE))


def test_edit_keeps_a_changed_phone_as_a_proposal(station: Station, nora: Customer, staff: User) -> None:
    customers.edit(nora.pk, {"phone": PHONE}, by=staff)
    made = create(station, customer_id=nora.pk)

    edited = services.edit(made.pk, {"customer": Contact("Nora Silva", EMAIL, OTHER_PHONE)}, by=staff, seen_version=1)

    nora.refresh_from_db()
    assert (edited.version, edited.customer, nora.phone, given(made)) == (2, nora, PHONE, ("", OTHER_PHONE))
    assert entry(made) == ("edited", {"given_phone": [None, REDACTED]})


def test_edit_that_gives_a_new_phone_alone_is_about_the_bookings_own_customer(station: Station, staff: User) -> None:
    made = create(station, customer=Contact("Nora Silva", "", PHONE))

    edited = services.edit(made.pk, {"customer": Contact("nora  SILVA", "", OTHER_PHONE)}, by=staff)

    assert (edited.customer, given(made)) == (made.customer, ("", OTHER_PHONE))
    assert Customer.objects.count() == 1


def test_edit_that_says_the_same_again_writes_nothing(station: Station, nora: Customer, staff: User) -> None:
    made = create(station, customer=NORA)

    again = services.edit(made.pk, {"customer": NORA}, by=staff)

    assert (again.version, AuditEntry.objects.filter(event="edited").count()) == (1, 0)


def test_edit_back_to_what_is_on_file_forgets_the_proposal(station: Station, nora: Customer, staff: User) -> None:
    customers.edit(nora.pk, {"phone": PHONE}, by=staff)
    made = create(station, customer=Contact("Nora Silva", EMAIL, OTHER_PHONE))

    services.edit(made.pk, {"customer": NORA}, by=staff)

    assert (given(made), ContactProposal.objects.count()) == (None, 0)
    assert entry(made) == ("edited", {"given_phone": [REDACTED, None]})


def test_edit_leaves_what_it_does_not_name(station: Station, nora: Customer, staff: User) -> None:
    made = create(station, customer=NORA)

    services.edit(made.pk, {"customer": Contact("Nora Silva", "nora.silva@example.com")}, by=staff)

    assert given(made) == ("nora.silva@example.com", PHONE)


@pytest.mark.parametrize("other", [Contact("Bo Li", "bo@example.com"), None])
def test_edit_to_somebody_else_forgets_what_was_given_before(
    station: Station, nora: Customer, staff: User, other: Contact | None
) -> None:
    made = create(station, customer=NORA)

    services.edit(made.pk, {"customer": other}, by=staff)

    assert ContactProposal.objects.count() == 0


def test_known_customer_may_come_with_another_contact(station: Station, nora: Customer) -> None:
    made = create(station, customer_id=nora.pk, customer=Contact("Nora Silva", "", PHONE))

    assert (made.customer, given(made)) == (nora, ("", PHONE))


def test_contact_that_staff_want_saved_is_saved_with_the_booking(station: Station, nora: Customer, staff: User) -> None:
    draft = Draft(
        station.code,
        FRIDAY,
        time(18),
        customer_id=nora.pk,
        customer=Contact("Nora Silva", "", PHONE),
        save_contact=True,
    )

    made = services.create(draft, by=staff)

    nora.refresh_from_db()
    assert (nora.phone, given(made)) == (PHONE, None)
    saved = AuditEntry.objects.get(object_pk=str(nora.pk), event="edited")
    assert (saved.actor, saved.changes) == (staff, {"phone": [REDACTED, REDACTED]})


def test_contact_is_saved_by_those_alone_who_may_see_personal_data(station: Station, nora: Customer) -> None:
    draft = Draft(
        station.code,
        FRIDAY,
        time(18),
        customer_id=nora.pk,
        customer=Contact("Nora Silva", "", PHONE),
        save_contact=True,
    )

    with pytest.raises(NotPermitted):
        services.create(draft, by=person(roles.VIEWERS, station))

    assert (Booking.objects.count(), Customer.objects.get().phone) == (0, "")


def test_use_saves_it_for_the_customer_and_is_audited(station: Station, nora: Customer, staff: User) -> None:
    made = create(station, customer=NORA)

    contact_decisions.use(made.pk, "phone", by=staff, seen_version=1)

    nora.refresh_from_db()
    assert (nora.phone, nora.email, given(made)) == (PHONE, EMAIL, None)
    assert customers.search(staff, PHONE) == [nora]
    assert entry(made) == ("contact_used", {"given_phone": [REDACTED, None]})
    assert AuditEntry.objects.get(object_pk=str(nora.pk), event="edited").changes == {"phone": [REDACTED, REDACTED]}
    assert (Booking.objects.get().version, ContactProposal.objects.count()) == (2, 0)


def test_dismiss_forgets_it_and_is_audited(station: Station, nora: Customer, staff: User) -> None:
    made = create(station, customer=Contact("Nora Silva", EMAIL, PHONE))

    contact_decisions.dismiss(made.pk, "phone", by=staff, seen_version=1)

    nora.refresh_from_db()
    assert (nora.phone, given(made), entry(made)) == (
        "",
        None,
        ("contact_dismissed", {"given_phone": [REDACTED, None]}),
    )
    assert PHONE not in read_everything()


def test_one_of_two_is_decided_alone(station: Station, staff: User) -> None:
    made = create(station, customer=Contact("Nora Silva", "", PHONE))
    services.edit(made.pk, {"customer": Contact("Nora Silva", EMAIL, OTHER_PHONE)}, by=staff)

    contact_decisions.dismiss(made.pk, "phone", by=staff)

    assert given(made) == (EMAIL, "")


@pytest.mark.parametrize("decide", [contact_decisions.use, contact_decisions.dismiss])
def test_decision_on_a_version_that_is_past_is_stale(
    station: Station, nora: Customer, staff: User, decide: Any
) -> None:
    made = create(station, customer=NORA)
    services.edit(made.pk, {"customer": Contact("Nora Silva", EMAIL, OTHER_PHONE)}, by=staff)

    with pytest.raises(Stale):
        decide(made.pk, "phone", by=staff, seen_version=1)

    assert given(made) == ("", OTHER_PHONE)


@pytest.mark.parametrize("decide", [contact_decisions.use, contact_decisions.dismiss])
def test_decision_needs_something_to_decide_the_right_and_the_station(
    station: Station, nora: Customer, staff: User, decide: Any
) -> None:
    made = create(station, customer=NORA)

    for name, by, refusal in (
        ("email", staff, NotFound),
        ("name", staff, NotFound),
        ("phone", person(roles.VIEWERS, station), NotPermitted),
        ("phone", staff_of(open_station()), NotFound),
    ):
        with pytest.raises(refusal):
            decide(made.pk, name, by=by)

    assert given(made) == ("", PHONE)


def test_phone_that_is_no_number_is_kept_and_not_saved_for_the_customer(station: Station, nora: Customer) -> None:
    made = booking(station, customer=Contact("Nora Silva", EMAIL, "call me"))
    assert given(made) == ("", "call me")

    with pytest.raises(Invalid):
        contact_decisions.use(made.pk, "phone", by=roles.OPERATOR)

    assert given(made) == ("", "call me")


def test_email_that_is_no_address_is_kept_and_never_written_to(station: Station, nora: Customer) -> None:
    made = booking(station, customer=Contact("Nora Silva", "n/a", PHONE))
    again = booking(station, customer=Contact("Nora Silva", "see notes", PHONE))
    assert (made.customer, again.customer) != (nora, nora)

    assert [given(made), given(again)] == [None, ("see notes", "")]
    assert contacts.recipient(again) == contacts.Recipient("n/a", is_valid=False)
    with pytest.raises(Invalid):
        contact_decisions.use(again.pk, "email", by=roles.OPERATOR)


def test_what_the_customer_has_on_file_by_now_needs_no_decision(station: Station, nora: Customer, staff: User) -> None:
    made = create(station, customer=NORA)

    customers.edit(nora.pk, {"phone": "202 555 0143" if station.country == "US" else PHONE}, by=staff)

    assert given(made) is None


def test_it_goes_along_to_another_station_and_is_read_there_alone(
    station: Station, nora: Customer, staff: User
) -> None:
    bar = open_station(code="bar")
    made = create(station, customer=NORA)

    services.reschedule(made.pk, to=Place(SATURDAY, time(19), "bar"), by=roles.OPERATOR)

    assert given(made) == ("", PHONE)
    assert list(ContactProposal.objects.values_list("station", "customer__station")) == [(bar.pk, bar.pk)]
    assert [ContactProposal.objects.visible_to(who).count() for who in (staff, staff_of(bar))] == [0, 1]


def test_it_comes_back_with_a_move_to_another_station_that_is_undone(station: Station, nora: Customer) -> None:
    bar = open_station(code="bar")
    by, made = in_session(person(roles.STAFF, station, bar)), create(station, customer=NORA)
    services.reschedule(made.pk, to=Place(SATURDAY, time(19), "bar"), by=by)

    def where() -> tuple[Any, ...]:
        return ContactProposal.objects.values_list("station__code", "customer__station__code", "phone").get()

    undo(by)
    assert (where(), given(made)) == (("kitchen", "kitchen", PHONE), ("", PHONE))

    redo(by)
    assert (where(), given(made)) == (("bar", "bar", PHONE), ("", PHONE))


def test_it_is_forgotten_where_an_undo_gives_the_booking_back_to_somebody_else(station: Station, staff: User) -> None:
    by = in_session(staff)
    made = create(station, customer=Contact("Bo Li", "bo@example.com"))
    customer(station, "Nora Silva", EMAIL)
    services.edit(made.pk, {"customer": NORA}, by=by)
    assert given(made) == ("", PHONE)

    undo(by)

    assert ContactProposal.objects.count() == 0


def test_it_is_gone_with_the_customer(station: Station) -> None:
    for contact in (Contact("Nora Silva", "quillon@example.com"), Contact("Nora Silva", "quillon@example.com", PHONE)):
        made = booking(station, FRIDAY.replace(year=2021), customer=contact, status=Status.COMPLETED)
    assert PHONE in read_everything()

    erasure.erase(made.customer_id, by=roles.OPERATOR)  # type: ignore[arg-type]

    assert (ContactProposal.objects.count(), PHONE in read_everything()) == (0, False)


def test_it_is_gone_when_its_time_is_over(station: Station) -> None:
    for contact in (Contact("Nora Silva", EMAIL), NORA):
        booking(station, FRIDAY.replace(year=2021), customer=contact, status=Status.COMPLETED)
    Station.objects.update(retention_months=12)

    list(retention.apply_rules(datetime(2026, 1, 1, tzinfo=UTC)))

    assert ContactProposal.objects.count() == 0
