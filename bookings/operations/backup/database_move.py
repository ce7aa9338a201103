"""Moves all data of an SQLite database into the empty PostgreSQL database of the settings, in one transaction.

Stored values are copied unchanged, including ciphertext, signatures, primary keys and versions. PostgreSQL parses SQLite's
text and numbers for UUIDs, timestamps, JSON and booleans.
"""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from django.apps import apps
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import Error, connection, models, transaction

from accounts.auth.rate_limit_counters import TABLE as COUNTERS
from accounts.models import AuditChain, Session
from accounts.rls import policies
from bookings.operations.backup import inventory, sqlite_source, verification
from bookings.operations.backup.manifest import BackupError
from bookings.operations.backup.postgres import require_full_visibility
from bookings.operations.backup.sqlite_source import SqliteSource

Report = Callable[[str], object]
NOT_MOVED: Final = (Session._meta.db_table, "django_session")
"""Sessions are not copied, so all users have to sign in again."""
FILLED_BY_MIGRATE: Final = (
    *("auth_group", "auth_group_permissions", "auth_permission", "django_content_type", "django_migrations"),
    AuditChain._meta.db_table,
)
"""Tables that already have rows in a newly migrated database; the rows of the source replace them."""


def move(source: Path, report: Report) -> None:
    """Move the data, calling `report` after each step. After a failure or a kill the target is empty, and it can be repeated.

    Raises BackupError or CannotCreateRoles.
    """
    if connection.vendor != "postgresql":
        raise BackupError(
            "DATABASE_URL does not name PostgreSQL. Name an empty database there: postgres://user:password@host/name"
        )
    try:
        _require_empty()
        with sqlite_source.locked(source) as locked:
            _move(locked, report)
    except (sqlite3.Error, Error) as error:
        raise BackupError(f"Nothing was moved: {str(error).strip().splitlines()[0]}.") from error


def _move(source: SqliteSource, report: Report) -> None:
    manifest = source.manifest()
    verification.require_this_release(manifest, what="The SQLite database", use="Use it")
    call_command("migrate", verbosity=0)
    report("The tables are there.")
    with transaction.atomic(), connection.cursor() as cursor:
        _take_tables(cursor)
        moved = sum(_copy(cursor, source, model) for model in moved_models())
        ContentType.objects.clear_cache()  # `migrate` cached the rows that the source's have replaced
        connection.check_constraints()  # before the policies, as tables with references to check cannot be altered
        _set_sequences(cursor, source.sequences())
        policies.sync_policies()
        cursor.execute("ANALYZE")
        report(f"{moved} rows are copied.")
        verification.require_same_contents(manifest)
        report(f"{len(manifest.rows)} tables hold as many rows as before.")
        report(f"The audit log's {len(manifest.chains)} chains end as before.")
        _require_sound()
        report(
            "Every entry of the audit log is as it was written, bookings and ledger agree, and every encrypted value can be read."
        )


def moved_models() -> list[type[models.Model]]:
    found = apps.get_models(include_auto_created=True)
    return [one for one in found if one._meta.managed and not one._meta.proxy and one._meta.db_table not in NOT_MOVED]


def _require_empty() -> None:
    """Raises BackupError unless the database has no tables, or only empty ones that an interrupted move left behind."""
    with connection.cursor() as cursor:
        tables = {*connection.introspection.table_names(cursor)}
        expected = {one._meta.db_table for one in apps.get_models(include_auto_created=True)}
        for table in sorted(tables - {*FILLED_BY_MIGRATE, COUNTERS}):
            cursor.execute(f"SELECT EXISTS (SELECT FROM {connection.ops.quote_name(table)})")  # noqa: S608
            if table not in expected or cursor.fetchone() != (False,):
                raise BackupError(
                    f"The database {connection.settings_dict['NAME']} is not empty: it has the table {table}. Make a new one "
                    "(createdb), and name that. Nothing was moved."
                )


def _take_tables(cursor: Any) -> None:
    """Lock and empty all tables. Checks again that they hold no data, which may have been added since the first check."""
    names = ", ".join(connection.ops.quote_name(one._meta.db_table) for one in moved_models())
    cursor.execute(f"LOCK TABLE {names} IN ACCESS EXCLUSIVE MODE")
    require_full_visibility(cursor)
    _require_empty()
    cursor.execute(f"TRUNCATE {names} CASCADE")
    for protected in policies.protected_tables():
        # COPY refuses tables whose owner is subject to policies; policies.sync_policies() holds the owner to them again.
        cursor.execute(f"ALTER TABLE {connection.ops.quote_name(protected.table)} NO FORCE ROW LEVEL SECURITY")


def _copy(cursor: Any, source: SqliteSource, model: type[models.Model]) -> int:
    """Copy all rows of a model's table. Returns their number."""
    table, columns = model._meta.db_table, [str(field.column) for field in model._meta.local_concrete_fields]
    names = ", ".join(map(connection.ops.quote_name, columns))
    count = 0
    with (
        connection.wrap_database_errors,
        cursor.cursor.copy(f"COPY {connection.ops.quote_name(table)} ({names}) FROM STDIN") as copy,
    ):
        for count, row in enumerate(source.rows(table, columns), 1):  # noqa: B007
            copy.write_row(row)
    return count


def _set_sequences(cursor: Any, highest: dict[str, int]) -> None:
    for model in moved_models():
        key = model._meta.auto_field
        table = model._meta.db_table
        if key and highest.get(table):
            cursor.execute(
                "SELECT setval(pg_get_serial_sequence(%s, %s), %s)", [f'"{table}"', key.column, highest[table]]
            )


def _require_sound() -> None:
    faults = [*verification.missing_keys(inventory.take()), *verification.faults()]
    if faults:
        raise BackupError("\n".join([*faults, "Nothing was moved. Mend that where the data is, and run this again."]))
