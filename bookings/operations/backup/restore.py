"""Restores a backup into an empty database: verified before and after, and visible to others only when it is complete."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Final

from django.db import Error, transaction
from django.utils import timezone

from bookings.mails import stats
from bookings.operations.backup import after_restore, encrypted_archive, inventory, verification
from bookings.operations.backup import manifest as manifests
from bookings.operations.backup.credentials import Credential
from bookings.operations.backup.databases import database_backend, require_same_kind
from bookings.operations.backup.manifest import BackupError, Manifest
from bookings.privacy import erasure
from bookings.privacy.erasure import ErasureRecord, ReplayResult

Report = Callable[[str], object]
WORKER_SILENCE: Final = timedelta(minutes=1)
"""Longer than the interval between two heartbeats of a worker."""
WITH_FAULTS: Final = "If it is all there is, restore it --with-faults, and mend them afterwards."


@contextmanager
def open_backup(backup: Path, identity: Path | None) -> Iterator[Path]:
    """Yield the folder of a backup, which is temporary if the backup is encrypted. Raises BackupError, or OSError for the key."""
    if not backup.is_file():
        yield backup
        return
    if identity is None:
        raise BackupError(
            f"{backup} is encrypted. Name the file with its private key: --identity FILE, or - to type it in."
        )
    with encrypted_archive.decrypted(backup, encrypted_archive.read_identities(identity)) as folder:
        yield folder


def verify(folder: Path, report: Report) -> Manifest:
    """Verify a backup without restoring it. Raises BackupError."""
    manifest, is_sealed = manifests.read(folder)
    manifests.require_intact(manifest, folder)
    report(f"Made at {manifest.made_at}. Its {len(manifest.files)} files are, byte for byte, what was written.")
    if not is_sealed:
        raise BackupError(
            "The manifest is not sealed under AUDIT_KEYS: it was changed, or the key is another. " + WITH_FAULTS
        )
    report("The manifest is what was written.")
    return manifest


def restore(
    folder: Path,
    *,
    erasures: Sequence[ErasureRecord],
    in_use: Sequence[Credential] | None,
    with_faults: bool,
    report: Report,
) -> None:
    """Restore a backup into the empty database of the settings, and report what was verified.

    `in_use` lists the API keys and feeds that stay valid; without a list none do. Faults in the data stop the restore, unless
    `with_faults` is set: then they are reported. Raises BackupError or CannotCreateRoles, and has changed nothing then.
    """
    manifest = _verify_before(folder, with_faults, report)
    backend = database_backend()
    backend.require_restorable(manifest)
    try:
        with backend.restored(folder / backend.file):
            _verify_after(manifest, with_faults, report)
            _prepare(erasures, in_use, report)
    except (OSError, sqlite3.Error, Error) as error:
        raise BackupError(f"Nothing was restored: {str(error).strip().splitlines()[0]}.") from error
    report("Restored.")


def put_into_use(
    *, erasures: Sequence[ErasureRecord], in_use: Sequence[Credential] | None, with_faults: bool, report: Report
) -> None:
    """Verify and prepare a database that was restored by other means, such as point-in-time recovery.

    No server or worker may be running. Raises BackupError, and has changed nothing then.
    """
    _require_no_worker()
    found = inventory.take()
    verification.require_this_release(found, what="The database", use="Use it")
    _stop_at([*verification.missing_keys(found)], with_faults, report)
    try:
        with transaction.atomic():
            report(f"{len(found.rows)} tables hold {sum(found.rows.values())} rows.")
            _verify_soundness(with_faults, report)
            _prepare(erasures, in_use, report)
    except Error as error:
        raise BackupError(f"Nothing was changed: {str(error).strip().splitlines()[0]}.") from error
    report("Start servers and workers.")


def _require_no_worker() -> None:
    unseen = stats.worker_stats(timezone.now()).since_last_seen
    if unseen is not None and unseen < WORKER_SILENCE:
        raise BackupError(
            f"A worker used this database {unseen.seconds} seconds ago. Stop servers and workers, wait a minute, and run this "
            "again. Nothing was changed."
        )


def _verify_before(folder: Path, with_faults: bool, report: Report) -> Manifest:
    """Verify a backup before anything is restored. Raises BackupError."""
    manifest, is_sealed = manifests.read(folder)
    require_same_kind(manifest)
    verification.require_this_release(manifest)
    manifests.require_intact(manifest, folder)
    report(f"The backup of {manifest.made_at} is whole: {len(manifest.files)} files, checked against their checksums.")
    faults = [*verification.missing_keys(manifest)]
    if not is_sealed and not faults:
        faults = ["The manifest is not sealed under AUDIT_KEYS: it was changed, or the key is another."]
    _stop_at(faults, with_faults, report)
    if not faults:
        report("Its manifest is sealed, and all keys that it needs are there.")
    return manifest


def _verify_after(manifest: Manifest, with_faults: bool, report: Report) -> None:
    verification.require_same_contents(manifest)
    report(f"{len(manifest.rows)} tables hold the {sum(manifest.rows.values())} rows that they held.")
    report(f"The {len(manifest.chains)} chains of the audit log end where the manifest says.")
    _verify_soundness(with_faults, report)


def _verify_soundness(with_faults: bool, report: Report) -> None:
    faults = [*verification.faults()]
    _stop_at(faults, with_faults, report)
    if not faults:
        report(
            "Every entry of the trail is as it was written, bookings and ledger agree, and every encrypted value can be read."
        )


def _stop_at(faults: Sequence[str], with_faults: bool, report: Report) -> None:
    if faults and not with_faults:
        raise BackupError("\n".join([*faults, WITH_FAULTS]))
    for fault in faults:
        report(fault)


def _prepare(erasures: Sequence[ErasureRecord], in_use: Sequence[Credential] | None, report: Report) -> None:
    done = after_restore.prepare(timezone.now(), in_use=in_use or ())
    report(f"Signed out: {done.people} people. Their sessions and tokens have ended.")
    report(f"{done.credentials} Their owners see it on their pages, and create new ones.")
    if in_use is None:
        report("No list of API keys and calendar feeds in use was given (--credentials FILE), so none was kept.")
    report(
        f"{done.mails} emails may have been sent after the backup, and are held. Each booking says so; staff send the "
        "email again or withhold it."
    )
    if erasures:
        counts = erasure.replay(erasures)
        report("Erasures: " + ", ".join(f"{counts[what]} {what}" for what in ReplayResult) + ".")
    else:
        report(
            "No list of erasures was given. Before anybody works with this: manage.py erasures apply FILE, with the newest."
        )


def read_erasures(path: Path) -> Iterator[ErasureRecord]:
    """Read a list of erasures. Raises BackupError for an invalid line."""
    for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
        if line.strip():
            try:
                yield ErasureRecord.from_line(line)
            except ValueError:
                raise BackupError(f"Line {number} of {path} is no erasure. Nothing was restored.") from None
