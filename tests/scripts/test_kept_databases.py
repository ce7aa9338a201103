"""When the tests' databases are used again, and when they are rebuilt; what is left in them after a test that commits."""

import fcntl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib.auth.models import Group
from django.test import TransactionTestCase

from accounts import roles
from stations.models import Station
from tests.databases import schema_fingerprint
from tests.factories import open_station
from tests.servers import ROOT, postgres_program, scratch

MIGRATION = "bookings/migrations/0001_initial.py"
POSTGRES = ROOT / "script/_postgres.sh"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for name in (MIGRATION, "bookings/migrations/__init__.py", "bookings/views.py", "accounts/roles.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("before")
    return tmp_path


@pytest.mark.parametrize("name", [MIGRATION, "bookings/migrations/0002_added.py", "accounts/roles.py"])
def test_fingerprint_changes_with_what_migrate_does(checkout: Path, name: str) -> None:
    before = schema_fingerprint(checkout)

    (checkout / name).write_text("after")

    assert schema_fingerprint(checkout) != before


def test_fingerprint_changes_when_a_migration_is_renamed(checkout: Path) -> None:
    before = schema_fingerprint(checkout)

    (checkout / MIGRATION).rename(checkout / "bookings/migrations/0001_renamed.py")

    assert schema_fingerprint(checkout) != before


def test_fingerprint_ignores_code_that_migrate_does_not_run(checkout: Path) -> None:
    before = schema_fingerprint(checkout)

    (checkout / "bookings/views.py").write_text("after")

    assert schema_fingerprint(checkout) == before


def test_fingerprint_covers_every_app_that_has_migrations() -> None:
    covered = {path.parts[0] for path in (path.relative_to(ROOT) for path in ROOT.glob("*/migrations/*.py"))}

    assert covered == {"accounts", "bookings", "stations"}


@pytest.fixture
def folder() -> Iterator[Path]:
    """Holds the data of a server that stopped by itself."""
    with scratch() as scratch_folder:
        data = scratch_folder / "kept" / "data"
        data.mkdir(parents=True)
        version = subprocess.check_output([postgres_program("initdb"), "--version"], text=True).split()[2]
        (data / "PG_VERSION").write_text(version.partition(".")[0] + "\n")
        yield scratch_folder / "kept"


def kept_data(folder: Path) -> str:
    script = f'have() {{ command -v "$1" >/dev/null; }}; . "{POSTGRES}"; keep_postgres "{folder}"; echo "$kept_data"'
    return subprocess.check_output(["bash", "-euc", script], text=True).strip()


def test_keep_postgres_uses_data_again_that_a_server_left_in_order(folder: Path) -> None:
    assert kept_data(folder) == str(folder / "data")
    assert (folder / "data" / "PG_VERSION").exists()


def test_keep_postgres_removes_data_that_a_killed_server_left(folder: Path) -> None:
    (folder / "data" / "postmaster.pid").touch()

    assert kept_data(folder) == str(folder / "data")
    assert not (folder / "data").exists()


def test_keep_postgres_removes_data_of_another_version(folder: Path) -> None:
    (folder / "data" / "PG_VERSION").write_text("9\n")

    assert kept_data(folder) == str(folder / "data")
    assert not (folder / "data").exists()


def test_keep_postgres_leaves_data_alone_that_another_run_uses(folder: Path) -> None:
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)

        assert kept_data(folder) == ""

    assert (folder / "data").exists()


def empty_tables() -> None:
    """What happens after each test that commits."""
    TransactionTestCase()._fixture_teardown()  # type: ignore[attr-defined]


def test_tables_are_emptied_but_for_what_migrate_fills(transactional_db: None) -> None:
    open_station()
    groups = [*Group.objects.order_by("pk").values_list("pk", "name", "permissions")]

    empty_tables()

    assert not Station.objects.exists()
    assert [*Group.objects.order_by("pk").values_list("pk", "name", "permissions")] == groups


def test_what_migrate_fills_is_created_again_after_a_test_has_changed_it(transactional_db: None) -> None:
    Group.objects.all().delete()

    empty_tables()

    assert {*Group.objects.values_list("name", flat=True)} == {*roles.GROUPS}
