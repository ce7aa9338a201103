"""An installation of deploy/compose.yaml, prepared by its instructions in a clone that was made under a strict umask."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from image_lib.base import ROOT
from image_lib.compose import Compose
from image_lib.podman import Failed
from tests.servers import Postgres, free_port, make_product_database

PROJECT: Final = "stationbook-check"
HOST: Final = "book.example.com"
GIVEN: Final = {
    "secrets/email_url": "smtp://127.0.0.1:9",
    "secrets/tls_fullchain.pem": "certificate",
    "secrets/tls_privkey.pem": "key",
    ".env": "BACKUP_REPOSITORY=/copies",
}
"""What deploy/prepare asks for."""


class Site:
    def __init__(self, folder: Path) -> None:
        self.clone = folder / "clone"
        self.database = Postgres(folder / "postgres", admin="postgres")
        self.port = free_port()
        self.name = PROJECT
        _clone(self.clone)
        self._prepare()
        sockets = f"{self.database.folder}:/run/postgresql"
        environment = {"HOST": "127.0.0.1", "PORT": str(self.port), "BACKUP_RECIPIENTS": ""}
        self.compose = Compose(self.clone / "deploy/compose.yaml", environment, [sockets], PROJECT)

    @contextmanager
    def running_database(self) -> Iterator[None]:
        """PostgreSQL on a socket, with the user and the database that deploy/postgres creates."""
        self.database.make()
        self.database.start()
        try:
            make_product_database(self.database, self.clone / "deploy/secrets/database_password")
            yield
        finally:
            self.database.stop()

    def secret(self, name: str) -> str:
        return (self.clone / "deploy/secrets" / name).read_text().strip()

    def _prepare(self) -> None:
        deploy = self.clone / "deploy"
        first = subprocess.run([deploy / "prepare"], capture_output=True, text=True, check=False)
        if first.returncode != 1 or "deploy/secrets/email_url" not in first.stderr:
            raise Failed(f"deploy/prepare does not ask for what is missing:\n{first.stdout}{first.stderr}")
        # Through a socket instead of the networks of containers.
        url = "postgres://stationbook@/stationbook?host=/run/postgresql"
        for name, text in {**GIVEN, "secrets/database_url": url, "secrets/database_url_direct": url}.items():
            (deploy / name).write_text(f"{text}\n")
        subprocess.run([deploy / "prepare"], stdout=subprocess.DEVNULL, check=True)


def _clone(folder: Path) -> None:
    """Copy all files that git does not ignore, changes included, with the modes that a clone under umask 077 has."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    for name in filter(None, names):
        source, target = ROOT / name, folder / name
        if source.is_file() and not source.is_symlink():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
            target.chmod(0o700 if os.access(source, os.X_OK) else 0o600)
    for path in (folder, *folder.rglob("*")):
        if path.is_dir():
            path.chmod(0o700)
