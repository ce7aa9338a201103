"""manage.py backup: writes a backup of all data."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from bookings.operations.backup import backup
from bookings.operations.backup.encrypted_archive import read_recipients
from bookings.operations.backup.expiry import expire
from bookings.operations.backup.manifest import BackupError


class Command(BaseCommand):
    help = (
        "Writes a backup while everybody works: the data, still encrypted, with a manifest that proves it and the list of "
        "erasures. The keys are not in it: keep them elsewhere. Exit status 1 where none was made."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "folder", type=Path, metavar="FOLDER", help="where to: a folder that exists gets one named by date and time"
        )
        parser.add_argument(
            "--encrypt-to",
            action="append",
            metavar="KEY",
            help="write one file that is encrypted to this public key of age (age1…, or a file of them); may be repeated; "
            "instead of those in BACKUP_RECIPIENTS",
        )
        parser.add_argument(
            "--keep-days",
            type=int,
            metavar="N",
            help="delete other backups of that folder that are older, but for the newest three",
        )

    def handle(
        self, *args: Any, folder: Path, encrypt_to: list[str] | None, keep_days: int | None, **options: Any
    ) -> None:
        if keep_days is not None and (keep_days < 1 or not folder.is_dir()):
            raise CommandError("--keep-days is at least 1, and needs a folder that exists.")
        try:
            recipients = read_recipients(encrypt_to or settings.BACKUP_RECIPIENTS)
            target, manifest = backup.back_up(folder, recipients=recipients)
            expired = expire(folder, keep_days=keep_days, now=timezone.now()) if keep_days else []
        except BackupError as refusal:
            raise CommandError(str(refusal)) from None
        size = target.stat().st_size if target.is_file() else sum(one["bytes"] for one in manifest.files.values())
        self.stdout.write(f"{target}: {sum(manifest.rows.values())} rows of {len(manifest.rows)} tables, {size} bytes.")
        for path in expired:
            self.stdout.write(f"{path} was older than {keep_days} days and is deleted.")
