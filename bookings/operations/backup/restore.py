"""A restore, into an empty place only: proved before and after, and there for others when all of it is done, or not at all."""

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
from bookings.operations.backup.databases import require_same_kind, store
from bookings.operations.backup.manifest import Manifest, Unusable
from bookings.privacy import erasure
from bookings.privacy.erasure import Again, Tombstone

Say = Callable[[str], object]
WORKER_SILENCE: Final = timedelta(minutes=1)
"""Longer than a worker lets pass between two signs of life."""
WITH_FAULTS: Final = "If it is all there is, restore it --with-faults, and mend them afterwards."


@contextmanager
def opened(backup: Path, identity: Path | None) -> Iterator[Path]:
    """The folder of a backup; that of an encrypted one is temporary. Raises Unusable, or OSError for the file of the key."""
    if not backup.is_file():
        yield backup
        return
    if identity is None:
        raise Unusable(
            f"{backup} is encrypted. Name the file with its private key: --identity FILE, or - to type it in."
        )
    with encrypted_archive.decrypted(backup, encrypted_archive.read_identities(identity)) as folder:
        yield folder


def check(folder: Path, say: Say) -> Manifest:
    """Whether a backup is whole, without restoring it. Raises Unusable."""
    said, sealed = manifests.read(folder)
    manifests.require_whole(said, folder)
    say(f"Made at {said.made_at}. Its {len(said.files)} files are, byte for byte, what was written.")
    if not sealed:
        raise Unusable(
            "The manifest is not sealed under AUDIT_KEYS: it was changed, or the key is another. " + WITH_FAULTS
        )
    say("The manifest is what was written.")
    return said


def restore(
    folder: Path,
    *,
    erasures: Sequence[Tombstone],
    in_use: Sequence[Credential] | None,
    with_faults: bool,
    say: Say,
) -> None:
    """Bring a backup back into the empty database of the settings, telling what was verified.

    `in_use` lists the API keys and feeds that stay; None where there is no list, so that none do.
    Whatever is wrong with the data itself is a reason to stop, unless `with_faults`: then it is told. Raises Unusable, or
    CannotCreateRoles, and has changed nothing then.
    """
    said = _ready(folder, with_faults, say)
    into = store()
    into.require_restorable(said)
    try:
        with into.restored(folder / into.file):
            _prove(said, with_faults, say)
            _wake(erasures, in_use, say)
    except (OSError, sqlite3.Error, Error) as error:
        raise Unusable(f"Nothing was restored: {str(error).strip().splitlines()[0]}.") from error
    say("Restored.")


def put_into_use(
    *, erasures: Sequence[Tombstone], in_use: Sequence[Credential] | None, with_faults: bool, say: Say
) -> None:
    """What `restore` proves and does, for a database that was brought back by other means, such as point-in-time recovery.

    Nobody may be at work with it. Raises Unusable, and has changed nothing then.
    """
    _require_no_worker()
    found = inventory.taken()
    verification.require_this_release(found, what="The database", use="Use it")
    _mind([*verification.faults_of_keys(found)], with_faults, say)
    try:
        with transaction.atomic():
            say(f"{len(found.rows)} tables hold {sum(found.rows.values())} rows.")
            _prove_sound(with_faults, say)
            _wake(erasures, in_use, say)
    except Error as error:
        raise Unusable(f"Nothing was changed: {str(error).strip().splitlines()[0]}.") from error
    say("Start servers and workers.")


def _require_no_worker() -> None:
    unseen = stats.workers(timezone.now()).unseen
    if unseen is not None and unseen < WORKER_SILENCE:
        raise Unusable(
            f"A worker used this database {unseen.seconds} seconds ago. Stop servers and workers, wait a minute, and run this "
            "again. Nothing was changed."
        )


def _ready(folder: Path, with_faults: bool, say: Say) -> Manifest:
    """All that can be said against a backup before anything of it is touched."""
    said, sealed = manifests.read(folder)
    require_same_kind(said)
    verification.require_this_release(said)
    manifests.require_whole(said, folder)
    say(f"The backup of {said.made_at} is whole: {len(said.files)} files, checked against their checksums.")
    faults = [*verification.faults_of_keys(said)]
    if not sealed and not faults:
        faults = ["The manifest is not sealed under AUDIT_KEYS: it was changed, or the key is another."]
    _mind(faults, with_faults, say)
    if not faults:
        say("Its manifest is sealed, and all keys that it needs are there.")
    return said


def _prove(said: Manifest, with_faults: bool, say: Say) -> None:
    verification.require_same(said)
    say(f"{len(said.rows)} tables hold the {sum(said.rows.values())} rows that they held.")
    say(f"The audit trail's {len(said.chains)} chains end where they ended.")
    _prove_sound(with_faults, say)


def _prove_sound(with_faults: bool, say: Say) -> None:
    faults = [*verification.faults()]
    _mind(faults, with_faults, say)
    if not faults:
        say(
            "Every entry of the trail is as it was written, bookings and ledger agree, and every encrypted value can be read."
        )


def _mind(faults: Sequence[str], with_faults: bool, say: Say) -> None:
    if faults and not with_faults:
        raise Unusable("\n".join([*faults, WITH_FAULTS]))
    for fault in faults:
        say(fault)


def _wake(erasures: Sequence[Tombstone], in_use: Sequence[Credential] | None, say: Say) -> None:
    woken = after_restore.wake(timezone.now(), in_use=in_use or ())
    say(f"Signed out: {woken.people} people. Sessions and tokens of before are over.")
    say(f"{woken.credentials} Their owners are told on their pages, and make new ones.")
    if in_use is None:
        say("No list of API keys and calendar feeds in use was given (--credentials FILE), so none of them stays.")
    say(
        f"{woken.mails} mails may have gone after the backup, and are held: each booking says so, and whoever is at it sends "
        "the mail again, or none."
    )
    if erasures:
        done = erasure.erase_again(erasures)
        say("Erasures: " + ", ".join(f"{done[what]} {what}" for what in Again) + ".")
    else:
        say(
            "No list of erasures was given. Before anybody works with this: manage.py erasures apply FILE, with the newest."
        )


def tombstones(path: Path) -> Iterator[Tombstone]:
    """Those of a list. Raises Unusable for a line that is none."""
    for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
        if line.strip():
            try:
                yield Tombstone.read(line)
            except ValueError:
                raise Unusable(f"Line {number} of {path} is no erasure. Nothing was restored.") from None
