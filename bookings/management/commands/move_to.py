"""manage.py move_to: moves all data from SQLite to PostgreSQL."""

import subprocess
import sys
import tempfile
from argparse import ArgumentParser
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from core.child_environment import with_database


class Command(BaseCommand):
    help = (
        "Moves all data but sessions from SQLite, which the settings name, to the empty PostgreSQL database of this address, and "
        "verifies it. Servers and workers are stopped. All of it is there then, or nothing. Exit status 1 where it is nothing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "url",
            metavar="DATABASE_URL",
            help="postgres://user:password@host:5432/name; - reads it from standard input, for others see a command's words",
        )

    def handle(self, *args: Any, url: str, **options: Any) -> None:
        if connection.vendor != "sqlite":
            raise CommandError("The settings name PostgreSQL already. This command moves data from SQLite.")
        source = Path(connection.settings_dict["NAME"]).resolve()
        connection.close()
        self._load(source, sys.stdin.readline().strip() if url == "-" else url)

    def _load(self, source: Path, url: str) -> None:
        """Run load_sqlite in a child process, which reads the new URL from its settings. Raises CommandError if that fails."""
        manage = str(settings.BASE_DIR / "manage.py")
        command = [sys.executable, manage, "load_sqlite", str(source), "--end-with-parent"]
        with tempfile.TemporaryFile("w+") as refusal:
            with subprocess.Popen(  # noqa: S603  # the product itself
                command, env=with_database(url), stdout=subprocess.PIPE, stderr=refusal, text=True
            ) as child:
                for line in cast("Iterable[str]", child.stdout):
                    self.stdout.write(line, ending="")
            if child.returncode:
                refusal.seek(0)
                raise CommandError(refusal.read().strip().removeprefix("CommandError: "))
