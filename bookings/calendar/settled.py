"""Up to which moment every change of a booking is committed: what a reader by `updated_at` may take as complete.

A change takes its moment before it commits, and two stations are changed at the same time: the earlier moment may become visible
after the later one. Whoever reads on from the latest that they have seen would never meet it. So what is newer than the oldest
change under way is held back, and comes with one of the next answers.
"""

from datetime import datetime, timedelta

from django.db import connection
from django.utils import timezone


def settled_until() -> datetime | None:
    """The moment, on PostgreSQL; None elsewhere, as SQLite has one writer: moments become visible in their own order.

    Ask before the rows are read, in a statement of its own. The age of the oldest change is the database's own, and is taken
    from our clock: that of the database may tell another time.
    """
    if connection.vendor != "postgresql":
        return None
    now = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT stationbook_oldest_change_age()")
        age: timedelta = cursor.fetchone()[0]
    return now - max(age, timedelta())
