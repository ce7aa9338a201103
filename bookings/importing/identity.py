"""Recognizes rows of earlier imports: by reference, or by content and its occurrence in the file.

Only keyed hashes under `INDEX_KEYS` of an imported row are stored. They show whether a row was imported before and which of its
fields have changed since, but nothing of its content.
"""

import hashlib
import hmac
import json
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from accounts.encryption import blind_indexes
from accounts.encryption.keys import KEY_ID_BYTES
from bookings.importing.entries import Entry
from bookings.importing.fields import EMPTY_VALUES
from bookings.importing.source import Row

LINE: Final = "import_line"
OCCURRENCE: Final = "import_occurrence"
REASON: Final = "import_reason"
ROW: Final = "import_row"
REJECT_COLUMNS: Final = (LINE, OCCURRENCE, REASON, ROW)
"""Columns that a file of refused rows has in addition; they do not belong to a row's content."""

IDENTIFYING: Final = ("station", "external_ref")
"""Fields that identify a row, and so cannot change."""
TAG_BYTES, FIELD_BYTES = 3, 6
"""Lengths of the digest of a field's name, and of the keyed digest of its value."""
FORMAT_BY_NAME: Final = b"\x02"
"""The byte after the key's ID in the current format, which stores fields by name, so that new fields can be added anywhere."""
FIELDS_BY_POSITION: Final = (
    "date", "slot", "slots", "status", "customer_name", "customer_email", "customer_phone", "party_adults", "party_kids",
    "special_requests", "total_due_cents", "deposit_due_cents", "source",
)  # fmt: skip
"""The fields of the first format, which has no format byte; it is recognized by its length. Never change them."""
ABSENT: Final = bytes(FIELD_BYTES)
"""Digest of a field that the file did not have, in the first format."""
ERASED: Final = b"\xff" * FIELD_BYTES
"""Digest of personal data of an erased customer, which no file can match."""
PERSONAL: Final = frozenset({"customer_name", "customer_email", "customer_phone", "special_requests"})
Stored = bytes | memoryview


@dataclass(frozen=True, slots=True)
class Identity:
    """The identity of a row: `key` is a hash of its original content and its occurrence, which counts from 1."""

    key: str
    occurrence: int


class RowRegistry:
    """Assigns identities to the rows of one file.

    It uses a temporary SQLite database, so that memory use does not grow with the file.
    """

    def __init__(self, header: Sequence[str], database: sqlite3.Connection) -> None:
        self._header = header
        self._reject_columns = {name: header.index(name) for name in REJECT_COLUMNS if name in header}
        self._secret = os.urandom(32)
        self._database = database
        database.execute("CREATE TABLE occurrences (content BLOB PRIMARY KEY, n INTEGER) WITHOUT ROWID")
        database.execute("CREATE TABLE used_keys (key BLOB PRIMARY KEY) WITHOUT ROWID")
        database.execute("CREATE TABLE refs (ref BLOB PRIMARY KEY, content BLOB) WITHOUT ROWID")

    def identify(self, row: Row) -> Identity:
        """The row's identity, which no earlier row of the file has.

        A corrected row from a file of refused rows carries its original identity, so that the original file still matches it. If
        two rows carry the same one, the second is identified by its content.
        """
        occurrence, key = self._carried(row)
        if key and self._take(key):
            return Identity(key, occurrence or 1)
        content = self.content(row)
        number = occurrence or self._count(content)
        while not self._take(_key(content, number)):
            number += 1
        return Identity(_key(content, number), number)

    def content(self, row: Row) -> str:
        """A hash of the row's content, independent of the order of columns and of empty ones."""
        excluded = set(self._reject_columns.values())
        cells = (
            (name, cell.strip())
            for index, (name, cell) in enumerate(zip(self._header, row.cells, strict=True))
            if index not in excluded
        )
        return _sha256(json.dumps(sorted(pair for pair in cells if pair[1])))

    def is_first_of_its_reference(self, entry: Entry, row: Row) -> bool:
        """Whether no earlier row with other content has the same reference at the same station."""
        ref = self._blind(json.dumps([entry.draft.station, entry.draft.external_ref]))
        content = self._blind(self.content(row))
        self._database.execute("INSERT OR IGNORE INTO refs VALUES (?, ?)", (ref, content))
        [first] = self._database.execute("SELECT content FROM refs WHERE ref = ?", (ref,)).fetchone()
        return bool(first == content)

    def _carried(self, row: Row) -> tuple[int | None, str | None]:
        cells = {name: row.cells[index].strip() for name, index in self._reject_columns.items()}
        number, key = cells.get(OCCURRENCE, ""), cells.get(ROW, "").lower()
        counted = number.isascii() and number.isdecimal() and 0 < len(number) < 10 and int(number) > 0
        is_hash = len(key) == 64 and set(key) <= set("0123456789abcdef")
        return int(number) if counted else None, key if is_hash else None

    def _count(self, content: str) -> int:
        blind = self._blind(content)
        self._database.execute("INSERT OR IGNORE INTO occurrences VALUES (?, 0)", (blind,))
        self._database.execute("UPDATE occurrences SET n = n + 1 WHERE content = ?", (blind,))
        return int(self._database.execute("SELECT n FROM occurrences WHERE content = ?", (blind,)).fetchone()[0])

    def _take(self, key: str) -> bool:
        return self._database.execute("INSERT OR IGNORE INTO used_keys VALUES (?)", (self._blind(key),)).rowcount == 1

    def _blind(self, text: str) -> bytes:
        """A keyed hash with a key of this import only, so that the temporary file reveals nothing."""
        return hmac.digest(self._secret, text.encode(), "sha256")[:16]


