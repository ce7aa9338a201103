"""manage.py verify_audit: verifies the audit log against its signatures and against records kept elsewhere."""

import re
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from accounts.audit import checkpoints, verification
from accounts.audit.verification import Evidence
from accounts.models import AuditEntry
from bookings.operations.backup import manifest as manifests
from bookings.operations.backup.manifest import BackupError, Manifest

MAX_NAMED: Final = 1_000
HEAD: Final = re.compile(r"(\d{1,18}):([0-9a-f]{64})")
LOGGED: Final = re.compile(rf'checkpoint"?[:=]\s*"?{HEAD.pattern}')
"""A combined head in a line of the log, in both formats."""


class Command(BaseCommand):
    help = (
        "Check every entry of the audit log against its seal, and the whole log against what was written down elsewhere. Exit "
        "status 1 where anything was changed, added or taken out."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--head",
            action="append",
            default=[],
            type=_head,
            metavar="NUMBER:HEAD",
            help="a combined head that was written down: nothing from before it may be missing",
        )
        parser.add_argument(
            "--log",
            action="append",
            default=[],
            type=Path,
            metavar="FILE",
            help="every combined head in a file of the log",
        )
        parser.add_argument(
            "--manifest",
            action="append",
            default=[],
            type=Path,
            metavar="BACKUP",
            help="what the manifest of a backup says",
        )

    def handle(
        self, *args: Any, head: Sequence[str], log: Sequence[Path], manifest: Sequence[Path], **options: Any
    ) -> None:
        try:
            evidence = _evidence([*head, *_heads_in(log)], [_signed_manifest(path) for path in manifest])
        except OSError as error:
            raise CommandError(f"{error.filename}: {error.strerror}") from None
        except BackupError as refusal:
            raise CommandError(str(refusal)) from None
        found = list(islice(verification.faults(evidence), MAX_NAMED))
        for fault in found:
            self.stdout.write(str(fault))
        if found:
            raise CommandError(_("The audit log has been altered. Compare it with a backup."))
        words = _("All %(count)d entries of the audit log are unaltered.")
        self.stdout.write(words % {"count": AuditEntry.objects.count()})
        self._print_evidence(evidence)

    def _print_evidence(self, evidence: Evidence) -> None:
        if count := len(evidence.checkpoints):
            words = _("Combined heads recorded elsewhere: %(count)d. All of them match.")
            self.stdout.write(words % {"count": count})
        if evidence.ends:
            self.stdout.write(_("The audit log holds all that the manifests name."))
        if newest := checkpoints.newest():
            words = _("Newest checkpoint: %(head)s, made at %(time)s.")
            when = newest.made_at.isoformat(timespec="seconds")
            self.stdout.write(words % {"head": checkpoints.name_of(newest), "time": when})


def _head(text: str) -> str:
    if not HEAD.fullmatch(text):
        raise ArgumentTypeError(_("A combined head is a number, a colon and 64 characters, as the log has it."))
    return text


def _heads_in(files: Iterable[Path]) -> list[str]:
    """Combined heads in these log files. Raises BackupError for a file without any."""
    found = []
    for path in files:
        with path.open(errors="replace") as lines:
            heads = [":".join(match) for line in lines for match in LOGGED.findall(line)]
        if not heads:
            raise BackupError(_("%(file)s holds no checkpoint of the audit log.") % {"file": path})
        found += heads
    return found


def _signed_manifest(path: Path) -> Manifest:
    """The manifest of a backup, given as its folder or as the file itself. Raises BackupError."""
    manifest, sealed = manifests.read(path.parent if path.is_file() else path)
    if not sealed:
        raise BackupError(
            _("The manifest of %(backup)s is not signed with AUDIT_KEYS, so it proves nothing.") % {"backup": path}
        )
    return manifest


def _evidence(heads: Iterable[str], of_backups: Sequence[Manifest]) -> Evidence:
    named = [*heads, *(manifest.checkpoint for manifest in of_backups if manifest.checkpoint)]
    split = [(int(number), bytes.fromhex(head)) for number, head in (name.split(":") for name in named)]
    expected = dict(split)
    if differing := [number for number, head in split if expected[number] != head]:
        words = _("Two records name different checkpoints %(number)d. One of them is from before a restore.")
        raise BackupError(words % {"number": differing[0]})
    ends = [
        (one["station"], one["count"], bytes.fromhex(one["head"])) for manifest in of_backups for one in manifest.chains
    ]
    return Evidence(expected, ends)
