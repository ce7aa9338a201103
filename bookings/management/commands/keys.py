"""manage.py keys: lists the encryption keys and rotates them; see `docs/security.md`."""

import sys
from argparse import ArgumentTypeError
from collections import Counter
from collections.abc import Sequence
from itertools import islice
from typing import Any, Final

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _
from tqdm import tqdm

from accounts.encryption import Binding
from accounts.encryption.keys import KEY_ID_BYTES, encode_key, key_id, new_key
from accounts.key_management import rotation
from accounts.key_management.keyrings import (
    AUDIT,
    DATA,
    INDEX,
    RINGS,
    KeyInUse,
    Ring,
    count_unbound,
    require_all_restarted,
    require_retirable,
    require_rotatable,
)
from bookings.importing import imported_rows
from bookings.models import ImportedRow
from core.errors import DomainError

FAULTS_SHOWN: Final = 10

HELP: Final = """The keys of customers' data (data), of what customers are found by (index) and of the audit trail (audit).
A key is called by its id; no key is ever shown, but a new one. How a key is changed without downtime: docs/security.md."""

RESTARTED: Final = "where a pooler hides who is connected: all servers and workers were restarted with these keys"


class Command(BaseCommand):
    help = HELP

    def add_arguments(self, parser: CommandParser) -> None:
        does = parser.add_subparsers(dest="does", required=True, metavar="new|list|rotate|retire")
        new = does.add_parser("new", help="print a fresh key, and say where it goes; nothing is changed")
        new.add_argument("--ring", choices=RINGS, default=DATA.name)
        listed = does.add_parser("list", help="the keys of each ring, and how many values are under each")
        listed.add_argument("--ring", choices=RINGS, help="this one alone; the trail's entries are only counted then")
        rotate = does.add_parser(
            "rotate", help="rewrite all that is not under the first key of its ring, or not bound to its row"
        )
        rotate.add_argument("--ring", choices=RINGS, help="this one alone")
        rotate.add_argument(
            "--lost", action="append", default=[], metavar="ID", type=_id, help="a key that is lost for good"
        )
        rotate.add_argument("--all-restarted", action="store_true", help=RESTARTED)
        retire = does.add_parser("retire", help="say whether a key may be taken out; exit status 1 where it is in use")
        retire.add_argument("key", metavar="ID", type=_id)
        retire.add_argument(
            "--forget-imports",
            action="store_true",
            help="forget which rows were imported under it: the same file would then be imported again",
        )
        retire.add_argument("--all-restarted", action="store_true", help=RESTARTED)

    def handle(self, *args: Any, **options: Any) -> None:
        ring = RINGS.get(options.get("ring") or "")
        try:
            if options["does"] in ("rotate", "retire"):
                require_all_restarted(restarted=options["all_restarted"])
            match options["does"]:
                case "new":
                    self._new(ring or DATA)
                case "list":
                    self._list(ring)
                case "rotate":
                    self._rotate([ring] if ring else [DATA, INDEX], options["lost"])
                case "retire":
                    self._retire(options["key"], forget_imports=options["forget_imports"])
        except DomainError as refusal:
            raise CommandError(str(refusal)) from None

    def _new(self, ring: Ring) -> None:
        key = new_key()
        of_trail = _(
            "New key for AUDIT_KEYS, with the ID %(id)s. Nothing was changed. Put it first in AUDIT_KEYS, "
            "keep the others after it, and restart servers and workers."
        )
        of_others = _(
            "New key for %(variable)s, with the ID %(id)s. Nothing was changed. Put it last in %(variable)s "
            "and restart servers and workers one after the other; then put it first and restart them again. "
            "Then run: manage.py keys rotate"
        )
        words = of_trail if ring is AUDIT else of_others
        self.stderr.write(words % {"variable": ring.variable, "id": key_id(key).hex()})
        self.stdout.write(encode_key(key))

    def _list(self, wanted: Ring | None) -> None:
        for ring in [wanted] if wanted else RINGS.values():
            counted = ring is not AUDIT or wanted is AUDIT
            uses = ring.uses() if counted else {}
            self.stdout.write(f"{ring.name} ({ring.variable})")
            for key in [*ring.ids, *sorted(set(uses) - set(ring.ids))]:
                count = str(uses.get(key, Counter()).total()) if counted else "?"
                self.stdout.write(f"  {key.hex():8}  {_role(ring, key):10}{count:>12}")
            if ring is DATA and (unbound_values := count_unbound()):
                words = _("  Not bound to their rows: %(count)d values. Bind them: manage.py keys rotate --ring data")
                self.stdout.write(words % {"count": unbound_values})

    def _rotate(self, rings: Sequence[Ring], lost: list[bytes]) -> None:
        if AUDIT in rings:
            raise CommandError(_("The audit log is never resealed. Its older keys stay in AUDIT_KEYS."))
        faults: set[str] = set()
        for ring in rings:
            require_rotatable(ring, lost=lost)
            for work in rotation.tasks_for(ring):
                faults |= _with_progress(work)
        for fault in islice(sorted(faults), FAULTS_SHOWN):
            self.stderr.write(fault)
        if faults:
            words = _("Values that can't be decrypted stay as they are: %(count)d. All others are re-encrypted.")
            raise CommandError(words % {"count": len(faults)})
        self.stdout.write(_("All values that can be re-encrypted use the first key of their setting."))
        if DATA in rings and settings.PII_ROW_BINDING == Binding.ON and not count_unbound():
            words = _(
                "All encrypted values are bound to their rows. Set PII_ROW_BINDING=required, so that no others are read."
            )
            self.stderr.write(words)

    def _retire(self, key: bytes, *, forget_imports: bool) -> None:
        ring = next((ring for ring in RINGS.values() if key in ring.ids), None)
        if ring is None:
            raise CommandError(_("No setting contains the key %(id)s. See manage.py keys list.") % {"id": key.hex()})
        try:
            require_retirable(ring, key)
        except KeyInUse as refusal:
            if not (forget_imports and _is_of_imports(refusal)):
                self._print_refusal(refusal, ring)
                raise
            self._forget(key, refusal.data.total())
            require_retirable(ring, key)
        words = _(
            "Nothing is encrypted with %(id)s any longer. Remove it from %(variable)s, where it is number "
            "%(number)d, and restart servers and workers. Keep it with the backups made until now: they need "
            "it."
        )
        self.stdout.write(words % {"id": key.hex(), "variable": ring.variable, "number": ring.ids.index(key) + 1})

    def _print_refusal(self, refusal: KeyInUse, ring: Ring) -> None:
        """The values that still need the key, by column, and what to do about them."""
        for column, count in sorted((refusal.data or {}).items()):
            self.stdout.write(f"  {column}: {count}")
        if ring is AUDIT:
            self.stderr.write(_("The audit log is never resealed: the key stays as long as these entries do."))
        elif _is_of_imports(refusal):
            self.stderr.write(
                _(
                    "These are imported rows, recognised by hashes that can't be recalculated. Import the same files "
                    "again to store them with the current key, or use --forget-imports. Those files would then count "
                    "as new: rows without a reference create their bookings a second time, and rows with one "
                    "overwrite what staff have changed."
                )
            )
        elif refusal.data:
            self.stderr.write(_("Rewrite it first: manage.py keys rotate --ring %(ring)s") % {"ring": ring.name})

    def _forget(self, key: bytes, count: int) -> None:
        forgotten = 0
        with _bar(count, _("imported rows")) as bar:
            for some in imported_rows.delete_under_key(key):
                forgotten += some
                bar.update(some)
        self.stdout.write(_("Imported rows forgotten: %(count)d. Their files are new now.") % {"count": forgotten})


def _id(text: str) -> bytes:
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != KEY_ID_BYTES:
        raise ArgumentTypeError(_("A key's id is eight letters and digits, as manage.py keys list shows it."))
    return key


def _role(ring: Ring, key: bytes) -> str:
    if key not in ring.ids:
        return _("MISSING")
    return _("writes") if key == ring.ids[0] else _("reads")


def _is_of_imports(refusal: KeyInUse) -> bool:
    """Whether only imported rows still need the key."""
    return bool(refusal.data) and all(column.startswith(f"{ImportedRow._meta.label}.") for column in refusal.data)


def _with_progress(work: rotation.RotationTask) -> set[str]:
    with _bar(work.count_remaining(), work.label) as bar:
        try:
            return rotation.rotate(work, bar.update)
        except KeyboardInterrupt:
            raise CommandError(_("Stopped. Run it again to continue from here.")) from None


def _bar(total: int, label: str) -> "tqdm[Any]":
    return tqdm(total=total, desc=label, file=sys.stderr, disable=None)
