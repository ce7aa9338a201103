"""The form of a booking in the admin: each refusal at its field, nothing half saved, nobody else's things."""

import re
from datetime import date, time
from itertools import product
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.admin.models import LogEntry
from django.db import transaction
from django.test import Client

from accounts import roles
from accounts.customers import Contact
from accounts.models import AuditEntry, Customer, User
from bookings import services
from bookings.models import Booking
from bookings.models.status import Status
from bookings.services import Place
from bookings.services.timetable_changes import timetable_change
from stations.models import Station, TimetableException
from tests.bookings.admin.conftest import SignIn
from tests.bookings.admin.test_bookings import of, words
from tests.factories import FRIDAY, SATURDAY, ExceptionFactory, booking, customer, open_station, person
from tests.samples import SAMPLE_RATES, sample

pytestmark = pytest.mark.looks

ADD = "/admin/bookings/booking/add/"


def url(made: Booking, page: str = "change") -> str:
    return f"/admin/bookings/booking/{made.pk}/{page}/"


def errors(answer: Any) -> dict[str, list[str]]:
    """What the form says, by field; `__all__` is above them all."""
    assert answer.status_code == 200
    found = answer.context["adminform"].form.errors
    return {name: list(texts) for name, texts in found.items()}


NO_SLOT = "There is no slot at 03:00 on Fri 7 Mar 2031. Choose another slot."
FULL = "Target time slot is fully booked"


@pytest.mark.parametrize(
    ("said", "refused"),
    [
        ({"slot": "03:00"}, {"slot": [NO_SLOT]}),
        (
            {"slot": "21:00", "slots": 2},
            {"slot": ["Only 1 of 2 slots follow each other from 21:00 on Fri 7 Mar 2031."]},
        ),
        ({"date": date(2026, 3, 7)}, {"slot": ["This slot has ended. Choose another one."]}),
        ({"date": SATURDAY}, {"slot": ["18:00 on Sat 8 Mar 2031 is closed: Stocktaking"]}),
        ({"slot": "19:00"}, {"slot": [FULL]}),
        ({"external_ref": "TAKEN"}, {"external_ref": ["This station already has a booking with that reference."]}),
        ({"status": "completed"}, {"status": ["A new booking is pending, confirmed or arrived."]}),
        ({"party_adults": 0}, {"party_adults": ["A party has at least one guest."]}),
        ({"deposit_due_cents": 1}, {"deposit_due_cents": ["The deposit cannot be more than the total."]}),
        ({"customer_email": "ana@example.com"}, {"customer_name": ["This field cannot be blank."]}),
        (
            {"customer_name": "Ana", "customer_phone": "12"},
            {
                "customer_phone": [
                    "This is not a phone number. Enter it with its country code, such as +1 202 555 0143."
                ]
            },
        ),
        ({"customer": "not an id"}, {"customer": ["“not an id” is not a valid UUID."]}),
    ],
    ids=lambda said: ",".join(said),
)
def test_add_shows_each_refusal_at_its_field(
    admin: Client, station: Station, said: dict[str, Any], refused: dict[str, list[str]]
) -> None:
    ExceptionFactory(station=station, date=SATURDAY)
    for reference in ("TAKEN", "", ""):
        booking(station, slot=time(19), external_ref=reference)

    assert errors(admin.post(ADD, words(station, **said))) == refused
    assert (Booking.objects.count(), Customer.objects.count()) == (3, 0)


@pytest.mark.parametrize(
    ("status", "said", "refused"),
    [
        ("confirmed", {"status": "pending"}, {"status": ["A booking that is confirmed cannot become pending."]}),
        ("cancelled", {"date": SATURDAY}, {"date": ["Cannot reschedule cancelled bookings"]}),
        ("confirmed", {"slot": "03:00", "party_adults": 2}, {"slot": [NO_SLOT]}),
        ("confirmed", {"seen_version": ""}, {"__all__": ["This form is incomplete. Reload the page."]}),
    ],
)
def test_change_shows_each_refusal_at_its_field(
    admin: Client, station: Station, status: str, said: dict[str, Any], refused: dict[str, list[str]]
) -> None:
    made = booking(station, status=Status(status))

    assert errors(admin.post(url(made), of(made, **said))) == refused
    assert Booking.objects.get() == made
    assert AuditEntry.objects.filter(object_pk=made.pk).count() == 1
    assert not LogEntry.objects.exists()


