"""manage.py verify_holds: finds nothing where nothing is wrong, and each of a hundred planted faults."""

import random
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from io import StringIO

import pytest
import time_machine
from django.core.management import call_command
from django.db import connection, models
from django.utils import timezone

from bookings.models import Booking, Hold
from bookings.models.status import Status
from bookings.services.verification import differences
from stations.models import Opening, Station
from tests.factories import ExceptionFactory, booking, open_station

Fault = Callable[[random.Random], None]


HALF_PAST_ONE = datetime(2031, 3, 7, 12, 30, tzinfo=UTC)
"""In Berlin, during the slot of 13 h."""


@pytest.fixture
def full_house(db: None) -> Iterator[Station]:
    """Bookings of every status, length and age, one of which is running, at a station and its neighbour."""
    with time_machine.travel(HALF_PAST_ONE, tick=False):
        yield fill_house()


def fill_house() -> Station:
    station = open_station(capacity=4, guest_capacity=30, hours=range(10, 22), code="house")
    today = timezone.now().date()
    draw = random.Random(5)
    for offset in (-9, -3, 2, 3, 7):
        for hour in (10, 13, 16, 19):
            for status in (draw.choice(list(Status)), Status.CONFIRMED):
                booking(
                    station,
                    today + timedelta(days=offset),
                    time(hour),
                    status=status,
                    slots=draw.choice([1, 2, 3]),
                    party_adults=draw.choice([1, 2, 4]),
                )
    booking(station, today, time(12), status=Status.ARRIVED, slots=3)
    booking(open_station(hours=range(10, 22), code="next"), today + timedelta(days=2), time(10))
    return station


def ahead() -> models.QuerySet[Hold]:
    return Hold.objects.filter(station__code="house", booking__starts_at__gt=timezone.now())


def a_hold(draw: random.Random, *, long: bool = False) -> Hold:
    held = ahead().filter(booking__slots__gt=1) if long else Hold.objects.filter(station__code="house")
    return draw.choice(list(held.order_by("pk")))


def a_booking(draw: random.Random, **wanted: object) -> Booking:
    return draw.choice(list(Booking.objects.holding().filter(station__code="house", **wanted).order_by("pk")))


def lose_a_hold(draw: random.Random) -> None:
    draw.choice(list(ahead().order_by("pk"))).delete()


def lose_a_hold_while_running(draw: random.Random) -> None:
    Hold.objects.get(
        booking__status=Status.ARRIVED, slot=time(draw.choice([13, 14])), date=timezone.now().date()
    ).delete()


def stay_away_but_hold(draw: random.Random) -> None:
    Booking.objects.filter(pk=a_booking(draw).pk).update(status=Status.NO_SHOW)


def leave_but_hold(draw: random.Random) -> None:
    made = a_booking(draw, ends_at__gt=timezone.now() + timedelta(hours=1))
    Booking.objects.filter(pk=made.pk).update(status=Status.COMPLETED)


def come_back_without_holding(draw: random.Random) -> None:
    made = booking(Station.objects.get(code="house"), status=Status.NO_SHOW, slot=time(10), day=date(2031, 3, 9))
    Booking.objects.filter(pk=made.pk).update(status=Status.ARRIVED)


def hold_on_another_date(draw: random.Random) -> None:
    hold = a_hold(draw)
    Hold.objects.filter(pk=hold.pk).update(date=hold.date + timedelta(days=400), lane=0)


def hold_in_another_slot(draw: random.Random) -> None:
    Hold.objects.filter(pk=a_hold(draw).pk).update(slot=time(9, draw.randrange(60)), lane=0)


def hold_at_another_station(draw: random.Random) -> None:
    other = Station.objects.get(code="next")
    Hold.objects.filter(pk=a_hold(draw).pk).update(station=other, date=date(2033, 1, 1), lane=0)


def hold_against_another_capacity(draw: random.Random) -> None:
    Hold.objects.filter(pk=draw.choice(list(ahead().order_by("pk"))).pk).update(capacity=draw.randrange(5, 99))


def hold_once_more(draw: random.Random) -> None:
    hold = a_hold(draw)
    hold.pk, hold.slot, hold.lane = None, time(23, 30), 0
    hold.save()


def cancel_but_hold(draw: random.Random) -> None:
    Booking.objects.filter(pk=a_booking(draw).pk).update(status=Status.CANCELLED)


def displace_but_hold(draw: random.Random) -> None:
    Booking.objects.filter(pk=a_booking(draw).pk).update(needs_place=True)


