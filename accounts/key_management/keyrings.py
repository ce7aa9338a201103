"""The three key rings: their keys, how many values each key protects, and whether a key may be rotated or retired."""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeVar

from django.apps import apps
from django.conf import settings
from django.db import connection, models
from django.db.models import Count
from django.utils.translation import gettext as _

from accounts.audit import verification
from accounts.encryption import UNBOUND_VERSION, EncryptedTextField, KeyedField, KeyedHashField, header_of
from accounts.encryption.keys import KEY_ID_BYTES, POOLED, key_id, parse_connection_name, short_id
from core.errors import DomainError

Kind = TypeVar("Kind", bound=KeyedField)
KeyUsage = dict[bytes, Counter[str]]
"""The number of values under each key, by key ID and column."""


class UnsafeKeyChange(DomainError):
    """Some process could no longer read the data."""

    code = "unsafe"


class KeyInUse(DomainError):
    """A key that cannot be retired; `data` counts the values under it."""

    code = "in_use"


@dataclass(frozen=True, slots=True)
class Ring:
    """The keys for one purpose, from one environment variable: the first encrypts, all decrypt."""

    name: str
    variable: str
    uses: Callable[[], KeyUsage]
    """Counts the values under each key, including keys that are not in the ring."""

    @property
    def ids(self) -> list[bytes]:
        return [key_id(key) for key in getattr(settings, self.variable)]

    def keys_of_other_processes(self) -> list[list[str]]:
        """The short IDs of the keys of each other process that is connected to the database, the encrypting key first.

        Empty on SQLite, where this is unknown. Connections of a pooler are ignored, which keep the name of an earlier user.
        """
        names = map(parse_connection_name, _connections())
        short_ids = (rings.get(self.name) for rings in names if POOLED not in rings)
        return [found for found in short_ids if found]


def require_all_restarted(*, restarted: bool) -> None:
    """Raises UnsafeKeyChange if a pooler hides which processes are connected, unless the operator confirms that all of them were
    restarted with the current keys.
    """
    if restarted or not (settings.POOLER or any(POOLED in parse_connection_name(name) for name in _connections())):
        return
    raise UnsafeKeyChange(
        _(
            "The connection pooler hides which keys the servers and workers use. Restart all of them with "
            "these keys, then run this again with --all-restarted."
        )
    )


def _connections() -> list[str]:
    """The names of the other connections to this database."""
    if connection.vendor != "postgresql":
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT application_name FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name IS NOT NULL"
        )
        return [name for (name,) in cursor.fetchall()]


def models_with_columns(kind: type[Kind]) -> Iterator[tuple[type[models.Model], list[Kind]]]:
    """Every model with columns of this class, and these columns."""
    for model in apps.get_models(include_auto_created=True):
        found = [field for field in model._meta.local_fields if isinstance(field, kind)]
        if found and model._meta.managed and not model._meta.proxy:
            yield model, found


def _column_usage(kind: type[KeyedField]) -> KeyUsage:
    found: KeyUsage = defaultdict(Counter)
    for field, header, count in _count_headers(kind):
        found[header[field.key_offset :]][f"{field.model._meta.label}.{field.name}"] += count
    return found


def count_unbound() -> int:
    """The number of values not bound to their rows: written by an earlier release, or tampered with."""
    return sum(
        count for _field, header, count in _count_headers(EncryptedTextField) if header.startswith(UNBOUND_VERSION)
    )


def _count_headers(kind: type[Kind]) -> Iterator[tuple[Kind, bytes, int]]:
    """The number of values of each column, by header (version and key ID)."""
    for model, fields in models_with_columns(kind):
        for field in fields:
            rows = model._base_manager.filter(**{f"{field.name}__isnull": False}).order_by()
            for header, count in rows.values_list(header_of(field)).annotate(Count("pk")):
                yield field, bytes(header), count


DATA: Final = Ring("data", "PII_KEYS", partial(_column_usage, EncryptedTextField))
INDEX: Final = Ring("index", "INDEX_KEYS", partial(_column_usage, KeyedHashField))
AUDIT: Final = Ring("audit", "AUDIT_KEYS", verification.count_key_usage)
RINGS: Final = {ring.name: ring for ring in (DATA, INDEX, AUDIT)}


def require_rotatable(ring: Ring, *, lost: Collection[bytes]) -> None:
    """Raises UnsafeKeyChange if the servers seem to have another ring.

    That is, if values are under a key that this ring lacks (and that is not `lost`), or if a connected process does not know the
    new encrypting key.
    """
    for key, counts in ring.uses().items():
        if len(key) == KEY_ID_BYTES and key not in {*ring.ids, *lost}:  # shorter ones are of damaged values
            raise UnsafeKeyChange(
                _(
                    "Values encrypted with the key %(id)s, which is not in %(variable)s: %(count)d. Check that the "
                    "servers have the same keys. Add this key, or, if it is lost for good, use --lost %(id)s."
                )
                % {"count": counts.total(), "id": key.hex(), "variable": ring.variable}
            )
    first = ring.ids[0]
    if left_behind := [short_ids for short_ids in ring.keys_of_other_processes() if short_id(first) not in short_ids]:
        raise UnsafeKeyChange(
            _(
                "Some processes connected to the database do not have the key %(id)s (connections: %(count)d), "
                "so they could not read values encrypted with it. Put it last in their %(variable)s, restart "
                "them, then continue."
            )
            % {"count": len(left_behind), "id": first.hex(), "variable": ring.variable}
        )


def require_retirable(ring: Ring, key: bytes) -> None:
    """Raises KeyInUse for a key that encrypts, here or in another connected process, or under which values are stored."""
    if key == ring.ids[0]:
        raise KeyInUse(_("%(id)s is the key used for writing. Put another one first.") % {"id": key.hex()})
    if writers := [short_ids for short_ids in ring.keys_of_other_processes() if short_ids[0] == short_id(key)]:
        raise KeyInUse(
            _(
                "Some processes connected to the database still write with %(id)s (connections: %(count)d). Restart them."
            )
            % {"count": len(writers), "id": key.hex()}
        )
    if counts := ring.uses().get(key):
        raise KeyInUse(
            _("Values still encrypted with %(id)s: %(count)d.") % {"count": counts.total(), "id": key.hex()},
            data=counts,
        )