def test_change_that_was_overtaken_says_so_before_the_workflow_does(
    admin: Client, station: Station, staff: User
) -> None:
    made = booking(station, status=Status.PENDING)
    services.change_status(made.pk, Status.CONFIRMED, by=staff)

    refused = errors(admin.post(url(made), of(made)))

    said = "has changed this booking: pending → confirmed. Check it before you change it."
    assert refused == {"__all__": [f"{staff.email} {said}"]}


@pytest.mark.parametrize(
    ("currency", "country", "shown", "typed", "cents"),
    [
        ("EUR", "DE", "12,50", "1.234,50", 123450),
        ("USD", "US", "12.50", "1,234.5", 123450),
        ("JPY", "JP", "1250", "1,234", 1234),
    ],
)
def test_amounts_are_in_units_of_the_stations_currency(
    admin: Client, station: Station, currency: str, country: str, shown: str, typed: str, cents: int
) -> None:
    Station.objects.filter(pk=station.pk).update(currency=currency, country=country)
    made = booking(station, total_due_cents=1250)

    page = admin.get(url(made)).content.decode()
    admin.post(url(made), of(made, total_due_cents=typed))

    assert re.findall(r'name="total_due_cents" value="([^"]*)"', page) == [shown]
    assert Booking.objects.get().total_due_cents == cents


def test_new_booking_takes_amounts_in_the_currency_of_the_station_chosen(admin: Client, manager: User) -> None:
    other = open_station(code="dojo", name="Dojo", currency="JPY", country="JP")
    manager.stations.add(other)

    admin.post("/admin/bookings/booking/add/", words(other, total_due_cents="1500"))

    assert Booking.objects.get().total_due_cents == 1500


def test_change_writes_one_entry_and_one_version_for_what_was_changed_only(admin: Client, station: Station) -> None:
    made = booking(station, special_requests="Nuts\nand milk", total_due_cents=100, source=" phone ")
    said = {"special_requests": "Nuts\r\nand milk", "total_due_cents": "1,00", "source": " phone "}

    admin.post(url(made), of(made, **said))
    untouched = Booking.objects.get()
    admin.post(url(made), of(made, **said, party_kids=1))

    assert (untouched.version, untouched.special_requests) == (1, "Nuts\nand milk")
    made.refresh_from_db()
    assert (made.version, made.party_kids, made.special_requests) == (2, 1, "Nuts\nand milk")
    entry = AuditEntry.objects.filter(object_pk=made.pk).latest("id")
    assert (entry.event, entry.changes, entry.channel) == ("edited", {"party_kids": [0, 1]}, "admin")


def test_change_moves_to_another_station_of_the_managers(admin: Client, station: Station, manager: User) -> None:
    bar = open_station(code="bar")
    manager.stations.add(bar)
    made = booking(station, customer=Contact("Ana García", "ana@example.com"))

    answer = admin.post(url(made), {**of(made, customer=made.customer_id), "station": bar.pk})

    assert answer.status_code == 302
    moved = Booking.objects.select_related("customer").get()
    assert moved.station == bar
    assert moved.customer is not None
    assert moved.customer.station == bar


def test_displaced_booking_takes_its_place_again_where_the_manager_says_so(admin: Client, station: Station) -> None:
    made = booking(station)
    with timetable_change(station, by=roles.OPERATOR, displace=True):
        ExceptionFactory(station=station, date=FRIDAY)
    TimetableException.objects.all().delete()
    made.refresh_from_db()

    admin.post(url(made), of(made))
    assert Booking.objects.get().needs_place
    admin.post(url(made), of(made, take_place="on"))

    assert not Booking.objects.get().needs_place
    assert "Assign its slot again" not in admin.get(url(made)).content.decode()


def test_customer_is_chosen_or_written_not_both(admin: Client, station: Station) -> None:
    known = customer(station)

    refused = errors(admin.post(ADD, words(station, customer=known.pk, customer_name="Bo Li")))

    assert refused == {"customer": ["Choose a customer or enter a new one, not both."]}


