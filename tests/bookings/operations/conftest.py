"""A business at work, a backup of it, and an empty place to bring it back to."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import time
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connection

from accounts import roles
from accounts.customers import Contact
from bookings import services
from bookings.mails import outbox
from bookings.models import Booking
from bookings.models.status import Status
from bookings.privacy import erasure
from bookings.services import Place
from stations.models import Station
from tests.bookings.importing.commands import Run, import_file, run, write
from tests.factories import FRIDAY, SATURDAY, booking, customer, open_station, person

MARKS = ("Quillon", "quillon.x", "23125987", "zebra crossing")
"""Parts of the customer's name, email, phone and wishes."""
GUEST = Contact("Quillon Xanthe", "quillon.x@example.com", "+49 30 23125987")
Elsewhere = Callable[[], AbstractContextManager[None]]


@pytest.fixture
def business(transactional_db: None, tmp_path: Path) -> Station:
    """Two stations with bookings made, moved, cancelled and imported, mails that wait, people, and somebody erased."""
    kitchen, bar = open_station(code="kitchen", capacity=9), open_station(code="bar", capacity=9)
    for group in roles.GROUPS:
        person(group, kitchen, bar)
    made = [booking(kitchen, customer=GUEST, special_requests="zebra crossing") for _n in range(3)]
    outbox.queue_created(made)
    services.reschedule(made[0].pk, to=Place(SATURDAY, time(19), "kitchen"), by=roles.OPERATOR)
    services.reschedule(made[1].pk, to=Place(SATURDAY, time(19), "bar"), by=roles.OPERATOR)
    services.change_status(made[2].pk, Status.CANCELLED, by=roles.OPERATOR)
    rows = [f"bar,{FRIDAY},{hour}:00,Ana García,ana@example.com" for hour in (17, 18)]
    file = write(tmp_path / "rows.csv", "\n".join(["station,date,slot,customer_name,customer_email", *rows]))
    assert import_file(file).status == 0
    erasure.erase(customer(bar, "Bo Li", "bo@example.com").pk, by=roles.OPERATOR)
    return kitchen


@pytest.fixture
def backup(business: Station, tmp_path: Path) -> Path:
    """Of the business."""
    done = run("backup", tmp_path / "backup")
    assert (done.status, done.err) == (0, "")
    return tmp_path / "backup"


@pytest.fixture
def elsewhere(transactional_db: None, tmp_path: Path) -> Elsewhere:
    """Within, the settings name an empty database of its own. Afterwards it is gone."""
    return on_sqlite(tmp_path / "elsewhere.sqlite3") if connection.vendor == "sqlite" else on_postgres


def on_sqlite(path: Path) -> Elsewhere:
    @contextmanager
    def named() -> Iterator[None]:
        with _named(str(path)):
            yield
        path.unlink(missing_ok=True)

    return named


@contextmanager
def on_postgres() -> Iterator[None]:
    name = f"restored_{os.getpid()}"
    reached: dict[str, Any] = {**connection.get_connection_params(), "cursor_factory": None, "context": None}
    with psycopg.connect(**reached, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        try:
            with _named(name):
                yield
        finally:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def _named(name: str) -> Iterator[None]:
    usual = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = name
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["NAME"] = usual


def is_empty() -> bool:
    """Whether nothing at all was left where a restore went wrong."""
    if connection.vendor == "sqlite":
        target = Path(connection.settings_dict["NAME"])
        return not [*target.parent.glob(f"{target.name}*")]
    return connection.introspection.table_names() == []


def restore(backup: Path, *words: Any) -> Run:
    return run("restore", backup, *words)


def bookings_there() -> list[tuple[Any, ...]]:
    return [
        *Booking.objects.order_by("pk").values_list("pk", "station__code", "date", "slot", "status", "customer__name")
    ]
