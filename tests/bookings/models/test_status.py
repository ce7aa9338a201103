"""The table of statuses, and that no other place decides for itself what a status means."""

import ast
import re
from pathlib import Path

import pytest

from bookings.models import Booking
from bookings.models.status import ACTIVE, HOLDING, NEW, OWING, REMINDED, RESCHEDULABLE, STATUSES, Places, Status
from stations.models import Station
from tests import factories

ROOT = Path(__file__).parents[3]
MODELS = ROOT / "bookings" / "models"


def test_every_status_has_its_facts_and_a_sign_of_its_own() -> None:
    sprite = (ROOT / "static" / "img" / "signs.svg").read_text()

    assert [*STATUSES] == [*Status]
    assert [status for status in Status if f'<symbol id="{status}"' not in sprite] == []


def test_lists_of_statuses_are_those_that_callers_rely_on() -> None:
    alive = (Status.PENDING, Status.CONFIRMED)

    assert (alive, (Status.CONFIRMED,)) == (RESCHEDULABLE, REMINDED)
    assert (*alive, Status.ARRIVED) == NEW == HOLDING
    assert (*alive, Status.ARRIVED, Status.COMPLETED) == OWING == ACTIVE


def test_only_steps_that_restore_a_booking_have_no_button() -> None:
    ordinary = {to for status in Status if not status.facts.is_hidden for to in status.facts.steps}

    assert all(to.facts.button for to in ordinary)


@pytest.mark.parametrize(
    ("status", "needs_place"),
    [*((status, False) for status in Status), *((status, True) for status in Status if status.facts.can_be_unassigned)],
)
def test_query_and_property_agree_on_which_bookings_hold_all_their_places(
    station: Station, status: Status, needs_place: bool
) -> None:
    booking = factories.booking(station)
    Booking.objects.filter(pk=booking.pk).update(status=status, needs_place=needs_place)
    booking.refresh_from_db()

    holding = Booking.objects.holding().filter(pk=booking.pk).exists()

    assert holding == (booking.places is Places.ALL) == (status in HOLDING and not needs_place)


def test_no_module_compares_a_status_with_cancelled_instead_of_asking_the_table() -> None:
    paths = [path for path in (ROOT / "bookings").rglob("*.py") if MODELS not in path.parents]
    found = [f"{path.relative_to(ROOT)}:{line}" for path in paths for line in _comparisons(path)]

    assert (len(paths) > 100, found) == (True, [])


def _comparisons(path: Path) -> list[int]:
    nodes = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Compare)]
    return [node.lineno for node in nodes if re.search(r"\bStatus\.CANCELLED\b", ast.unparse(node))]
