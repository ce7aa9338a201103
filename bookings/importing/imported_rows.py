"""Finds and deletes the stored hashes of imported rows under an old key, since they cannot be recomputed."""

from collections.abc import Iterator
from typing import Final

from django.db.models import Q, QuerySet

from accounts.encryption import KeyedHashField, key_id_of
from bookings.models import ImportedRow

BATCH_SIZE: Final = 500


def rows_under_key(key: bytes) -> "QuerySet[ImportedRow]":
    """Rows with a hash under this key."""
    columns = [column for column in ImportedRow._meta.local_fields if isinstance(column, KeyedHashField)]
    keys = {f"key_of_{column.name}": key_id_of(column) for column in columns}
    return ImportedRow.objects.alias(**keys).filter(Q(*((name, key) for name in keys), _connector=Q.OR))


def delete_under_key(key: bytes) -> Iterator[int]:
    """Delete the rows with a hash under this key in batches, and yield the size of each.

    The bookings stay. A file that contains them again is imported as a new one.
    """
    rows = rows_under_key(key)
    while page := list(rows.values_list("pk", flat=True)[:BATCH_SIZE]):
        yield rows.filter(pk__in=page).delete()[0]
