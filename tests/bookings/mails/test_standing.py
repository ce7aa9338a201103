"""The one rule of what is left to say."""

from dataclasses import replace
from datetime import time
from typing import Any

import pytest

from bookings.mails.rules import left_to_say
from bookings.models.mail_state import Kind, Standing
from bookings.models.status import Phase
from tests.factories import FRIDAY, SATURDAY

BOOKED = Standing(Phase.CONFIRMED, station=1, day=FRIDAY, slot=time(18), slots=1, customer="ana")
ASKED = replace(BOOKED, phase=Phase.PENDING)
CANCELLED = replace(BOOKED, phase=Phase.CANCELLED)


@pytest.mark.parametrize(
    ("known", "now", "said"),
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
def test_left_to_say_is_what_brings_them_from_what_they_know_to_what_is(
    known: Standing | None, now: Standing, said: Kind | None
) -> None:
    assert left_to_say(known, now) == said


@pytest.mark.parametrize("standing", [BOOKED, replace(ASKED, customer=None, slot=time(6, 30))], ids=str)
def test_standing_comes_back_from_json_as_it_was(standing: Any) -> None:
    assert Standing.from_json(standing.as_json()) == standing
