"""A PostgreSQL that archives its WAL as deploy/compose.pitr.yaml has it, on a clock that is put forward by days."""

import os
import subprocess
import sys
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

import psycopg
import yaml

from tests.servers import ROOT, USER, Postgres, folder_for_servers, run, wait_until

DEPLOY: Final = ROOT / "deploy"
STANZA: Final = "--stanza=stationbook"


def archiving() -> dict[str, str]:
    """What the compose file tells PostgreSQL."""
    compose = yaml.safe_load((DEPLOY / "compose.pitr.yaml").read_text())
    _postgres, *words = compose["services"]["postgres"]["command"]
    return dict(word.split("=", 1) for word in words if word != "-c")


def libfaketime() -> str:
    """For programs with several threads, as the parts of a PostgreSQL's environment may be."""
    return str(next(Path("/usr/lib").glob("**/faketime/libfaketimeMT.so.1")))


@dataclass
class ArchivedServer:
    """Everything of it, its clock included, is in `folder`."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.server = Postgres(self.folder / "server", {**archiving(), "fsync": "off"})
        self.clock = self.folder / "clock"
        self.environment = {
            "PGBACKREST_CONFIG": str(DEPLOY / "postgres/pgbackrest.conf"),
            "PGBACKREST_CONFIG_INCLUDE_PATH": str(self.folder / "conf.d"),
            "PGBACKREST_PG1_PATH": str(self.server.folder / "data"),
            "PGBACKREST_PG1_SOCKET_PATH": str(self.server.folder),
            "PGBACKREST_PG1_USER": USER,
            "PGBACKREST_REPO1_PATH": str(self.folder / "repository"),
            "PGBACKREST_LOCK_PATH": str(self.folder / "server/lock"),
            "LD_PRELOAD": libfaketime(),
            "FAKETIME_TIMESTAMP_FILE": str(self.clock),
            "FAKETIME_NO_CACHE": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }

    def make(self, *, days_ago: int) -> None:
        """An empty product, with the clock so many days behind."""
        self.set_clock(days_ago)
        folder_for_servers(self.folder / "repository")
        (conf := self.folder / "conf.d").mkdir()
        (conf / "repository.conf").write_text("[global]\nrepo1-cipher-pass=a passphrase of this test alone\n")
        os.environ.update(self.environment)
        self.server.make()
        self.server.start()
        self.product("migrate", "--verbosity", "0")

    def stop(self) -> None:
        self.server.stop()
        for name in self.environment:
            os.environ.pop(name, None)

    def set_clock(self, days_ago: int) -> None:
        self.clock.write_text(f"-{days_ago}d\n")

    def product(self, *words: str, url: str = "") -> str:
        """What manage.py printed. Raises CalledProcessError."""
        environment = os.environ | {"DATABASE_URL": url or self.server.url, "DJANGO_SETTINGS_MODULE": "tests.settings"}
        command = [sys.executable, str(ROOT / "manage.py"), *words]
        return subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=True).stdout

    def base_backup(self) -> None:
        run(DEPLOY / "postgres/base-backups.sh", "once")

    def info(self) -> str:
        return run("pgbackrest", STANZA, "--output=json", "info")

    def now(self) -> datetime:
        with psycopg.connect(self.server.url) as connection:
            [moment] = connection.execute("SELECT clock_timestamp()").fetchone() or [None]
        assert isinstance(moment, datetime)
        return moment

    def recovered(self, moment: datetime, folder: Path) -> Postgres:
        """Another server, with the data of that moment. Raises RuntimeError with what pgBackRest says."""
        other = Postgres(folder, {"fsync": "off", "archive_mode": "off"})
        folder_for_servers(folder)
        folder_for_servers(folder / "data")
        (folder / "data").chmod(0o700)
        target = (f"--pg1-path={folder / 'data'}", "--type=time", f"--target={moment:%Y-%m-%d %H:%M:%S.%f%z}")
        run("pgbackrest", STANZA, *target, "--target-action=promote", "restore")
        other.start()
        wait_until(lambda: not in_recovery(other.url), "The recovered server")
        return other


def in_recovery(url: str) -> bool:
    with psycopg.connect(url) as connection:
        return connection.execute("SELECT pg_is_in_recovery()").fetchone() == (True,)
