"""The state of PostgreSQL's WAL archiving, which point-in-time recovery needs."""

from typing import Final

from django.db import connection

FAILING_SECONDS: Final = """
SELECT CASE
    WHEN last_failed_time > coalesce(last_archived_time, '-infinity')
        THEN extract(epoch FROM clock_timestamp() - coalesce(last_archived_time, stats_reset))::float8
    ELSE 0::float8
END FROM pg_stat_archiver"""


def failing_seconds() -> float:
    """Seconds since archiving began to fail; 0 if it works, is turned off, or the database is SQLite."""
    if connection.vendor != "postgresql":
        return 0
    with connection.cursor() as cursor:
        cursor.execute(FAILING_SECONDS)
        [seconds] = cursor.fetchone()
        return float(seconds)
