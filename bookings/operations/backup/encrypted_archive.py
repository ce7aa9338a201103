"""Packs a backup into one encrypted file: a tar archive encrypted with age to public keys."""

import os
import shutil
import sys
import tarfile
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import Final

import pyrage
from pyrage.x25519 import Identity, Recipient

from bookings.operations.backup import atomic_folder
from bookings.operations.backup.manifest import BackupError

SUFFIX: Final = ".tar.age"
STANDARD_INPUT: Final = Path("-")
CHUNK_BYTES: Final = 1 << 20


def read_recipients(values: Iterable[str]) -> list[Recipient]:
    """Parse public keys, each given as `age1…` or as the path of a file with one on each line. Raises BackupError."""
    return [_recipient(text) for value in values for text in _texts_of(value)]


def _texts_of(value: str) -> list[str]:
    if value.startswith("age1"):
        return [value]
    try:
        return _lines(Path(value).read_text())
    except (OSError, UnicodeDecodeError):
        raise BackupError(
            f"{value} is neither a public key (age1…) nor a file of public keys. Nothing was written."
        ) from None


def _recipient(text: str) -> Recipient:
    try:
        return Recipient.from_str(text)
    except pyrage.RecipientError:
        raise BackupError(f"{text} is not a public key of age. age-keygen prints one that begins with age1.") from None


def read_identities(path: Path) -> list[Identity]:
    """Read private keys from a file of age-keygen, or from standard input for `-`. Raises BackupError or OSError."""
    try:
        text = sys.stdin.read() if path == STANDARD_INPUT else path.read_text()
        found = [Identity.from_str(line) for line in _lines(text)]
    except (pyrage.IdentityError, UnicodeDecodeError):
        found = []
    if not found:  # the message must not quote the file: a malformed line may contain most of a key
        raise BackupError(f"{path} holds no private key of age. It is a line that begins with AGE-SECRET-KEY-1.")
    return found


def _lines(text: str) -> list[str]:
    return [line for line in map(str.strip, text.splitlines()) if line and not line.startswith("#")]


def encrypt(folder: Path, to: Path, recipients: Sequence[Recipient]) -> None:
    """Pack the files of a folder into one encrypted file. Raises OSError or pyrage.EncryptError."""
    read, write = os.pipe()
    with ThreadPoolExecutor(1) as pool, os.fdopen(read, "rb") as packed, to.open("wb") as file:
        packing = pool.submit(_pack, folder, write)
        pyrage.encrypt_io(packed, file, recipients)
        packing.result()


def _pack(folder: Path, write: int) -> None:
    with os.fdopen(write, "wb") as pipe, tarfile.open(fileobj=pipe, mode="w|") as archive:
        for path in sorted(folder.iterdir()):
            archive.add(path, path.name)


@contextmanager
def decrypted(file: Path, identities: Sequence[Identity]) -> Iterator[Path]:
    """Extract the file into a private folder, which is deleted when the block ends. Raises BackupError or OSError."""
    with tempfile.TemporaryDirectory(prefix="stationbook-") as place:
        folder = Path(place)
        read, write = os.pipe()
        with ThreadPoolExecutor(1) as pool, os.fdopen(read, "rb") as packed:
            decrypting = pool.submit(_decrypt, file, write, identities)
            fault = _unpack(packed, folder)
            decrypting.result()
        if fault:
            raise BackupError(f"{file} holds no backup: {fault}.")
        yield folder


def _decrypt(file: Path, write: int, identities: Sequence[Identity]) -> None:
    with os.fdopen(write, "wb") as pipe, file.open("rb") as source:
        try:
            pyrage.decrypt_io(source, pipe, identities)
        except pyrage.DecryptError as error:
            raise BackupError(f"{file} cannot be decrypted: {error}. Use the private key that belongs to it.") from None
        except OSError as error:
            if error.errno:
                raise
            # pyrage raises OSError without an errno when a chunk of the file fails authentication.
            raise BackupError(f"{file} was changed or cut off since it was made. Use another backup.") from None


def _unpack(packed: BufferedReader, folder: Path) -> str:
    """Extract the archive. Returns what is wrong with it, or "".

    Always reads to the end, because the last chunk authenticates the whole file.
    """
    fault = ""
    try:
        with tarfile.open(fileobj=packed, mode="r|") as archive:
            for member in archive:
                _extract(archive, member, folder)
    except (tarfile.TarError, BackupError) as error:
        fault = str(error)
    while packed.read(CHUNK_BYTES):
        pass
    return fault


def _extract(archive: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    source = archive.extractfile(member) if member.isfile() else None
    if source is None or member.name != Path(member.name).name or member.name == "..":
        raise BackupError(f"{member.name!r} is not a plain file")
    with source, atomic_folder.create_private(folder / member.name).open("wb") as copy:
        shutil.copyfileobj(source, copy, CHUNK_BYTES)
