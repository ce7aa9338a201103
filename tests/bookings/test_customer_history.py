"""The counts on a customer's card against a count by hand over random histories."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bookings.customer_history import history_of
from bookings.models import Booking
from bookings.models.status import Status
from stations.models import Station
from tests.factories import booking, customer, open_station
from tests.samples import example_count

NOW = datetime(2031, 3, 7, 18, 30, tzinfo=UTC)
FIRST = date(2031, 3, 1)

histories = st.lists(st.tuples(st.integers(0, 14), st.integers(17, 21), st.sampled_from(Status.values)), max_size=12)


def check_history(history: list[tuple[int, int, str]]) -> None:
    with transaction.atomic():
        station = open_station(code="kitchen", capacity=1_000)
        known = customer(station)
        made: list[Booking] = []
        for offset, hour, status in history:
            one = booking(station, FIRST + timedelta(days=offset), time(hour), customer_id=known.pk)
            Booking.objects.filter(pk=one.pk).update(status=status)
            one.status = status
            made.append(one)
        booking(station, FIRST)  # somebody else's

        assert_counted(history_of(known, NOW), made)
        transaction.set_rollback(True)


def assert_counted(found: Any, made: list[Booking]) -> None:
    visited = [
        one
        for one in made
        if one.status == "completed" or (one.status in ("confirmed", "arrived") and one.ends_at <= NOW)
    ]
    ahead = [one for one in made if one.ends_at > NOW and one.status in ("pending", "confirmed", "arrived")]
    assert (found.visits, found.no_shows, found.cancellations) == (
        len(visited),
        sum(one.status == "no_show" for one in made),
        sum(one.status == "cancelled" for one in made),
    )
    assert start_of(found.last_visit) == max((one.starts_at for one in visited), default=None)
    assert start_of(found.next_booking) == min((one.starts_at for one in ahead), default=None)


def start_of(one: Booking | None) -> datetime | None:
    return one.starts_at if one else None


@given(histories)
@settings(max_examples=example_count(25), deadline=None, suppress_health_check=list(HealthCheck))
def test_card_counts_what_happened(db: None, history: list[tuple[int, int, str]]) -> None:
    check_history(history)


@pytest.mark.long
@given(histories)
@settings(max_examples=10_000, deadline=None, suppress_health_check=list(HealthCheck))
def test_card_counts_what_happened_in_ten_thousand_histories(db: None, history: list[tuple[int, int, str]]) -> None:
    check_history(history)


def test_card_of_a_customer_without_bookings_counts_nothing(station: Station) -> None:
    found = history_of(customer(station), NOW)

    assert (found.visits, found.no_shows, found.cancellations, found.last_visit, found.next_booking) == (
        0,
        0,
        0,
        None,
        None,
    )
