"""manage.py confirm_clock: confirms that this machine's clock is right, so that due data is erased and expired again."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from bookings.operations import clock_check


class Command(BaseCommand):
    help = (
        "Confirms that this machine's clock is right after it leapt ahead, or after everything stood still for more than a week. "
        "Until then nothing is erased or expired. Compare the time that it prints with another clock first."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        if reason := clock_check.doubt_by_database():
            raise CommandError(reason)
        now = timezone.now()
        clock_check.confirm(now)
        self.stdout.write(f"The clock is trusted. It is {now:%Y-%m-%d %H:%M:%S} UTC.")
