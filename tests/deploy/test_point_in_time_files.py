"""The files of point-in-time recovery. tests/bookings/operations/test_point_in_time.py runs them for five weeks."""

import configparser
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.test_files import COMPOSE, DEPLOY, secret_names

OVERLAY: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.pitr.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = OVERLAY["services"]
CONF = configparser.ConfigParser(interpolation=None)
CONF.read(DEPLOY / "postgres/pgbackrest.conf")


def test_postgres_with_pgbackrest_is_the_postgres_of_the_compose_file() -> None:
    [base] = re.findall(r"^FROM (\S+)", (DEPLOY / "postgres/Dockerfile").read_text(), re.MULTILINE)

    assert base == COMPOSE["services"]["postgres"]["image"]


def test_overlay_changes_postgres_and_adds_the_base_backups() -> None:
    assert {name: service["image"] for name, service in SERVICES.items()} == {
        "postgres": "stationbook-postgres",
        "base-backups": "stationbook-postgres",
    }


def test_base_backups_can_change_nothing_but_the_repository() -> None:
    service = SERVICES["base-backups"]

    assert (service["read_only"], service["cap_drop"], service["user"]) == (True, ["ALL"], "999:999")
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["ulimits"] == {"core": 0}


def test_files_and_volumes_that_the_overlay_brings_in_are_there() -> None:
    brought = [one.split(":")[0] for service in SERVICES.values() for one in service["volumes"]]
    named = {*OVERLAY["volumes"], *COMPOSE["volumes"]}

    assert [one for one in brought if not ((DEPLOY / one).is_file() if one.startswith("./") else one in named)] == []
    assert {name for service in SERVICES.values() for name in secret_names(service)} == set(OVERLAY["secrets"])


def test_postgres_archives_every_minute_where_the_base_backups_look() -> None:
    command = SERVICES["postgres"]["command"]

    assert {"archive_mode=on", "archive_timeout=60"} <= set(command)
    [archive] = [word for word in command if word.startswith("archive_command=")]
    assert re.findall(r"--stanza=(\w+) archive-push %p$", archive) == [
        one for one in CONF.sections() if one != "global"
    ]


def test_repository_is_encrypted_and_expires_and_its_passphrase_is_elsewhere() -> None:
    options = dict(CONF["global"])

    assert options["repo1-cipher-type"] == "aes-256-cbc"
    assert (options["repo1-retention-full-type"], options["repo1-retention-full"]) == ("time", "28")
    assert [name for name in options if re.search("pass|key|secret", name)] == []


@pytest.mark.parametrize(("weekday", "kind"), [("7", "full"), ("1", "diff"), ("6", "diff")])
def test_base_backup_is_full_on_sundays(weekday: str, kind: str, tmp_path: Path) -> None:
    assert base_backup(tmp_path, weekday=weekday, status=0) == (
        0,
        ["--stanza=stationbook stanza-create", f"--stanza=stationbook --type={kind} backup"],
    )


def test_base_backup_that_fails_is_reported(tmp_path: Path) -> None:
    assert base_backup(tmp_path, weekday="1", status=3)[0] == 3


def base_backup(folder: Path, *, weekday: str, status: int) -> tuple[int, list[str]]:
    """The exit status of the script, and what it asked of pgbackrest; that and the date are replaced."""
    for name, does in {"date": f"echo {weekday}", "pgbackrest": f'echo "$*" >> {folder}/asked; exit {status}'}.items():
        (program := folder / name).write_text(f"#!/bin/sh\n{does}\n")
        program.chmod(0o755)
    command: list[str | Path] = [DEPLOY / "postgres/base-backups.sh", "once"]
    done = subprocess.run(command, env={"PATH": f"{folder}:/usr/bin:/bin"}, capture_output=True, check=False)
    return done.returncode, (folder / "asked").read_text().splitlines()
