"""Counts what the database holds, for the manifest of a backup and again after a restore."""

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
"""Tables whose rows are not backed up: a restore signs everybody out, which ends their undo steps too."""
NOT_COUNTED: Final = (COUNTERS, *NOT_BACKED_UP)
"""Tables whose rows are not counted: additionally the counters of rate limits."""


def take() -> Manifest:
    """The manifest of the database as the running transaction sees it, without files."""
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
    """Count and head of each audit chain, which show if the end of an audit log was cut off."""
    found = AuditChain.objects.order_by("station").values_list("station", "count", "head")
    chains = [{"station": station, "count": count, "head": bytes(head).hex()} for station, count, head in found]
    return sorted(chains, key=lambda one: one["station"] or 0)


def checkpoint() -> str:
    """The newest checkpoint of the audit log; "" for none."""
    newest = checkpoints.newest()
    return checkpoints.name_of(newest) if newest else ""


def keys() -> dict[str, Sequence[str]]:
    """IDs of the keys that are needed to read the data; for the audit log all, as only its verification tells which are used."""
    used = {ring.name: sorted(key.hex() for key in ring.uses()) for ring in (DATA, INDEX)}
    return {**used, AUDIT.name: [key.hex() for key in AUDIT.ids]}
