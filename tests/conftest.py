"""Fixtures and hooks that all tests share."""

import gc
import os
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
import pytest_django
import time_machine
from django.db import connection
from django.test.testcases import QuietWSGIRequestHandler
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
from tests.samples import example_count

# How long one example takes says more about the machine than about the product.
hypothesis_settings.register_profile("stationbook", deadline=None, max_examples=example_count(100))
hypothesis_settings.load_profile("stationbook")

# What was imported stays: the collector need not walk over it all, nor look for what is gone after every few objects.
gc.collect()
gc.freeze()
gc.set_threshold(50_000, 20, 20)

# Otherwise the body of each answer waits 40 ms until the browser has acknowledged the headers.
QuietWSGIRequestHandler.disable_nagle_algorithm = True

DATABASES = {"db", "transactional_db", "django_db_setup"}
"""A test that uses one of these fixtures needs a database."""
END_OF_TIME = 2**31 - 1
"""Later than any test travels."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect tests for the other database, and on PostgreSQL those that need no database: they run with SQLite.

    Of several processes, none waits at the end for another's slow test: those come first.
    """
    other = "sqlite" if connection.vendor == "postgresql" else "postgresql"
    deselected = [item for item in items if item.get_closest_marker(other)]
    if connection.vendor == "postgresql":
        deselected += [item for item in items if not (item.get_closest_marker("postgresql") or _needs_database(item))]
    items[:] = [item for item in items if item not in deselected]
    config.hook.pytest_deselected(items=deselected)
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: not any(map(item.get_closest_marker, ("slow", "race"))))


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
    with django_db_blocker.unblock(), databases.copied_database(rebuild=rebuild), databases.permanent_rows_kept():
        yield


@pytest.fixture(scope="session", autouse=True)
def remove_files(django_db_modify_db_settings: None) -> Iterator[None]:
    """Django drops the test database. The files of rate limits and of the migration lock beside it are removed here."""
    yield
    for left in Path(tempfile.gettempdir()).glob(f"stationbook-{os.getpid()}.*"):
        left.unlink()


@pytest.fixture(autouse=True)
def reset_language() -> None:
    """The language of a test client's last request stays active in its thread."""
    translation.deactivate()


@pytest.fixture(autouse=True)
def clear_caches() -> None:
    """Stations of different tests have the same keys."""
    visible_stations._cached.cache_clear()
    timetable_queries._cached.cache_clear()
    rendered_calendar.clear()


@pytest.fixture(autouse=True)
def reset_read_counts() -> None:
    """The API's reads are counted in memory."""
    bulk_reads.tally.clear()


@pytest.fixture(autouse=True)
def reset_rate_limits(request: pytest.FixtureRequest) -> None:
    """Rate limits are counted outside the transaction that is rolled back after a test."""
    if request.node.get_closest_marker("django_db") or {"db", "transactional_db"} & {*request.fixturenames}:
        request.getfixturevalue("django_db_setup")
        with request.getfixturevalue("django_db_blocker").unblock():
            rate_limit_counters.delete_expired(before=END_OF_TIME)
        # Now and then a request deletes expired counts, which tests that count queries must not meet.
        rate_limit_counters._next_deletion.due = time.monotonic() + rate_limit_counters._DELETE_INTERVAL_SECONDS


@pytest.fixture
def station(db: None) -> Station:
    """Open from 17 to 22 h every day, for three parties an hour, in Berlin."""
    return factories.open_station(code="kitchen", name="Kitchen")


@pytest.fixture
def staff(station: Station) -> User:
    return factories.staff(station)


@pytest.fixture
def on_friday() -> Iterator[None]:
    """Set the clock to 13:00 in Berlin on `FRIDAY`, the day of most bookings. Request it before anyone signs in."""
    with time_machine.travel(datetime(2031, 3, 7, 12, tzinfo=UTC), tick=False):
        yield


@pytest.fixture
def database_clock_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pretend that the database's clock agrees with this process's, which a test may have set."""
    monkeypatch.setattr(clock_check, "difference_to_database", lambda: timedelta(0))


def url_of_database() -> str:
    """The URL by which other processes reach the test database."""
    configured = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{configured['NAME']}"
    parameters = {"host": configured["HOST"], "port": configured["PORT"], **configured["OPTIONS"]}
    internal = ("application_name", "server_side_binding", "prepare_threshold")
    options = urlencode({name: value for name, value in parameters.items() if value and name not in internal})
    user = quote(configured["USER"], safe="") + (
        f":{quote(configured['PASSWORD'], safe='')}" if configured["PASSWORD"] else ""
    )
    return f"postgres://{user}@/{configured['NAME']}?{options}"


@pytest.fixture
def database_url(transactional_db: None) -> str:
    """The URL of the test database for other processes, which see what the test writes: it is committed."""
    return url_of_database()


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """The system's own Chromium."""
    return {**browser_type_launch_args, "executable_path": chromium.headless_path(), "args": [*chromium.ARGUMENTS]}
