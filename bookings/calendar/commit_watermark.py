"""The moment up to which all changes of bookings are committed, for readers that page by `updated_at`."""

# A change takes its time stamp before it commits, and stations are changed in parallel: a change with an earlier time
# stamp may become visible after one with a later. A reader who continues from the latest stamp seen would miss it.
# So rows that are newer than the oldest transaction in progress are held back, and come with a later answer.

from datetime import datetime, timedelta

from django.db import connection
from django.utils import timezone


def commit_watermark() -> datetime | None:
    """Return the watermark on PostgreSQL. None on SQLite, whose one writer commits in the order of time stamps.

    Call it before the rows are read, in a statement of its own.
    """
    if connection.vendor != "postgresql":
        return None
    now = timezone.now()
    with connection.cursor() as cursor:
        # An age, not a time: the database's clock may differ from ours.
        cursor.execute("SELECT stationbook_oldest_change_age()")
        age: timedelta = cursor.fetchone()[0]
    return now - max(age, timedelta())