def confirm_without_holding(draw: random.Random) -> None:
    made = booking(Station.objects.get(code="house"), status=Status.CANCELLED, slot=time(10), day=date(2031, 3, 9))
    Booking.objects.filter(pk=made.pk).update(status=Status.CONFIRMED)


def move_without_holding(draw: random.Random) -> None:
    made = a_booking(draw, starts_at__gt=timezone.now())
    Booking.objects.filter(pk=made.pk).update(date=made.date + timedelta(days=draw.randrange(1, 9)))


def begin_without_holding(draw: random.Random) -> None:
    made = a_booking(draw, starts_at__gt=timezone.now())
    Booking.objects.filter(pk=made.pk).update(slot=time(9, 59))


def grow_longer_without_holding(draw: random.Random) -> None:
    made = a_booking(draw, starts_at__gt=timezone.now())
    Booking.objects.filter(pk=made.pk).update(slots=made.slots + draw.randrange(1, 4))


def bring_too_many_guests(draw: random.Random) -> None:
    made = a_booking(draw, starts_at__gt=timezone.now())
    Booking.objects.filter(pk=made.pk).update(party_adults=31)


def begin_at_another_instant(draw: random.Random) -> None:
    made = a_booking(draw, starts_at__gt=timezone.now())
    Booking.objects.filter(pk=made.pk).update(starts_at=made.starts_at - timedelta(minutes=5))


def end_at_another_instant(draw: random.Random) -> None:
    made = a_booking(draw, starts_at__gt=timezone.now())
    Booking.objects.filter(pk=made.pk).update(ends_at=made.ends_at + timedelta(minutes=5))


def close_the_slot_behind_its_back(draw: random.Random) -> None:
    hold = draw.choice(list(ahead().order_by("pk")))
    ExceptionFactory(station=hold.station, date=hold.date, slot=hold.slot)


def cut_the_slot_behind_its_back(draw: random.Random) -> None:
    hold = draw.choice(list(ahead().order_by("pk")))
    ExceptionFactory(station=hold.station, date=hold.date, slot=hold.slot, closed=False, capacity=3)


def take_the_opening_away(draw: random.Random) -> None:
    hold = draw.choice(list(ahead().order_by("pk")))
    Opening.objects.filter(station=hold.station, weekday=hold.date.weekday(), start=hold.slot).delete()


FAULTS: list[Fault] = [
    lose_a_hold,
    lose_a_hold_while_running,
    stay_away_but_hold,
    leave_but_hold,
    come_back_without_holding,
    hold_on_another_date,
    hold_in_another_slot,
    hold_at_another_station,
    hold_against_another_capacity,
    hold_once_more,
    cancel_but_hold,
    displace_but_hold,
    confirm_without_holding,
    move_without_holding,
    begin_without_holding,
    grow_longer_without_holding,
    bring_too_many_guests,
    begin_at_another_instant,
    end_at_another_instant,
    close_the_slot_behind_its_back,
    cut_the_slot_behind_its_back,
    take_the_opening_away,
]


def test_verify_holds_finds_nothing_where_nothing_is_wrong(full_house: Station) -> None:
    out = StringIO()

    call_command("verify_holds", stdout=out)

    assert out.getvalue() == "Bookings and ledger agree.\n"


@pytest.mark.slow
def test_verify_holds_finds_every_one_of_a_hundred_planted_faults(full_house: Station) -> None:
    missed = []
    for seed in range(5 * len(FAULTS)):
        fault = FAULTS[seed % len(FAULTS)]
        point = connection.savepoint() or ""
        fault(random.Random(seed))
        if not list(differences()):
            missed.append((fault.__name__, seed))
        connection.savepoint_rollback(point)

    assert missed == []
    assert not list(differences())


def test_timetable_counts_for_a_booking_until_it_begins(station: Station) -> None:
    made = booking(station)
    ExceptionFactory(station=station, date=made.date, slot=made.slot)

    with time_machine.travel(made.starts_at - timedelta(seconds=1), tick=False):
        assert list(differences()) != []
    with time_machine.travel(made.starts_at, tick=False):
        assert list(differences()) == []


def test_verify_holds_names_each_difference_and_ends_with_1(full_house: Station) -> None:
    made = a_booking(random.Random(1), starts_at__gt=timezone.now())
    made.holds.all().delete()
    out, err = StringIO(), StringIO()

    with pytest.raises(SystemExit) as end:
        call_command("verify_holds", stdout=out, stderr=err)

    assert end.value.code == 1
    assert f"house: booking {made.pk}: takes {made.slots} slots, yet holds 0 places\n" in out.getvalue()
    assert err.getvalue() == "Differences: 2.\n"