@contextmanager
def row_registry(header: Sequence[str]) -> Iterator[RowRegistry]:
    with closing(sqlite3.connect("", isolation_level=None)) as database:
        database.execute("BEGIN")
        yield RowRegistry(header, database)


def _key(content: str, occurrence: int) -> str:
    return _sha256(f"{content} {occurrence}")


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def fingerprints(station_id: int, entry: Entry, identity: Identity) -> list[bytes]:
    """Hashes under which the row may be stored, one for each key in use; the first is the one to store."""
    if entry.draft.external_ref:
        return blind_indexes("imported reference", station_id, entry.draft.external_ref)
    return blind_indexes("imported row", station_id, identity.key)


def content_digests(station_id: int, entry: Entry, before: Stored = b"") -> bytes:
    """The digests of the row's fields to store; for fields that the file does not have, those that were stored `before`.

    Empty fields are not stored, since a file with an empty column means the same as one without it.
    """
    found = dict(_digests(station_id, entry.values))
    key, old = _decode(before)
    tags = {name_tag(name) for name in entry.values}
    # Stored digests cannot be recomputed. If any of them is kept, all stay under the old key, as long as it is in use.
    keeps_old = any(digest != ERASED and name not in tags for name, digest in old.items())
    if not keeps_old or key not in found:
        current_key = next(iter(found))
        old = old if key == current_key else {name: digest for name, digest in old.items() if digest == ERASED}
        key = current_key
    fresh = {name_tag(name): digest for name, digest in found[key].items() if not _is_empty(name, entry.values[name])}
    kept = {name: digest for name, digest in old.items() if name not in tags or digest == ERASED}
    return _encode(key, {**fresh, **kept})


def erase_personal(content: Stored) -> bytes:
    """The stored digests without those of personal data, for an erased customer."""
    key, old = _decode(content)
    return _encode(key, {**old, **{name_tag(name): ERASED for name in PERSONAL}})


def changed_fields(station_id: int, entry: Entry, before: Stored) -> set[str]:
    """The fields that differ from the last import of the row; all fields of the file if there was none."""
    key, old = _decode(before)
    for key_id, digests in _digests(station_id, entry.values):
        if key_id == key:
            return {
                name
                for name, digest in digests.items()
                if _differs(name, entry.values[name], digest, old.get(name_tag(name)))
            }
    return {name for name in entry.values if name not in IDENTIFYING and old.get(name_tag(name)) != ERASED}


@cache
def name_tag(name: str) -> bytes:
    """The short digest that stands for a field's name."""
    return hashlib.sha256(name.encode()).digest()[:TAG_BYTES]


def _differs(name: str, value: Any, digest: bytes, kept: bytes | None) -> bool:
    """Whether a field's value differs from the stored digest `kept`, which is None if none is stored."""
    return not _is_empty(name, value) if kept is None else kept not in (digest, ERASED)


def _is_empty(name: str, value: Any) -> bool:
    """Whether a value means the same as a missing field."""
    return value in (None, "") or value == EMPTY_VALUES.get(name)


def _encode(key: bytes, fields: Mapping[bytes, bytes]) -> bytes:
    # Sorted, so that equal content is equal bytes.
    return key + FORMAT_BY_NAME + b"".join(name + digest for name, digest in sorted(fields.items()))


def _decode(stored: Stored) -> tuple[bytes, dict[bytes, bytes]]:
    """The key's ID, and the digests of the stored fields by name tag; reads both formats."""
    key, rest = bytes(stored[:KEY_ID_BYTES]), bytes(stored[KEY_ID_BYTES:])
    if len(rest) == len(FIELDS_BY_POSITION) * FIELD_BYTES:
        digests = (rest[at : at + FIELD_BYTES] for at in range(0, len(rest), FIELD_BYTES))
        found = zip(map(name_tag, FIELDS_BY_POSITION), digests, strict=True)
        return key, {name: digest for name, digest in found if digest != ABSENT}
    pairs = (
        rest[at : at + TAG_BYTES + FIELD_BYTES] for at in range(len(FORMAT_BY_NAME), len(rest), TAG_BYTES + FIELD_BYTES)
    )
    return key, {pair[:TAG_BYTES]: pair[TAG_BYTES:] for pair in pairs}


def _digests(station_id: int, values: Mapping[str, Any]) -> list[tuple[bytes, dict[str, bytes]]]:
    """For each key in use, its ID and a short digest of each field."""
    found: dict[bytes, dict[str, bytes]] = {}
    for name in values.keys() - set(IDENTIFYING):
        for digest in blind_indexes(f"imported {name}", station_id, str(values[name])):
            key_id, rest = digest[:KEY_ID_BYTES], digest[KEY_ID_BYTES:]
            found.setdefault(key_id, {})[name] = rest[:FIELD_BYTES]
    return list(found.items())
