"""Rows that were imported under a key that is to go. Their hashes cannot be made anew, for what they said is not kept."""

from collections.abc import Iterator
from typing import Final

from django.db.models import Q, QuerySet

from accounts.encryption import KeyedHashField, key_id_of
from bookings.models import ImportedRow

AT_ONCE: Final = 500


def remembered_under(key: bytes) -> "QuerySet[ImportedRow]":
    """Rows that are known again, or compared with, by this key."""
    columns = [column for column in ImportedRow._meta.local_fields if isinstance(column, KeyedHashField)]
    keys = {f"key_of_{column.name}": key_id_of(column) for column in columns}
    return ImportedRow.objects.alias(**keys).filter(Q(*((name, key) for name in keys), _connector=Q.OR))


def forget(key: bytes) -> Iterator[int]:
    """Forget the rows under a key, some hundred in a transaction, and say how many each time. The bookings stay; what a file says
    of them next is new."""
    rows = remembered_under(key)
    while page := list(rows.values_list("pk", flat=True)[:AT_ONCE]):
        yield rows.filter(pk__in=page).delete()[0]
