"""manage.py after_restore: verifies a database that was restored by other means, and prepares it for use."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from bookings.operations.backup import restore
from bookings.operations.backup.credentials import read_list
from bookings.operations.backup.manifest import BackupError


class Command(BaseCommand):
    help = (
        "Run once after point-in-time recovery, or after a copy of the disk was put back, before servers and workers start: "
        "verifies the data as manage.py restore does, signs everybody out, ends API keys and calendar feeds that are not on the "
        "list, holds emails that may have been sent, and erases again whom the list of erasures names. All of it is done, or "
        "nothing. Exit status 1 where it is nothing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--erasures", type=Path, metavar="FILE", help="the newest list: whom to erase again")
        parser.add_argument(
            "--credentials", type=Path, metavar="FILE", help="the newest list of API keys and calendar feeds in use"
        )
        parser.add_argument(
            "--with-faults",
            action="store_true",
            help="go on even where the data itself is not sound, and name what is not",
        )

    def handle(
        self, *args: Any, erasures: Path | None, credentials: Path | None, with_faults: bool, **options: Any
    ) -> None:
        try:
            restore.put_into_use(
                erasures=[*restore.read_erasures(erasures)] if erasures else [],
                in_use=[*read_list(credentials)] if credentials else None,
                with_faults=with_faults,
                report=self.stdout.write,
            )
        except BackupError as refusal:
            raise CommandError(str(refusal)) from None
        except OSError as error:
            raise CommandError(f"{error.filename}: {error.strerror}") from None
