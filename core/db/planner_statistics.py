"""What the database's planner knows of its tables, brought up to date after much was written at once."""

from collections.abc import Iterable
from typing import Final

from django.db import connection, models

SAMPLED_ROWS: Final = 1_000
"""Of each index in SQLite, where a whole look at a large table would keep other writers waiting."""


def analyze(tables: Iterable[type[models.Model]]) -> None:
    """Count and sample these tables. PostgreSQL would do so by itself, but up to a minute later, and plans badly until then."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(f"PRAGMA analysis_limit = {SAMPLED_ROWS}")
        for model in tables:
            cursor.execute(f"ANALYZE {connection.ops.quote_name(model._meta.db_table)}")