def test_customer_written_on_a_booking_takes_the_place_of_the_one_before(admin: Client, station: Station) -> None:
    made = booking(station, customer=Contact("Ana García", "ana@example.com"))

    admin.post(url(made), of(made, customer=made.customer_id, customer_name="Bo Li", customer_email="bo@example.com"))

    assert [one.name for one in Customer.objects.order_by("created_at")] == ["Ana García", "Bo Li"]
    assert Booking.objects.get().customer == Customer.objects.latest("created_at")


def test_customer_taken_off_leaves_a_walk_in(admin: Client, station: Station) -> None:
    made = booking(station, customer=Contact("Ana García", "ana@example.com"))

    admin.post(url(made), of(made, customer=""))

    assert Booking.objects.get().customer is None


def test_customer_of_another_of_the_managers_stations_is_refused(
    admin: Client, station: Station, manager: User
) -> None:
    bar = open_station(code="bar")
    manager.stations.add(bar)
    made = booking(station)

    refused = errors(admin.post(url(made), of(made, customer=customer(bar).pk)))

    assert refused == {"customer": ["Not found."]}


def test_raw_id_names_whom_the_manager_may_see_and_nobody_else(admin: Client, station: Station) -> None:
    made = booking(station, customer=Contact("Ana García", "ana@example.com"))
    foreign = customer(open_station(), "Bo Li", "bo@example.com")

    shown = admin.get(url(made)).content.decode()
    crafted = admin.post(ADD, words(station, customer=foreign.pk))
    missing = admin.post(ADD, words(station, customer=uuid4()))

    assert "Ana García" in shown
    assert errors(crafted) == errors(missing)
    assert [word for word in ("Bo Li", str(foreign)) if word in crafted.content.decode()] == []


