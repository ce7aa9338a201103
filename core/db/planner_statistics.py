"""Updates the query planner's statistics after a bulk write."""

from collections.abc import Iterable
from typing import Final

from django.db import connection, models

SAMPLED_ROWS: Final = 1_000
"""Rows sampled per index on SQLite: a full scan of a large table would block other writers."""


def analyze(tables: Iterable[type[models.Model]]) -> None:
    """Run ANALYZE on these tables. PostgreSQL's autovacuum would do so up to a minute later, with poor plans until then."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(f"PRAGMA analysis_limit = {SAMPLED_ROWS}")
        for model in tables:
            cursor.execute(f"ANALYZE {connection.ops.quote_name(model._meta.db_table)}")
