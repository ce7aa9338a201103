"""What a backup says of itself, beside its data: enough to know it whole, and to prove what was restored from it.

It is sealed under the audit trail's key, so that nobody without it makes a backup say another thing. It names keys by their ids
and holds no personal data.
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


class Unusable(DomainError):
    """A backup that cannot be made, or not be restored; its sentence says what to do."""

    code = "unusable"


@dataclass(frozen=True)
class Manifest:
    """`made_at` is ISO 8601 in UTC; `files` are name to SHA-256 in hex and size in bytes; `migrations` are by app, `rows` by
    table, `keys` ids in hex by ring; `chains` are those of the audit trail: station (a key, None for no station), count, head.
    `checkpoint` is the newest of the audit log, as `accounts.audit.checkpoints.name_of` writes it; "" for none.
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
        said = asdict(self)
        return json.dumps({**said, "seal": chain.sign(said).hex()}, indent=1, sort_keys=True) + "\n"


def read(folder: Path) -> tuple[Manifest, bool]:
    """What stands beside a backup's data, and whether its seal holds. Raises Unusable where there is none to be read."""
    path = folder / NAME
    if not path.is_file():
        raise Unusable(f"{folder} is no whole backup: it holds no {NAME}. One that was interrupted never does.")
    try:
        said = json.loads(path.read_text())
        seal = bytes.fromhex(said.pop("seal"))
        if said["format"] != FORMAT:
            raise Unusable(f"{path} is of another format ({said['format']}). Use the release that made this backup.")
        return Manifest(**said), chain.is_signed(said, seal)
    except (ValueError, TypeError, KeyError, AttributeError):
        raise Unusable(f"{path} is damaged, and with it the backup cannot be proved. Use another backup.") from None


def require_whole(manifest: Manifest, folder: Path) -> None:
    """Raises Unusable where a file of the backup is not, byte for byte, what was written."""
    for name, said in manifest.files.items():
        path = folder / Path(name).name
        if not path.is_file():
            raise Unusable(f"{path} is missing. Use another backup.")
        if (size := _size(path)) != said["bytes"]:
            raise Unusable(f"{path} has {size} bytes, and had {said['bytes']} when it was made. Use another backup.")
        if digest_of(path) != said["sha256"]:
            raise Unusable(f"{path} was changed since it was made: its checksum differs. Use another backup.")


def digest_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _size(path: Path) -> int:
    return path.stat().st_size
