"""manage.py load_sqlite: copies all data of an SQLite file into the empty PostgreSQL database in DATABASE_URL."""

import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError

from bookings.operations.backup import database_move
from bookings.operations.backup.manifest import BackupError
from core import parent_death

KILL_AFTER_SECONDS: Final = 5.0


class Command(BaseCommand):
    help = (
        "Copies all data but sessions from the product's SQLite file into the empty PostgreSQL database that DATABASE_URL names, "
        "and verifies it. Servers and workers are stopped. All of it is there then, or nothing: exit status 1."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE", help="such as var/stationbook.sqlite3")
        parser.add_argument(
            "--end-with-parent", action="store_true", help="end where the command that started this one does"
        )

    def handle(self, *args: Any, file: Path, end_with_parent: bool, **options: Any) -> None:
        if end_with_parent:
            parent_death.end_with_parent(os.getppid(), kill_after=KILL_AFTER_SECONDS)
        try:
            database_move.move(file, self.stdout.write)
        except BackupError as refusal:
            raise CommandError(str(refusal)) from None
        self.stdout.write(
            "Moved. Set DATABASE_URL to this database, run manage.py preflight --deep, and start servers and workers. Everybody "
            f"signs in again. {file} is as it was: it holds the same data until you delete it."
        )
