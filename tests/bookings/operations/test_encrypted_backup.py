"""Backups that are encrypted as a whole, to keys that the server does not have."""

import io
import os
import stat
import tarfile
from pathlib import Path
from typing import Any

import pyrage
import pytest
from pyrage.x25519 import Identity

from bookings.operations.backup import encrypted_archive, manifest
from bookings.operations.backup.manifest import BackupError
from stations.models import Station
from tests.bookings.importing.commands import run
from tests.bookings.operations.conftest import Elsewhere, bookings_there, is_empty, restore
from tests.bookings.operations.test_broken import no_room_for


@pytest.fixture
def identity() -> Identity:
    return Identity.generate()


@pytest.fixture
def key_file(identity: Identity, tmp_path: Path) -> Path:
    """As age-keygen writes it."""
    (path := tmp_path / "key.txt").write_text(f"# public key: {identity.to_public()}\n{identity}\n")
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Files as a backup has them, one of them larger than a pipe."""
    (made := tmp_path / "plain").mkdir()
    (made / "data.dump").write_bytes(os.urandom(300_000))
    (made / "manifest.json").write_text("{}\n")
    return made


@pytest.fixture
def archive(folder: Path, identity: Identity, tmp_path: Path) -> Path:
    encrypted_archive.encrypt(folder, tmp_path / "backup.tar.age", [identity.to_public()])
    return tmp_path / "backup.tar.age"


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def tar_of(*members: tarfile.TarInfo) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as made:
        for member in members:
            made.addfile(member, io.BytesIO(b"x" * member.size))
    return raw.getvalue()


def test_encrypted_backup_is_one_file_without_a_readable_byte_of_it(
    business: Station, identity: Identity, tmp_path: Path
) -> None:
    (place := tmp_path / "backups").mkdir()

    done = run("backup", place, "--encrypt-to", identity.to_public())

    [made] = place.iterdir()
    assert (done.status, done.err) == (0, "")
    assert done.out.endswith(f", {made.stat().st_size} bytes.\n")
    assert stat.S_IMODE(made.stat().st_mode) == 0o600
    assert made.name.endswith("Z.tar.age")
    assert made.read_bytes().startswith(b"age-encryption.org/v1\n-> X25519 ")
    assert [word for word in (b"kitchen", b"manifest", b"stationbook", b"accounts_") if word in made.read_bytes()] == []


def test_encrypted_backup_is_restored_with_its_private_key(
    business: Station, elsewhere: Elsewhere, identity: Identity, key_file: Path, tmp_path: Path
) -> None:
    before = bookings_there()
    run("backup", backup := tmp_path / "backup", "--encrypt-to", identity.to_public())

    with elsewhere():
        done = restore(backup, "--identity", key_file)

        assert (done.status, done.err) == (0, "")
        assert bookings_there() == before


@pytest.mark.looks
def test_backup_is_encrypted_to_every_key_of_the_settings(
    business: Station, identity: Identity, settings: Any, tmp_path: Path
) -> None:
    other = Identity.generate()
    settings.BACKUP_RECIPIENTS = [str(identity.to_public()), str(other.to_public())]

    run("backup", backup := tmp_path / "backup")

    opened = [pyrage.decrypt(backup.read_bytes(), [one]) for one in (identity, other)]
    assert opened[0] == opened[1]
    with tarfile.open(fileobj=io.BytesIO(opened[0])) as made:
        assert made.getnames() == ["data.sqlite3", "erasures", manifest.NAME]


@pytest.mark.looks
def test_encrypted_backup_without_its_key_restores_nothing(
    business: Station, elsewhere: Elsewhere, identity: Identity, key_file: Path, tmp_path: Path
) -> None:
    run("backup", backup := tmp_path / "backup", "--encrypt-to", identity.to_public())
    key_file.write_text(f"{Identity.generate()}\n")

    with elsewhere():
        told = [restore(backup).err, restore(backup, "--identity", key_file).err]

        assert is_empty()
    assert told == [
        f"{backup} is encrypted. Name the file with its private key: --identity FILE, or - to type it in.",
        f"{backup} cannot be decrypted: No matching keys found. Use the private key that belongs to it.",
    ]


@pytest.mark.looks
def test_check_proves_an_encrypted_backup(
    business: Station, identity: Identity, key_file: Path, tmp_path: Path
) -> None:
    run("backup", backup := tmp_path / "backup", "--encrypt-to", identity.to_public())

    done = restore(backup, "--check", "--identity", key_file)

    assert (done.status, done.out.splitlines()[-1]) == (0, "The manifest is what was written.")


@pytest.mark.looks
def test_disk_that_is_full_leaves_no_encrypted_backup(business: Station, identity: Identity, tmp_path: Path) -> None:
    (place := tmp_path / "backups").mkdir()

    with no_room_for(8192):
        done = run("backup", place, "--encrypt-to", identity.to_public())

    assert (done.status, [*place.iterdir()]) == (1, [])


@pytest.mark.parametrize("given", ["age1nothing", "AGE-SECRET-KEY-1QQQ", "/nowhere/recipients"])
def test_key_that_is_no_public_key_is_refused(given: str) -> None:
    with pytest.raises(BackupError, match="public key"):
        encrypted_archive.read_recipients([given])


def test_archive_gives_back_what_was_put_in(archive: Path, folder: Path, identity: Identity) -> None:
    with encrypted_archive.decrypted(archive, [identity]) as found:
        assert contents(found) == contents(folder)
        assert {stat.S_IMODE(path.stat().st_mode) for path in found.iterdir()} == {0o600}
        assert stat.S_IMODE(found.stat().st_mode) == 0o700

    assert not found.exists()


def refusal(archive: Path, identity: Identity) -> str:
    with pytest.raises(BackupError) as refused, encrypted_archive.decrypted(archive, [identity]):
        pass
    return str(refused.value)


@pytest.mark.parametrize("place", [50, 300, 100_000, -1])
def test_changed_byte_is_refused(archive: Path, identity: Identity, place: int) -> None:
    raw = bytearray(archive.read_bytes())
    raw[place] ^= 1
    archive.write_bytes(raw)

    assert str(archive) in refusal(archive, identity)


@pytest.mark.parametrize("left", [0, 100, 100_000, -1, -30_000])
def test_archive_that_was_cut_off_is_refused(archive: Path, identity: Identity, left: int) -> None:
    archive.write_bytes(archive.read_bytes()[:left])

    assert str(archive) in refusal(archive, identity)


@pytest.mark.parametrize("name", ["../outside", "/tmp/outside", "a/b", ".."])
def test_member_outside_the_folder_is_refused(identity: Identity, name: str, tmp_path: Path) -> None:
    member = tarfile.TarInfo(name)
    member.size = 3
    archive = tmp_path / "backup.tar.age"
    archive.write_bytes(pyrage.encrypt(tar_of(member), [identity.to_public()]))

    assert refusal(archive, identity) == f"{archive} holds no backup: {name!r} is not a plain file."


def test_link_is_refused(identity: Identity, tmp_path: Path) -> None:
    link = tarfile.TarInfo("data.dump")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    archive = tmp_path / "backup.tar.age"
    archive.write_bytes(pyrage.encrypt(tar_of(link), [identity.to_public()]))

    assert refusal(archive, identity) == f"{archive} holds no backup: 'data.dump' is not a plain file."


def test_file_that_is_no_archive_is_refused(identity: Identity, tmp_path: Path) -> None:
    archive = tmp_path / "backup.tar.age"
    archive.write_bytes(pyrage.encrypt(b"no archive" * 100_000, [identity.to_public()]))

    assert refusal(archive, identity).startswith(f"{archive} holds no backup: ")


def test_recipients_are_read_from_a_file(identity: Identity, tmp_path: Path) -> None:
    (path := tmp_path / "recipients").write_text(f"# ours\n{identity.to_public()}\n\n")

    assert [str(one) for one in encrypted_archive.read_recipients([str(path)])] == [str(identity.to_public())]


def test_refused_private_key_is_not_repeated(identity: Identity, tmp_path: Path) -> None:
    (path := tmp_path / "key.txt").write_text(f"{str(identity)[:-1]}\n")

    with pytest.raises(BackupError) as refused:
        encrypted_archive.read_identities(path)

    assert str(refused.value) == f"{path} holds no private key of age. It is a line that begins with AGE-SECRET-KEY-1."
