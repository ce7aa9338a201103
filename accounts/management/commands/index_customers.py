"""manage.py index_customers: bring what customers are found by up to this release."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.customers.reindex import reindex


class Command(BaseCommand):
    help = (
        "Indexes customers again whose email, phone or name this release compares in another way than the one that stored them. "
        "Run it once after an upgrade, when no process of the older release is left. It may be stopped and started again."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        total, faults = 0, list[str]()
        for done in reindex():
            total, faults = total + done.count, faults + done.faults
            self.stdout.write(f"{done.station.code}: {done.count} indexed again.")
        self.stdout.write(f"{total} indexed again.")
        if faults:
            raise CommandError("\n".join(faults))
