"""Which email a customer needs, given what they know and what is true."""

from dataclasses import replace
from datetime import time
from typing import Any

import pytest

from bookings.mails.rules import pending_notification
from bookings.models.mail_state import BookingSnapshot, Kind
from bookings.models.status import Phase
from tests.factories import FRIDAY, SATURDAY

BOOKED = BookingSnapshot(Phase.CONFIRMED, station=1, day=FRIDAY, slot=time(18), slots=1, customer="ana")
ASKED = replace(BOOKED, phase=Phase.PENDING)
CANCELLED = replace(BOOKED, phase=Phase.CANCELLED)


@pytest.mark.parametrize(
    ("known", "now", "expected"),
    [
        (None, BOOKED, Kind.MADE),
        (None, ASKED, Kind.MADE),
        (None, CANCELLED, None),
        (None, replace(BOOKED, customer=None), None),
        (BOOKED, BOOKED, None),
        (ASKED, BOOKED, Kind.CONFIRMED),
        (BOOKED, ASKED, None),
        (BOOKED, replace(BOOKED, day=SATURDAY), Kind.MOVED),
        (BOOKED, replace(BOOKED, slot=time(19)), Kind.MOVED),
        (BOOKED, replace(BOOKED, slots=2), Kind.MOVED),
        (BOOKED, replace(BOOKED, station=2, customer="ana at the other"), Kind.MOVED),
        (ASKED, replace(BOOKED, day=SATURDAY), Kind.MOVED),
        (BOOKED, CANCELLED, Kind.CANCELLED),
        (BOOKED, replace(CANCELLED, day=SATURDAY), Kind.CANCELLED),
        (CANCELLED, CANCELLED, None),
        (CANCELLED, BOOKED, Kind.MADE),
        (BOOKED, replace(BOOKED, customer="bo"), Kind.MADE),
        (BOOKED, replace(CANCELLED, customer="bo"), None),
        (replace(BOOKED, customer=None), BOOKED, Kind.MADE),
    ],
)
def test_pending_notification_brings_customers_up_to_date(
    known: BookingSnapshot | None, now: BookingSnapshot, expected: Kind | None
) -> None:
    assert pending_notification(known, now) == expected


@pytest.mark.parametrize("snapshot", [BOOKED, replace(ASKED, customer=None, slot=time(6, 30))], ids=str)
def test_snapshot_comes_back_from_json_as_it_was(snapshot: Any) -> None:
    assert BookingSnapshot.from_json(snapshot.as_json()) == snapshot
