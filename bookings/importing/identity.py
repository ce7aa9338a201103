"""How a row is known again: by its reference, or by its content and which occurrence of it in the file it is.

What is remembered of an imported row are keyed hashes under `INDEX_KEYS`: enough to know it again, and to see
which of its fields the file has changed since; nothing of what it said.
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
OWN_COLUMNS: Final = (LINE, OCCURRENCE, REASON, ROW)
"""What a file of refused rows says beside the rows themselves; no part of a row's content."""

IDENTIFYING: Final = ("station", "external_ref")
"""Fields by which a row is found, and which it cannot change."""
TAG_BYTES, FIELD_BYTES = 3, 6
"""Of a remembered field: a digest of its name, and a keyed one of its value."""
BY_NAME: Final = b"\x02"
"""The format of what is remembered, after the key's id: fields by their names, so that new ones may come in anywhere."""
BY_POSITION: Final = (
    "date", "slot", "slots", "status", "customer_name", "customer_email", "customer_phone", "party_adults", "party_kids",
    "special_requests", "total_due_cents", "deposit_due_cents", "source",
)  # fmt: skip
"""The fields of the first format, which had no format byte; known by its length, which the second cannot have. Never changes."""
UNSAID: Final = bytes(FIELD_BYTES)
"""Stands in the first format for a field that no file spoke of."""
ERASED: Final = b"\xff" * FIELD_BYTES
"""Stands for what a row said of somebody who was erased: no file says it again."""
PERSONAL: Final = frozenset({"customer_name", "customer_email", "customer_phone", "special_requests"})
Stored = bytes | memoryview


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a row is: `key` hashes its content as it first stood and its occurrence, counted from 1."""

    key: str
    occurrence: int


class Register:
    """Who the rows of one file are, counted as they are read.

    Kept in a file of SQLite's own that is gone with the connection: memory stays flat however long the file
    is.
    """

    def __init__(self, header: Sequence[str], database: sqlite3.Connection) -> None:
        self._header = header
        self._own = {name: header.index(name) for name in OWN_COLUMNS if name in header}
        self._secret = os.urandom(32)
        self._database = database
        database.execute("CREATE TABLE times (content BLOB PRIMARY KEY, n INTEGER) WITHOUT ROWID")
        database.execute("CREATE TABLE taken (key BLOB PRIMARY KEY) WITHOUT ROWID")
        database.execute("CREATE TABLE refs (ref BLOB PRIMARY KEY, content BLOB) WITHOUT ROWID")

    def identify(self, row: Row) -> Identity:
        """The row's identity, different from that of every row before it.

        A refused row that was mended says itself who it was, so that the file it came from still knows it;
        two rows that claim to be the same are told apart by their content.
        """
        occurrence, key = self._claimed(row)
        if key and self._take(key):
            return Identity(key, occurrence or 1)
        content = self.content(row)
        number = occurrence or self._count(content)
        while not self._take(_key(content, number)):
            number += 1
        return Identity(_key(content, number), number)

    def content(self, row: Row) -> str:
        """A hash of what the row holds. The order of the columns, and columns that it leaves empty, are no
        part of it.
        """
        own = set(self._own.values())
        cells = (
            (name, cell.strip())
            for index, (name, cell) in enumerate(zip(self._header, row.cells, strict=True))
            if index not in own
        )
        return _sha256(json.dumps(sorted(pair for pair in cells if pair[1])))

    def is_first_of_its_reference(self, entry: Entry, row: Row) -> bool:
        """Whether no row before it, with other content, has the same reference at the same station."""
        ref = self._blind(json.dumps([entry.draft.station, entry.draft.external_ref]))
        content = self._blind(self.content(row))
        self._database.execute("INSERT OR IGNORE INTO refs VALUES (?, ?)", (ref, content))
        [first] = self._database.execute("SELECT content FROM refs WHERE ref = ?", (ref,)).fetchone()
        return bool(first == content)

    def _claimed(self, row: Row) -> tuple[int | None, str | None]:
        said = {name: row.cells[index].strip() for name, index in self._own.items()}
        number, key = said.get(OCCURRENCE, ""), said.get(ROW, "").lower()
        counted = number.isascii() and number.isdecimal() and 0 < len(number) < 10 and int(number) > 0
        is_hash = len(key) == 64 and set(key) <= set("0123456789abcdef")
        return int(number) if counted else None, key if is_hash else None

    def _count(self, content: str) -> int:
        blind = self._blind(content)
        self._database.execute("INSERT OR IGNORE INTO times VALUES (?, 0)", (blind,))
        self._database.execute("UPDATE times SET n = n + 1 WHERE content = ?", (blind,))
        return int(self._database.execute("SELECT n FROM times WHERE content = ?", (blind,)).fetchone()[0])

    def _take(self, key: str) -> bool:
        return self._database.execute("INSERT OR IGNORE INTO taken VALUES (?)", (self._blind(key),)).rowcount == 1

    def _blind(self, text: str) -> bytes:
        """Under a key of this run alone: what lies in the temporary file tells nothing."""
        return hmac.digest(self._secret, text.encode(), "sha256")[:16]


@contextmanager
def register(header: Sequence[str]) -> Iterator[Register]:
    with closing(sqlite3.connect("", isolation_level=None)) as database:
        database.execute("BEGIN")
        yield Register(header, database)


def _key(content: str, occurrence: int) -> str:
    return _sha256(f"{content} {occurrence}")


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def fingerprints(station_id: int, entry: Entry, identity: Identity) -> list[bytes]:
    """Under which the row may be remembered, one for each key in use; the first is the one to write."""
    if entry.draft.external_ref:
        return blind_indexes("imported reference", station_id, entry.draft.external_ref)
    return blind_indexes("imported row", station_id, identity.key)


def remembered(station_id: int, entry: Entry, before: Stored = b"") -> bytes:
    """What to keep of the row's content; of what this file does not speak of, what was kept `before`.

    Empty fields leave no trace: a file that has them says no more than one that does not.
    What was kept cannot be hashed again, so then all of it stays under the key of before, as long as the ring has it.
    """
    found = dict(_digests(station_id, entry.said))
    key, old = _split(before)
    tags = {tag(name) for name in entry.said}
    silent = any(digest != ERASED and name not in tags for name, digest in old.items())
    if not silent or key not in found:
        writing = next(iter(found))
        old = old if key == writing else {name: digest for name, digest in old.items() if digest == ERASED}
        key = writing
    fresh = {tag(name): digest for name, digest in found[key].items() if not _is_empty(name, entry.said[name])}
    kept = {name: digest for name, digest in old.items() if name not in tags or digest == ERASED}
    return _joined(key, {**fresh, **kept})


def erased(content: Stored) -> bytes:
    """What stays of a remembered row where its customer is erased: what it said of the booking."""
    key, old = _split(content)
    return _joined(key, {**old, **{tag(name): ERASED for name in PERSONAL}})


def changed_fields(station_id: int, entry: Entry, before: Stored) -> set[str]:
    """The fields that the file says otherwise than when the row was last imported; all that it says, if never."""
    key, old = _split(before)
    for key_id, digests in _digests(station_id, entry.said):
        if key_id == key:
            return {
                name for name, digest in digests.items() if _differs(name, entry.said[name], digest, old.get(tag(name)))
            }
    return {name for name in entry.said if name not in IDENTIFYING and old.get(tag(name)) != ERASED}


@cache
def tag(name: str) -> bytes:
    """What stands for a field's name."""
    return hashlib.sha256(name.encode()).digest()[:TAG_BYTES]


