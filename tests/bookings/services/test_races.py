"""Real processes racing for the last places, on both databases: never one party too many, every refusal a rule's own."""

import json
from collections import Counter
from datetime import time

import pytest
from django.utils import timezone

from accounts import roles
from accounts.audit import verification
from accounts.models import BlindIndex, Customer
from bookings import services
from bookings.models import Booking, ContactProposal, Hold
from bookings.models.status import Status
from bookings.services.verification import differences
from tests.concurrency import run_concurrently
from tests.factories import booking, bookings, customer, open_station, person

EXPECTED = {
    "done",
    "slot_full",
    "no_such_slot",  # two slots in a row from the last hour
    "not_reschedulable",  # cancelled by another in between
    "invalid_step",
    "stale",
}
CAPACITY, GUESTS = 2, 6


def run(database_url: str, processes: int, tries: int) -> Counter[str]:
    """So many processes, each with so many tries, at two stations of few places; how all of them ended."""
    stations = [
        open_station(hours=(17, 18, 19), capacity=CAPACITY, guest_capacity=GUESTS, code=code).code
        for code in ("left", "right")
    ]
    ends: Counter[str] = Counter()
    for printed in run_concurrently(database_url, processes, str(tries), *stations, module="tests.bookings.racer"):
        ends.update(json.loads(printed))
    return ends


def busiest() -> tuple[int, int]:
    """The most parties and the most guests in any slot, counted from the bookings that hold it."""
    parties: Counter[object] = Counter()
    guests: Counter[object] = Counter()
    for hold in Hold.objects.select_related("booking"):
        where = (hold.station_id, hold.date, hold.slot)
        parties[where] += 1
        guests[where] += hold.booking.total_guests
    return max(parties.values()), max(guests.values())


@pytest.mark.race
@pytest.mark.parametrize(("processes", "tries"), [(4, 300), pytest.param(8, 1500, marks=pytest.mark.long)])
def test_processes_racing_for_places_never_overbook(database_url: str, processes: int, tries: int) -> None:
    ends = run(database_url, processes, tries)

    assert ends.total() == processes * tries
    assert set(ends) <= EXPECTED
    assert ends["done"] > tries / 4
    assert ends["slot_full"] > tries / 4
    parties, guests = busiest()
    assert parties == CAPACITY
    assert guests <= GUESTS
    assert not list(differences())
    assert not list(verification.faults())
    assert Booking.objects.exists()


@pytest.mark.race
def test_hosts_who_race_for_the_place_of_a_no_show_seat_one_party(database_url: str) -> None:
    station = open_station(hours=[0], minutes=24 * 60, capacity=3, time_zone="UTC", code="kitchen")
    today = timezone.now().date()
    missing, *_others = bookings(3, station, today, time(0))
    services.change_status(missing.pk, Status.NO_SHOW, by=roles.OPERATOR)

    ends = Counter(run_concurrently(database_url, 16, station.code, str(today), module="tests.bookings.host_racer"))

    assert ends == {"seated": 1, "slot_full": 15}
    assert not list(differences())


@pytest.mark.race
def test_undo_while_colleagues_and_other_tabs_change_the_same_bookings(database_url: str) -> None:
    station = open_station(hours=(17, 18, 19), capacity=CAPACITY, guest_capacity=GUESTS, code="kitchen")
    people = [str(person(roles.STAFF, station).pk) for _n in range(2)]
    for hour in (17, 18, 19):
        booking(station, slot=time(hour))

    ends: Counter[str] = Counter()
    for printed in run_concurrently(database_url, 3, "150", *people, module="tests.bookings.undo_racer"):
        ends.update(json.loads(printed))

    assert ends.total() == 3 * 150
    assert set(ends) <= {"written", "undone", "nothing", "stale", "not_last", "slot_full", *EXPECTED}
    assert min(ends["written"], ends["undone"]) > 20
    assert sum(Booking.objects.values_list("version", flat=True)) == 3 + ends["written"] + ends["undone"]
    assert not list(differences())
    assert not list(verification.faults())


@pytest.mark.race
def test_customers_erased_while_others_book_for_them_leave_nothing(database_url: str) -> None:
    station = open_station(code="kitchen", capacity=1_000)
    customer(station)

    ends: Counter[str] = Counter()
    for printed in run_concurrently(database_url, 3, "150", module="tests.bookings.eraser"):
        ends.update(json.loads(printed))

    assert ends.total() == 3 * 150
    assert min(ends[f"{work}: done"] for work in ("book", "cancel", "wish", "edit", "decide", "erase")) > 5
    assert {end.partition(": ")[2] for end in ends} <= {
        "done",
        "not_found",  # chosen, and erased before the booking was made; decided about, and nothing left to decide
        "invalid",  # edited, and erased before
        "still_ahead",
        "stale",
        "invalid_step",
    }
    gone = Customer.objects.exclude(erased_at=None)
    assert {(one.name, one.email, one.phone, one.notes) for one in gone} == {("", "", "", "")}
    assert not BlindIndex.objects.filter(customer__in=gone).exists()
    assert not ContactProposal.objects.filter(customer__in=gone).exists()
    theirs = Booking.objects.filter(customer__in=gone)
    assert set(theirs.values_list("status", flat=True)) <= {Status.CANCELLED}
    assert not theirs.filter(special_requests__isnull=False).exists()
    assert not list(differences())
    assert not list(verification.faults())
