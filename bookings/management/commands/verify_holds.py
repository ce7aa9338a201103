"""manage.py verify_holds: prints each difference between bookings and ledger."""

from typing import Any

from django.core.management.base import BaseCommand

from bookings.services.verification import differences


class Command(BaseCommand):
    help = "Checks that bookings, the ledger of places and the timetables agree. Exit status 1 if they do not."

    def handle(self, *args: Any, **options: Any) -> None:
        found = 0
        for difference in differences():
            found += 1
            self.stdout.write(str(difference))
        if found:
            self.stderr.write(f"Differences: {found}.")
            raise SystemExit(1)
        self.stdout.write("Bookings and ledger agree.")
