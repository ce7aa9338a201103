"""The three rings of keys: which keys each holds, what stands under each, and when one may be rotated or taken out."""

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
from accounts.encryption import UNBOUND, EncryptedTextField, KeyedField, KeyedHashField, head_of
from accounts.encryption.keys import KEY_ID_BYTES, POOLED, announced, key_id, mark_of
from core.errors import DomainError

Kind = TypeVar("Kind", bound=KeyedField)
Uses = dict[bytes, Counter[str]]
"""For each key's id, how many values of which columns are under it."""


class Unsafe(DomainError):
    """Somebody would no longer read what they have to read."""

    code = "unsafe"


class InUse(DomainError):
    """A key that cannot be taken out; `data` counts what is under it."""

    code = "in_use"


@dataclass(frozen=True, slots=True)
class Ring:
    """Keys for one purpose, from one variable: the first writes, all read."""

    name: str
    variable: str
    uses: Callable[[], Uses]
    """What is under which key, be it one of the ring or not."""

    @property
    def ids(self) -> list[bytes]:
        return [key_id(key) for key in getattr(settings, self.variable)]

    def elsewhere(self) -> list[list[str]]:
        """The marks of the keys that each other process connected to the database holds, the writing one first. Nothing on
        SQLite, where nobody knows, nor of a pooler's connections, which keep the name of whoever had them last."""
        held = (rings.get(self.name) for rings in map(announced, _connections()) if POOLED not in rings)
        return [marks for marks in held if marks]


def require_all_seen(*, restarted: bool) -> None:
    """Raises Unsafe where a pooler stands between the database and who uses it, for one name stands for many there; unless the
    operator says that all were `restarted` with the rings of here."""
    if restarted or not (settings.POOLER or any(POOLED in announced(name) for name in _connections())):
        return
    raise Unsafe(
        _(
            "The connection pooler hides which keys the servers and workers use. Restart all of them with "
            "these keys, then run this again with --all-restarted."
        )
    )


def _connections() -> list[str]:
    """What the others that are connected to this database call themselves."""
    if connection.vendor != "postgresql":
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT application_name FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name IS NOT NULL"
        )
        return [name for (name,) in cursor.fetchall()]


def columns(kind: type[Kind]) -> Iterator[tuple[type[models.Model], list[Kind]]]:
    """Every model that has columns of this kind, with them."""
    for model in apps.get_models(include_auto_created=True):
        found = [field for field in model._meta.local_fields if isinstance(field, kind)]
        if found and model._meta.managed and not model._meta.proxy:
            yield model, found


def _in_columns(kind: type[KeyedField]) -> Uses:
    found: Uses = defaultdict(Counter)
    for field, head, count in _heads(kind):
        found[head[field.key_at :]][f"{field.model._meta.label}.{field.name}"] += count
    return found


def unbound() -> int:
    """How many values are not bound to their rows: a release before wrote them, or somebody put them there."""
    return sum(count for _field, head, count in _heads(EncryptedTextField) if head.startswith(UNBOUND))


def _heads(kind: type[Kind]) -> Iterator[tuple[Kind, bytes, int]]:
    """How many values of each column begin with which version and key."""
    for model, fields in columns(kind):
        for field in fields:
            rows = model._base_manager.filter(**{f"{field.name}__isnull": False}).order_by()
            for head, count in rows.values_list(head_of(field)).annotate(Count("pk")):
                yield field, bytes(head), count


DATA: Final = Ring("data", "PII_KEYS", partial(_in_columns, EncryptedTextField))
INDEX: Final = Ring("index", "INDEX_KEYS", partial(_in_columns, KeyedHashField))
AUDIT: Final = Ring("audit", "AUDIT_KEYS", verification.count_key_usage)
RINGS: Final = {ring.name: ring for ring in (DATA, INDEX, AUDIT)}


def require_rotatable(ring: Ring, *, lost: Collection[bytes]) -> None:
    """Raises Unsafe where the ring is not the one that the servers have, as far as that can be seen: values are under a key that
    it does not hold (and that is not `lost`), or a process is connected that does not know the key to be written under."""
    for key, counts in ring.uses().items():
        if len(key) == KEY_ID_BYTES and key not in {*ring.ids, *lost}:  # else it was cut off, which is damage
            raise Unsafe(
                _(
                    "Values encrypted with the key %(id)s, which is not in %(variable)s: %(count)d. Check that the "
                    "servers have the same keys. Add this key, or, if it is lost for good, use --lost %(id)s."
                )
                % {"count": counts.total(), "id": key.hex(), "variable": ring.variable}
            )
    first = ring.ids[0]
    if left_behind := [marks for marks in ring.elsewhere() if mark_of(first) not in marks]:
        raise Unsafe(
            _(
                "Some processes connected to the database do not have the key %(id)s (connections: %(count)d), "
                "so they could not read values encrypted with it. Put it last in their %(variable)s, restart "
                "them, then continue."
            )
            % {"count": len(left_behind), "id": first.hex(), "variable": ring.variable}
        )


def require_retirable(ring: Ring, key: bytes) -> None:
    """Raises InUse for a key that writes, here or in another process that is connected, or that anything is still under."""
    if key == ring.ids[0]:
        raise InUse(_("%(id)s is the key used for writing. Put another one first.") % {"id": key.hex()})
    if writers := [marks for marks in ring.elsewhere() if marks[0] == mark_of(key)]:
        raise InUse(
            _(
                "Some processes connected to the database still write with %(id)s (connections: %(count)d). Restart them."
            )
            % {"count": len(writers), "id": key.hex()}
        )
    if counts := ring.uses().get(key):
        raise InUse(
            _("Values still encrypted with %(id)s: %(count)d.") % {"count": counts.total(), "id": key.hex()},
            data=counts,
        )
