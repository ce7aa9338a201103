"""manage.py preflight: what is missing or wrong before a start or an upgrade."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from bookings.operations import preflight
from bookings.operations.preflight import Depth


class Command(BaseCommand):
    help = (
        "Says in sentences what is missing or wrong before the product is started, and changes nothing. Exit status 1 where "
        "anything is."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        depth = parser.add_mutually_exclusive_group()
        depth.add_argument("--quick", action="store_true", help="only what takes no time, however much data there is")
        depth.add_argument(
            "--deep", action="store_true", help="also prove ledger and audit trail, and try all accounts"
        )
        depth.add_argument(
            "--demo-accounts",
            action="store_true",
            help="only whether accounts have the demo's published password, for each start; a database that is away is well",
        )
        parser.add_argument(
            "--upgrade",
            action="store_true",
            help="before an upgrade, by the new release: migrations to be applied are well",
        )

    def handle(self, *args: Any, quick: bool, deep: bool, demo_accounts: bool, upgrade: bool, **options: Any) -> None:
        if demo_accounts:
            preflight.require_no_demo_accounts()
            return
        depth = Depth.QUICK if quick else Depth.DEEP if deep else Depth.USUAL
        found = [*preflight.findings(depth, upgrading=upgrade)]
        for sentence in found:
            self.stdout.write(f"- {sentence}")
        if found:
            raise SystemExit(1)
        self.stdout.write("All is well.")
