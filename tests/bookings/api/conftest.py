"""Callers of the API."""

import pytest

from accounts import roles
from accounts.models import User
from stations.models import Station
from tests import factories
from tests.bookings.api.caller import Caller


@pytest.fixture
def api(staff: User) -> Caller:
    """Staff of the kitchen, by token."""
    return Caller(staff)


@pytest.fixture
def viewer(station: Station) -> Caller:
    """Somebody who may see the kitchen's calendar, but no personal data."""
    return Caller(factories.person(roles.VIEWERS, station))


@pytest.fixture
def bar(db: None) -> Station:
    """Another station, none of the staff's."""
    return factories.open_station(code="bar", name="Bar")
