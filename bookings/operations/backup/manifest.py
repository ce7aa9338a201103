"""The manifest of a backup: checksums, counts and chain heads, by which backup and restore are verified.

It is signed with the audit key, so that it cannot be changed without it. It names keys by their IDs and holds no personal data.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Self

from accounts.audit import chain
from core.errors import DomainError

NAME: Final = "manifest.json"
FORMAT: Final = 1


class BackupError(DomainError):
    """A backup cannot be made or restored; the message says what to do."""

    code = "unusable"


@dataclass(frozen=True)
class Manifest:
    """`made_at` is ISO 8601 in UTC. `files` maps names to SHA-256 in hex and size in bytes, `migrations` apps to names, `rows`
    tables to counts, `keys` rings to IDs in hex. `chains` are those of the audit log: station (a key, None for no station), count
    and head. `checkpoint` is the newest one, as `accounts.audit.checkpoints.name_of` writes it; "" for none.
    """

    made_at: str
    database: str
    server: str
    migrations: Mapping[str, Sequence[str]]
    rows: Mapping[str, int]
    chains: Sequence[Mapping[str, Any]]
    keys: Mapping[str, Sequence[str]]
    checkpoint: str = ""
    files: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    product: str = "stationbook"
    format: int = FORMAT

    def with_files(self, *paths: Path) -> Self:
        return replace(self, files={path.name: {"sha256": digest_of(path), "bytes": _size(path)} for path in paths})

    def as_json(self) -> str:
        data = asdict(self)
        return json.dumps({**data, "seal": chain.sign(data).hex()}, indent=1, sort_keys=True) + "\n"


def read(folder: Path) -> tuple[Manifest, bool]:
    """Read the manifest of a backup. Returns it, and whether its signature is valid. Raises BackupError if it cannot be read."""
    path = folder / NAME
    if not path.is_file():
        raise BackupError(f"{folder} is no whole backup: it holds no {NAME}. One that was interrupted never does.")
    try:
        data = json.loads(path.read_text())
        seal = bytes.fromhex(data.pop("seal"))
        if data["format"] != FORMAT:
            raise BackupError(f"{path} is of another format ({data['format']}). Use the release that made this backup.")
        return Manifest(**data), chain.is_signed(data, seal)
    except (ValueError, TypeError, KeyError, AttributeError):
        raise BackupError(f"{path} is damaged, and with it the backup cannot be proved. Use another backup.") from None


def require_intact(manifest: Manifest, folder: Path) -> None:
    """Raises BackupError unless every file has the size and checksum of the manifest."""
    for name, expected in manifest.files.items():
        path = folder / Path(name).name
        if not path.is_file():
            raise BackupError(f"{path} is missing. Use another backup.")
        if (size := _size(path)) != expected["bytes"]:
            raise BackupError(
                f"{path} has {size} bytes, and had {expected['bytes']} when it was made. Use another backup."
            )
        if digest_of(path) != expected["sha256"]:
            raise BackupError(f"{path} was changed since it was made: its checksum differs. Use another backup.")


def digest_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _size(path: Path) -> int:
    return path.stat().st_size
