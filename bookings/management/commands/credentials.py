"""manage.py credentials: lists the API keys and calendar feeds in use, and ends all others after a restore."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from bookings.operations.backup import credentials
from bookings.operations.backup.manifest import BackupError


class Command(BaseCommand):
    help = (
        "Lists the API keys and calendar feeds in use, by digests that open nothing. Keep the list apart from the backups, and "
        "give the newest to manage.py restore: what was revoked since the backup stays revoked."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        export = actions.add_parser("export", help="write the list of those in use")
        export.add_argument("file", type=Path, metavar="FILE")
        end = actions.add_parser("end", help="end all, as after a restore by other means")
        end.add_argument("--keep", type=Path, metavar="FILE", help="but those on this list")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            getattr(self, f"_{options['action']}")(**options)
        except BackupError as refusal:
            raise CommandError(str(refusal)) from None
        except OSError as error:
            raise CommandError(f"{error.filename}: {error.strerror}") from None

    def _export(self, *, file: Path, **options: Any) -> None:
        lines = [one.line() for one in credentials.in_use()]
        file.write_text("".join(lines))
        self.stdout.write(f"{len(lines)} API keys and calendar feeds in use.")

    def _end(self, *, keep: Path | None, **options: Any) -> None:
        kept = [*credentials.read_list(keep)] if keep else []
        self.stdout.write(str(credentials.end_all_but(kept, at=timezone.now())))
