"""What the database holds, as a manifest says it: read in one snapshot, by the backup and again after a restore."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.contrib.sessions.models import Session as DjangoSession
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

from accounts.audit import checkpoints
from accounts.auth.rate_limit_counters import TABLE as COUNTERS
from accounts.key_management.keyrings import AUDIT, DATA, INDEX
from accounts.models import AuditChain, IdempotencyKey, Session
from bookings.models import UndoStep
from bookings.operations.backup.manifest import Manifest

NOT_BACKED_UP: Final = (
    Session._meta.db_table,
    DjangoSession._meta.db_table,
    UndoStep._meta.db_table,
    IdempotencyKey._meta.db_table,
)
"""Tables that a backup holds without their rows: a restore signs everybody out, and what a session could undo ends with it."""
NOT_COUNTED: Final = (COUNTERS, *NOT_BACKED_UP)
"""Counters of rate limits are no data."""


def taken() -> Manifest:
    """Of the database as the running transaction sees it, without files yet."""
    return Manifest(
        made_at=timezone.now().isoformat(timespec="seconds"),
        database=connection.vendor,
        server=".".join(map(str, connection.get_database_version())),
        migrations=migrations(),
        rows=rows(),
        chains=chains(),
        keys=keys(),
        checkpoint=checkpoint(),
    )


def migrations() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for app, name in sorted(MigrationRecorder(connection).applied_migrations()):
        found.setdefault(app, []).append(name)
    return found


def rows() -> dict[str, int]:
    with connection.cursor() as cursor:
        found = {}
        for table in sorted(set(connection.introspection.table_names(cursor)) - {*NOT_COUNTED}):
            cursor.execute(f"SELECT count(*) FROM {connection.ops.quote_name(table)}")  # noqa: S608
            [found[table]] = cursor.fetchone()
        return found


def chains() -> list[Mapping[str, Any]]:
    """Each chain's count and head: with them a trail is known whose end was cut off together with its chain."""
    found = AuditChain.objects.order_by("station").values_list("station", "count", "head")
    said = [{"station": station, "count": count, "head": bytes(head).hex()} for station, count, head in found]
    return sorted(said, key=lambda one: one["station"] or 0)


def checkpoint() -> str:
    """The newest of the audit log; "" for none."""
    newest = checkpoints.newest()
    return checkpoints.name_of(newest) if newest else ""


def keys() -> dict[str, Sequence[str]]:
    """The ids of the keys that are needed to read all of it; of the audit trail's ring all, for only a proof tells which."""
    used = {ring.name: sorted(key.hex() for key in ring.uses()) for ring in (DATA, INDEX)}
    return {**used, AUDIT.name: [key.hex() for key in AUDIT.ids]}
