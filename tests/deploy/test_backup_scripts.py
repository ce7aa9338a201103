"""When deploy/backup/daily runs its command, and what deploy/backup/copy copies and deletes. restic and sleep are replaced."""

import os
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.conf import settings

SCRIPTS = Path(settings.BASE_DIR) / "deploy/backup"


class Bench:
    """A folder of programs before those of the system, and what they were called with."""

    def __init__(self, folder: Path) -> None:
        self._programs = folder / "bin"
        self._programs.mkdir()
        self._calls = folder / "calls"
        self._calls.touch()

    def replace(self, name: str, status: int = 0) -> None:
        program = self._programs / name
        program.write_text(f'#!/bin/sh\necho "{name} $*" >> {self._calls}\nexit {status}\n')
        program.chmod(0o755)

    def run(self, *command: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        path = f"{self._programs}:{os.environ['PATH']}"
        return subprocess.run(command, env={"PATH": path, **environment}, capture_output=True, text=True, check=False)

    @property
    def calls(self) -> list[str]:
        return self._calls.read_text().splitlines()


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.mark.parametrize("ahead", [timedelta(minutes=30), timedelta(hours=-1)], ids=["later today", "tomorrow"])
def test_daily_runs_at_once_and_waits_for_its_time(ahead: timedelta, bench: Bench) -> None:
    due = datetime.now(UTC) + ahead
    bench.replace("task")
    bench.replace("sleep", status=1)  # which ends the script
    done = bench.run(str(SCRIPTS / "daily"), f"{due:%H:%M}", "task", "word")

    [ran, slept] = bench.calls
    expected = (due.replace(second=0, microsecond=0) - datetime.now(UTC)) % timedelta(days=1)
    assert (done.returncode, ran) == (1, "task word")
    assert abs(int(slept.removeprefix("sleep ")) - expected.total_seconds()) < 5


def test_daily_runs_again_soon_after_a_failure(bench: Bench) -> None:
    bench.replace("task", status=3)
    bench.replace("sleep", status=1)
    done = bench.run(str(SCRIPTS / "daily"), "02:30", "task")

    assert bench.calls == ["task ", "sleep 900"]
    assert done.stderr == "task failed and runs again in 15 minutes.\n"


def test_copy_is_of_the_newest_backup_and_deletes_older_copies(tmp_path: Path, bench: Bench) -> None:
    bench.replace("restic")
    folder = tmp_path / "real"
    for name in ("20310301T023000Z", "20310302T023000Z.age", "20310303T023000Z.unfinished"):
        (folder / f"stationbook-{name}").mkdir(parents=True)
    (tmp_path / "link").symlink_to(folder)  # as the state folder of a unit is
    done = bench.run(str(SCRIPTS / "copy"), str(tmp_path / "link"), KEEP_DAYS="9")

    assert (done.returncode, done.stdout) == (0, "stationbook-20310302T023000Z.age is copied.\n")
    assert bench.calls == [
        "restic cat config",
        "restic backup --quiet --host stationbook stationbook-20310302T023000Z.age",
        "restic forget --quiet --host stationbook --group-by host --keep-within 9d --prune",
        "restic check --quiet --read-data-subset=5%",
    ]


def test_copy_without_a_backup_fails_and_asks_for_nothing(tmp_path: Path, bench: Bench) -> None:
    bench.replace("restic")
    done = bench.run(str(SCRIPTS / "copy"), str(tmp_path))

    assert (done.returncode, done.stderr, bench.calls) == (1, f"There is no backup in {tmp_path}.\n", [])
