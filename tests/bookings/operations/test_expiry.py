"""Which backups are deleted, and which never."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from bookings.operations.backup.expiry import expire

NOW = datetime(2031, 3, 29, 2, 30, tzinfo=UTC)


def backup_of(folder: Path, *, days_ago: float, suffix: str = "") -> Path:
    path = folder / f"stationbook-{NOW - timedelta(days=days_ago):%Y%m%dT%H%M%SZ}{suffix}"
    if suffix == ".age":
        path.write_text("encrypted")
    else:
        path.mkdir()
        (path / "data.dump").write_text("data")
    return path


def test_expiry_deletes_what_is_older_than_the_days_to_keep(tmp_path: Path) -> None:
    expired = [backup_of(tmp_path, days_ago=days) for days in (400, 28.01)]
    expired.append(backup_of(tmp_path, days_ago=29, suffix=".age"))
    kept = [backup_of(tmp_path, days_ago=days) for days in (28, 27, 1, 0)]

    assert sorted(expire(tmp_path, keep_days=28, now=NOW)) == sorted(expired)
    assert sorted(tmp_path.iterdir()) == sorted(kept)


def test_expiry_keeps_three_when_the_clock_leaps_ahead(tmp_path: Path) -> None:
    paths = [backup_of(tmp_path, days_ago=days) for days in (4, 3, 2, 1)]

    assert expire(tmp_path, keep_days=28, now=NOW + timedelta(days=3650)) == paths[:1]


def test_expiry_leaves_alone_what_is_no_backup(tmp_path: Path) -> None:
    for days in (1, 2, 3):
        backup_of(tmp_path, days_ago=days)
    others = [
        backup_of(tmp_path, days_ago=99, suffix=".unfinished"),
        tmp_path / "stationbook-notes",
        tmp_path / "lost+found",
    ]
    for path in others:
        path.mkdir(exist_ok=True)

    assert expire(tmp_path, keep_days=28, now=NOW) == []
    assert all(path.exists() for path in others)


def test_backup_deletes_what_has_expired_beside_it(tmp_path: Path, transactional_db: None) -> None:
    old = [tmp_path / f"stationbook-2021030{day}T023000Z" for day in (1, 2, 3, 4)]
    for path in old:
        path.mkdir()

    call_command("backup", str(tmp_path), "--keep-days", "28")

    assert [path for path in old if path.exists()] == old[2:]
    assert len([*tmp_path.iterdir()]) == 3


@pytest.mark.parametrize(("place", "days"), [("", "0"), ("new", "28")])
def test_backup_refuses_days_that_would_keep_nothing_or_look_at_no_folder(
    tmp_path: Path, place: str, days: str
) -> None:
    with pytest.raises(CommandError, match="--keep-days is at least 1"):
        call_command("backup", str(tmp_path / place), "--keep-days", days)

    assert [*tmp_path.iterdir()] == []
