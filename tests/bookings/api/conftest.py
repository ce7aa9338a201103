"""Clients of the API as different users."""

import pytest

from accounts import roles
from accounts.models import User
from stations.models import Station
from tests import factories
from tests.bookings.api.caller import Caller


@pytest.fixture
def api(staff: User) -> Caller:
    """A client of the kitchen's staff, with a token."""
    return Caller(staff)


@pytest.fixture
def viewer(station: Station) -> Caller:
    """A client of a viewer of the kitchen, who may not see personal data."""
    return Caller(factories.person(roles.VIEWERS, station))


@pytest.fixture
def bar(db: None) -> Station:
    """A station that the staff of the kitchen may not see."""
    return factories.open_station(code="bar", name="Bar")
