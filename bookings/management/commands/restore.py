"""manage.py restore: restores a backup into an empty database, and verifies it."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from bookings.operations.backup import restore
from bookings.operations.backup.credentials import read_list
from bookings.operations.backup.manifest import BackupError


class Command(BaseCommand):
    help = (
        "Brings a backup back into the empty database that DATABASE_URL names, and says what was verified. All of it is there "
        "then, or nothing. Exit status 1 where it is nothing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("backup", type=Path, metavar="BACKUP", help="as manage.py backup named it")
        parser.add_argument(
            "--check", action="store_true", help="only see whether the backup is whole; restore nothing"
        )
        parser.add_argument(
            "--identity",
            type=Path,
            metavar="FILE",
            help="the private key of an encrypted backup, as age-keygen wrote it; - reads it from standard input",
        )
        parser.add_argument("--erasures", type=Path, metavar="FILE", help="the newest list: whom to erase again")
        parser.add_argument(
            "--credentials",
            type=Path,
            metavar="FILE",
            help="the newest list of API keys and calendar feeds in use: all others end; without it, all do",
        )
        parser.add_argument(
            "--with-faults",
            action="store_true",
            help="restore even where the data itself is not sound, and name what is not",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with restore.open_backup(options["backup"], options["identity"]) as folder:
                self._handle(folder, **options)
        except BackupError as refusal:
            raise CommandError(str(refusal)) from None
        except OSError as error:
            raise CommandError(f"{error.filename}: {error.strerror}") from None

    def _handle(
        self,
        folder: Path,
        *,
        check: bool,
        erasures: Path | None,
        credentials: Path | None,
        with_faults: bool,
        **options: Any,
    ) -> None:
        if check:
            restore.verify(folder, self.stdout.write)
            return
        restore.restore(
            folder,
            erasures=[*restore.read_erasures(erasures)] if erasures else [],
            in_use=[*read_list(credentials)] if credentials else None,
            with_faults=with_faults,
            report=self.stdout.write,
        )