FIELDS = (
    *sorted(words(Station(pk=1), customer=1, customer_name=1, customer_email=1, special_requests=1, source=1)),
    *("customer_phone", "external_ref", "seen_version"),
)
NONSENSE = (
    "\x00", "\x07", "x" * 10_000, "0000-00-00", "0001-01-01", "9999-12-31", "-1", "9" * 20, "25:00", "18:00:30", "NaN", "٣",
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.looks
@pytest.mark.parametrize("one_in", SAMPLE_RATES)
def test_form_bears_nonsense_in_any_field(admin: Client, station: Station, one_in: int) -> None:
    made = booking(station)

    found = {}
    for text, field in sample(product(NONSENSE, FIELDS), one_in):
        for address in (ADD, url(made)):
            with transaction.atomic():
                found[address, field, text] = admin.post(address, {**of(made), field: text}).status_code
                transaction.set_rollback(True)

    assert {case: status for case, status in found.items() if status not in (200, 302)} == {}


def test_without_the_right_to_personal_data_it_is_written_and_never_shown(admin_with: SignIn, station: Station) -> None:
    admin = admin_with(roles.VIEW, roles.CHANGE)
    contact = {"customer_name": "Ana García", "customer_email": "ana@example.com"}

    answer = admin.post(ADD, words(station, **contact, special_requests="Nuts"))

    assert answer.status_code == 302
    made = Booking.objects.select_related("customer").get()
    assert made.customer is not None
    assert (made.customer.name, made.special_requests) == ("Ana García", "Nuts")
    shown = admin.get(url(made)).content.decode()
    assert [word for word in ("García", "ana@example.com", "Nuts", "customer_name") if word in shown] == []


def test_without_the_right_to_personal_data_no_post_reaches_it(admin_with: SignIn, station: Station) -> None:
    made = booking(station, customer=Contact("Ana García", "ana@example.com"), special_requests="Nuts")
    other = customer(station, "Bo Li", "bo@example.com")
    crafted = {"customer": other.pk, "customer_name": "Cy", "special_requests": "none", "party_kids": 1}

    answer = admin_with(roles.VIEW, roles.CHANGE).post(url(made), of(made, **crafted))

    assert answer.status_code == 302
    made.refresh_from_db()
    assert (made.party_kids, made.special_requests) == (1, "Nuts")
    assert made.customer is not None
    assert made.customer.name == "Ana García"


def test_history_tells_nothing_of_what_was_done_at_another_station(admin: Client, station: Station) -> None:
    other = open_station(code="elsewhere")
    manager_there = person(roles.MANAGERS, other)
    made = booking(other)
    there = Client()
    there.force_login(manager_there)
    there.post(url(made), of(made, party_adults=2))
    services.reschedule(made.pk, to=Place(SATURDAY, time(18), "kitchen"), by=roles.OPERATOR)

    shown = admin.get(url(made, "history")).content.decode()

    assert "Another station → kitchen Sat 8 Mar 2031 18:00" in shown
    assert [word for word in ("elsewhere", "Fri 7 Mar", manager_there.email) if word in shown] == []


def test_admins_own_log_holds_no_personal_data(admin: Client, station: Station) -> None:
    contact = {"customer_name": "Ana García", "customer_email": "ana@example.com", "customer_phone": "+49 30 901820"}

    admin.post(ADD, words(station, **contact, special_requests="Nuts"))
    made = Booking.objects.get()
    admin.post(url(made), of(made, customer=made.customer_id, customer_name="Bo Li", special_requests="Milk"))

    logged = " ".join(f"{one.object_repr} {one.change_message}" for one in LogEntry.objects.all())
    assert LogEntry.objects.count() == 2
    assert [word for word in ("Ana", "García", "901820", "Nuts", "Bo Li", "Milk") if word in logged] == []


def test_actions_over_many_name_the_first_refusals_and_count_the_rest(admin: Client, station: Station) -> None:
    crowded = open_station(code="hall", capacity=30)
    User.objects.get().stations.add(crowded)
    done = [booking(crowded, status=Status.COMPLETED) for _n in range(22)]

    chosen = {"action": "cancel", "_selected_action": [str(one.pk) for one in done]}
    shown = admin.post("/admin/bookings/booking/", chosen, follow=True).content.decode()

    assert (shown.count("cannot become cancelled"), "2 more were refused." in shown) == (20, True)


@pytest.mark.usefixtures("on_friday")
@pytest.mark.parametrize(
    ("action", "before", "after"),
    [
        ("confirm", "pending", "confirmed"),
        ("mark_arrived", "confirmed", "arrived"),
        ("complete", "arrived", "completed"),
        ("mark_no_show", "confirmed", "no_show"),
        ("cancel", "confirmed", "cancelled"),
    ],
)
def test_actions_take_each_step(admin: Client, station: Station, action: str, before: str, after: str) -> None:
    made = booking(station, status=Status(before))

    admin.post("/admin/bookings/booking/", {"action": action, "_selected_action": [str(made.pk)]})

    assert Booking.objects.get().status == after


@pytest.mark.parametrize("action", ["mark_arrived", "mark_no_show"])
def test_actions_before_the_day_of_a_booking_are_refused(admin: Client, station: Station, action: str) -> None:
    made = booking(station)

    shown = admin.post(
        "/admin/bookings/booking/", {"action": action, "_selected_action": [str(made.pk)]}, follow=True
    ).content.decode()

    assert "before its day, Fri 7 Mar 2031." in shown
    assert Booking.objects.get().status == "confirmed"


def test_change_offers_no_arrival_and_no_no_show_before_the_day(admin: Client, station: Station) -> None:
    made = booking(station)

    form = admin.get(f"/admin/bookings/booking/{made.pk}/change/").context["adminform"].form

    assert [value for value, _label in form.fields["status"].widget.choices] == ["confirmed", "completed", "cancelled"]


def test_actions_are_for_those_with_the_rights(admin_with: SignIn, station: Station) -> None:
    made = booking(station)
    admin = admin_with(roles.VIEW)

    for action in ("cancel", "export"):
        admin.post("/admin/bookings/booking/", {"action": action, "_selected_action": [str(made.pk)]})

    assert Booking.objects.get().status == "confirmed"
    shown = admin.get("/admin/bookings/booking/").content.decode()
    assert [word for word in ("Export as CSV", 'value="cancel"') if word in shown] == []
