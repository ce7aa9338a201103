"""What many tests share."""

import gc
import os
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
import pytest_django
import time_machine
from django.db import connection
from django.utils import translation
from hypothesis import settings as hypothesis_settings

from accounts.audit import bulk_reads
from accounts.auth import rate_limit_counters
from accounts.models import User
from bookings.operations import clock_check
from bookings.views import rendered_calendar
from stations import timetable_queries, visible_stations
from stations.models import Station
from tests import chromium, databases, factories

# How long one example takes says more about the machine than about the product.
hypothesis_settings.register_profile("stationbook", deadline=None)
hypothesis_settings.load_profile("stationbook")

# What was imported stays: the collector need not walk over it all, nor look for what is gone after every few objects.
gc.collect()
gc.freeze()
gc.set_threshold(50_000, 20, 20)

DATABASES = {"db", "transactional_db", "django_db_setup"}
"""By which of its fixtures a test is known to need a database."""
END_OF_TIME = 2**31 - 1
"""Later than any test travels."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What one database alone has is not asked of the other, and what needs no database is asked once, beside SQLite."""
    other = "sqlite" if connection.vendor == "postgresql" else "postgresql"
    theirs = [item for item in items if item.get_closest_marker(other)]
    if connection.vendor == "postgresql":
        theirs += [item for item in items if not (item.get_closest_marker("postgresql") or _needs_database(item))]
    items[:] = [item for item in items if item not in theirs]
    config.hook.pytest_deselected(items=theirs)


def _needs_database(item: pytest.Item) -> bool:
    fixtures = getattr(item, "fixturenames", ())
    return item.get_closest_marker("django_db") is not None or not DATABASES.isdisjoint(fixtures)


@pytest.fixture(scope="session")
def django_db_setup(
    request: pytest.FixtureRequest,
    django_test_environment: None,
    django_db_blocker: pytest_django.DjangoDbBlocker,
    django_db_modify_db_settings: None,
) -> Iterator[None]:
    """pytest-django's fixture, with a database that is copied instead of migrated. --create-db migrates it again."""
    rebuild: bool = request.config.getvalue("create_db")
    with django_db_blocker.unblock(), databases.copied_database(rebuild=rebuild):
        yield


@pytest.fixture(scope="session", autouse=True)
def no_files_left(django_db_modify_db_settings: None) -> Iterator[None]:
    """Django drops the test's database; the files of counters and of the migrations' lock beside it are ours to drop."""
    yield
    for left in Path(tempfile.gettempdir()).glob(f"stationbook-{os.getpid()}.*"):
        left.unlink()


@pytest.fixture(autouse=True)
def own_language() -> None:
    """No test speaks another's: whatever a client asked for last stays active in its thread."""
    translation.deactivate()


@pytest.fixture(autouse=True)
def no_station_kept() -> None:
    """No test meets another's station under the same key."""
    visible_stations._kept.cache_clear()
    timetable_queries._kept.cache_clear()
    rendered_calendar.clear()


@pytest.fixture(autouse=True)
def no_reads_counted() -> None:
    """No test meets what another's callers have read by API."""
    bulk_reads.tally.clear()


@pytest.fixture(autouse=True)
def fresh_counts(request: pytest.FixtureRequest) -> None:
    """No test meets another's rate limits: the counters stand outside the transaction that a test undoes."""
    if request.node.get_closest_marker("django_db") or {"db", "transactional_db"} & {*request.fixturenames}:
        request.getfixturevalue("django_db_setup")
        with request.getfixturevalue("django_db_blocker").unblock():
            rate_limit_counters.delete_expired(before=END_OF_TIME)


@pytest.fixture
def station(db: None) -> Station:
    """Open from 17 to 22 h every day, for three parties an hour, in Berlin."""
    return factories.open_station(code="kitchen", name="Kitchen")


@pytest.fixture
def staff(station: Station) -> User:
    return factories.staff(station)


@pytest.fixture
def on_friday() -> Iterator[None]:
    """It is 13:00 in Berlin on `FRIDAY`, the day of most bookings here. Ask for it before anybody signs in."""
    with time_machine.travel(datetime(2031, 3, 7, 12, tzinfo=UTC), tick=False):
        yield


@pytest.fixture
def database_travels_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL's clock cannot be set by a test: it is taken to say what this process's says."""
    monkeypatch.setattr(clock_check, "difference_to_database", lambda: timedelta(0))


def url_of_database() -> str:
    """Where other processes find the test's database."""
    found = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{found['NAME']}"
    reached = {"host": found["HOST"], "port": found["PORT"], **found["OPTIONS"]}
    own = ("application_name", "server_side_binding", "prepare_threshold")
    options = urlencode({name: value for name, value in reached.items() if value and name not in own})
    who = quote(found["USER"], safe="") + (f":{quote(found['PASSWORD'], safe='')}" if found["PASSWORD"] else "")
    return f"postgres://{who}@/{found['NAME']}?{options}"


@pytest.fixture
def database_url(transactional_db: None) -> str:
    """Where other processes find the test's database. What the test writes is committed, and seen by them."""
    return url_of_database()


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """The system's own Chromium."""
    return {**browser_type_launch_args, "executable_path": chromium.headless_path(), "args": [*chromium.ARGUMENTS]}
