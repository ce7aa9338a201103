"""manage.py preflight: reports what is missing or wrong before a start or an upgrade."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from bookings.operations import preflight, system_checks
from bookings.operations.preflight import Depth


class Command(BaseCommand):
    help = (
        "Reports what is missing or wrong before the product is started, and changes nothing. Exit status 1 if anything is. "
        "The same checks run as Django's: manage.py check --deploy --database default --tag quick (or usual, deep)."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        depth = parser.add_mutually_exclusive_group()
        depth.add_argument("--quick", action="store_true", help="only checks whose time does not depend on the data")
        depth.add_argument(
            "--deep", action="store_true", help="also verify the ledger and the audit log, and try all accounts"
        )
        depth.add_argument(
            "--demo-accounts",
            action="store_true",
            help="only whether accounts have the demo's published password, for each start; an unreachable database is no fault",
        )
        parser.add_argument(
            "--upgrade",
            action="store_true",
            help="before an upgrade, run by the new release: pending migrations are no fault",
        )

    def handle(self, *args: Any, quick: bool, deep: bool, demo_accounts: bool, upgrade: bool, **options: Any) -> None:
        if demo_accounts:
            system_checks.require_no_demo_accounts()
            return
        depth = Depth.QUICK if quick else Depth.DEEP if deep else Depth.USUAL
        found = preflight.findings(depth, upgrading=upgrade)
        for sentence in found:
            self.stdout.write(f"- {sentence}")
        if found:
            raise SystemExit(1)
        self.stdout.write("All is well.")
