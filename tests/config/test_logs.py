"""What the product writes to its log of requests that it refuses."""

import logging
from collections.abc import Iterator
from io import StringIO
from logging.config import DictConfigurator

import pytest
from django.test import Client

from bookings import feeds
from stations.models import Station
from tests.config.test_settings import WHOLE
from tests.config.test_settings import read as settings_under
from tests.factories import staff

SECRET = "k3Jx9vQp7Lw2Zt5Rb8Nc1Ym6Hd4Fs0Ga-uEoIiTqXjV"


@pytest.fixture
def log() -> Iterator[StringIO]:
    """What the settings' own formatter writes."""
    written = StringIO()
    handler = logging.StreamHandler(written)
    line = settings_under(**WHOLE)["LOGGING"]["formatters"]["line"]
    handler.setFormatter(DictConfigurator({}).configure_formatter(dict(line)))
    logging.getLogger().addHandler(handler)
    yield written
    logging.getLogger().removeHandler(handler)


@pytest.mark.parametrize(
    ("address", "line"),
    [
        (f"/feeds/{SECRET}.ics", "WARNING django.request: Not Found: /feeds/•••"),
        (f"/feeds/{SECRET}", "WARNING django.request: Not Found: /feeds/•••"),
        (f"/feeds/{SECRET}.ics/", "WARNING django.request: Not Found: /feeds/•••/"),
        (f"/nowhere//Feeds/{SECRET}", "WARNING django.request: Not Found: /nowhere//Feeds/•••"),
        (f"/accounts/new-password/1-{SECRET}/", "WARNING django.request: Not Found: /accounts/new-password/•••/"),
        ("/nowhere/", "WARNING django.request: Not Found: /nowhere/"),
    ],
)
def test_log_names_no_secret_of_an_address(db: None, log: StringIO, address: str, line: str) -> None:
    Client().get(address)

    assert log.getvalue().endswith(f" {line}\n")
    assert SECRET not in log.getvalue()


def test_log_of_a_crash_names_no_secret_of_a_feed(station: Station, log: StringIO) -> None:
    _feed, secret = feeds.make(station=None, details=False, by=staff(station))
    Station.objects.update(time_zone="Nowhere/Never")

    answer = Client(raise_request_exception=False).get(f"/feeds/{secret}.ics")

    assert answer.status_code == 500
    assert "ERROR django.request: Internal Server Error: /feeds/•••\nTraceback" in log.getvalue()
    assert secret not in log.getvalue()


def test_log_of_a_method_that_is_refused_names_no_secret_of_a_feed(db: None, log: StringIO) -> None:
    Client().post(f"/feeds/{SECRET}.ics")

    assert log.getvalue().count("Method Not Allowed (POST): /feeds/•••\n") == 1
    assert SECRET not in log.getvalue()