def _differs(name: str, value: Any, digest: bytes, kept: bytes | None) -> bool:
    """Whether a field's value and digest are not those that were kept; None where the field left no trace."""
    return not _is_empty(name, value) if kept is None else kept not in (digest, ERASED)


def _is_empty(name: str, value: Any) -> bool:
    """Whether a field says no more than a file that does not have it."""
    return value in (None, "") or value == EMPTY_VALUES.get(name)


def _joined(key: bytes, fields: Mapping[bytes, bytes]) -> bytes:
    """Fields in the order of their tags, so that the same content is the same bytes."""
    return key + BY_NAME + b"".join(name + digest for name, digest in sorted(fields.items()))


def _split(kept: Stored) -> tuple[bytes, dict[bytes, bytes]]:
    """The key's id, and the digest of each remembered field under its name's tag; of either format."""
    key, rest = bytes(kept[:KEY_ID_BYTES]), bytes(kept[KEY_ID_BYTES:])
    if len(rest) == len(BY_POSITION) * FIELD_BYTES:
        digests = (rest[at : at + FIELD_BYTES] for at in range(0, len(rest), FIELD_BYTES))
        found = zip(map(tag, BY_POSITION), digests, strict=True)
        return key, {name: digest for name, digest in found if digest != UNSAID}
    pairs = (rest[at : at + TAG_BYTES + FIELD_BYTES] for at in range(len(BY_NAME), len(rest), TAG_BYTES + FIELD_BYTES))
    return key, {pair[:TAG_BYTES]: pair[TAG_BYTES:] for pair in pairs}


def _digests(station_id: int, said: Mapping[str, Any]) -> list[tuple[bytes, dict[str, bytes]]]:
    """For each key in use: its id, and a short digest of each field."""
    found: dict[bytes, dict[str, bytes]] = {}
    for name in said.keys() - set(IDENTIFYING):
        for digest in blind_indexes(f"imported {name}", station_id, str(said[name])):
            key_id, rest = digest[:KEY_ID_BYTES], digest[KEY_ID_BYTES:]
            found.setdefault(key_id, {})[name] = rest[:FIELD_BYTES]
    return list(found.items())
