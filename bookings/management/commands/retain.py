"""manage.py retain: erases customers whose retention period has ended."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from bookings.operations import clock_check
from bookings.privacy import retention


class Command(BaseCommand):
    help = "Erases customers whose last booking is longer ago than their station's retention period. The worker does so daily."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="count whom it would erase, and change nothing")

    def handle(self, *args: Any, dry_run: bool, **options: Any) -> None:
        if not dry_run and (reason := clock_check.doubt()):
            raise CommandError(f"Nobody was erased. {reason}")
        did, total = "would be erased" if dry_run else "erased", 0
        for one in retention.apply_rules(timezone.now(), dry_run=dry_run):
            total += one.erased
            self.stdout.write(f"{one.station.code}: {one.erased} {did}, whose last booking ended before {one.before}.")
        self.stdout.write(f"{total} {did}.")
