"""`manage.py index_customers`: bring the blind index of customers up to date with this release."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.customers.reindex import reindex


class Command(BaseCommand):
    help = (
        "Reindex customers whose email, phone or name this release normalizes differently from the one that stored them. Run "
        "this once after an upgrade, when no process of the older release is running. It can be interrupted and started again."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        total, faults = 0, list[str]()
        for result in reindex():
            total, faults = total + result.count, faults + result.faults
            self.stdout.write(f"{result.station.code}: {result.count} reindexed.")
        self.stdout.write(f"{total} reindexed.")
        if faults:
            raise CommandError("\n".join(faults))
