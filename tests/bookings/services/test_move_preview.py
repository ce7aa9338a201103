"""What each place would be: the same answer as the service gives to the drop, rule by rule."""

from datetime import date, time, timedelta

import pytest
from django.utils import timezone

from accounts import roles
from bookings import services
from bookings.errors import NotReschedulable
from bookings.models import Booking
from bookings.models.status import Status
from bookings.services import Place
from bookings.services.move_preview import SlotOption, slot_options
from core.errors import DomainError
from stations.models import Station
from tests.factories import FRIDAY, SATURDAY, ExceptionFactory, booking, open_station

THURSDAY = FRIDAY - timedelta(days=1)


def foretold(made: Booking, station: Station, first: date, last: date) -> dict[tuple[date, str], SlotOption]:
    found = slot_options(made, station, first, last, now=timezone.now())
    return {(one.date, f"{one.slot:%H:%M}"): one for one in found}


@pytest.fixture
def busy() -> Station:
    """A station with every reason to refuse: full, too few seats, closed, closed for an hour, the end of the day."""
    station = open_station(code="kitchen", guest_capacity=6)
    for _n in range(3):
        booking(station, SATURDAY)
    booking(station, SATURDAY, slot=time(19), party_adults=5)
    ExceptionFactory(station=station, date=THURSDAY, reason="Stocktaking")
    ExceptionFactory(station=station, date=FRIDAY, slot=time(21), reason="")
    return station


@pytest.mark.parametrize("slots", [1, 2, 4])
def test_slot_options_foretells_what_the_service_then_does(db: None, busy: Station, slots: int) -> None:
    made = booking(busy, FRIDAY, slot=time(17), slots=slots, party_adults=3)
    wrong = []
    for (day, start), one in foretold(made, busy, THURSDAY, SATURDAY + timedelta(days=1)).items():
        fresh = Booking.objects.get(pk=made.pk)
        try:
            services.reschedule(made.pk, to=Place(day, one.slot), by=roles.OPERATOR)
        except DomainError as refusal:
            code = refusal.code
        else:
            code = ""
            services.reschedule(made.pk, to=Place(fresh.date, fresh.slot), by=roles.OPERATOR)
        if code != one.code:
            wrong.append((day, start, code, one))

    assert wrong == []


def test_slot_options_counts_without_the_booking_itself(db: None, busy: Station) -> None:
    made = booking(busy, FRIDAY, slot=time(18), slots=2)
    booking(busy, FRIDAY, slot=time(19))

    found = foretold(made, busy, FRIDAY, FRIDAY)

    assert {slot: (one.code, one.label, one.description) for (_day, slot), one in found.items()} == {
        "17:00": ("", "1 of 3", "Friday 17:00, 0 of 3 taken"),
        "18:00": ("", "", "Friday 18:00, current slot"),
        "19:00": ("", "2 of 3", "Friday 19:00, 1 of 3 taken"),
        "20:00": ("slot_closed", "closed", "Friday 20:00: 21:00 on Fri 7 Mar 2031 is closed."),
        "21:00": ("no_such_slot", "no such slot",
                  "Friday 21:00: Only 1 of 2 slots follow each other from 21:00 on Fri 7 Mar 2031."),
    }  # fmt: skip


def test_slot_options_has_the_bookings_own_slot_on_days_that_lack_it(db: None, busy: Station) -> None:
    made = booking(busy, FRIDAY, slot=time(18))
    salon = open_station(code="salon", hours=[9])

    assert foretold(made, salon, SATURDAY, SATURDAY)[SATURDAY, "18:00"].code == "no_such_slot"


def test_slot_options_of_a_station_that_takes_none_is_closed_everywhere(db: None, busy: Station) -> None:
    made = booking(busy, FRIDAY)
    idle = open_station(code="idle", is_active=False)

    assert {one.code for one in foretold(made, idle, SATURDAY, SATURDAY).values()} == {"slot_closed"}


def test_slot_options_of_what_cannot_be_moved_is_refused(db: None, busy: Station) -> None:
    made = booking(busy, FRIDAY, status=Status.COMPLETED)

    with pytest.raises(NotReschedulable):
        foretold(made, busy, FRIDAY, FRIDAY)


@pytest.mark.parametrize("count", [1, 50])
def test_slot_options_asks_the_same_few_queries_for_any_number_of_bookings(
    db: None, django_assert_num_queries: object, count: int
) -> None:
    station = open_station(code="hall", capacity=60)
    made, *_others = [booking(station, FRIDAY) for _n in range(count)]

    with django_assert_num_queries(3):  # type: ignore[operator]
        slot_options(made, station, FRIDAY - timedelta(days=3), FRIDAY + timedelta(days=3), now=timezone.now())
