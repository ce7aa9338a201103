"""The command line of script/upgrade."""

import fcntl
import os
import sys
from argparse import SUPPRESS, ArgumentParser, Namespace
from pathlib import Path

from core.version import parse_version
from upgrade_lib import steps
from upgrade_lib.checkout import WORK
from upgrade_lib.errors import UpgradeError

DESCRIPTION = (
    "Replaces the release in this checkout: preflight of the new one, backup, migrations, a smoke test of its web server, and "
    "then a restart of one server after the other. Where one is not healthy, the release before takes over again."
)


def parse_arguments() -> Namespace:
    parser = ArgumentParser("script/upgrade", description=DESCRIPTION)
    parser.add_argument("version", nargs="?", help="such as 1.2.0; without it, the newest release")
    parser.add_argument("--back", action="store_true", help="return to the release that the last upgrade replaced")
    parser.add_argument("--backups", type=Path, help="folder for the backup (backups in DATA_DIR)")
    parser.add_argument("--no-backup", action="store_true", help="where one was made by other means")
    parser.add_argument("--no-preflight", action="store_true", help="where its findings are known and accepted")
    parser.add_argument("--patience", type=float, default=60, help="seconds that a server may take to answer (60)")
    parser.add_argument("--server-lock", type=Path, required=True, help=SUPPRESS)
    wanted = parser.parse_args()
    if wanted.back and wanted.version:
        parser.error("--back takes no version")
    return wanted


def main(wanted: Namespace) -> None:
    backups = wanted.backups or Path(os.environ["DATA_DIR"]) / "backups"
    options = steps.Options(
        server_lock=wanted.server_lock,
        backups=None if wanted.no_backup else backups.resolve(),
        preflight=not wanted.no_preflight,
        patience=wanted.patience,
    )
    WORK.mkdir(parents=True, exist_ok=True)
    with (WORK / "lock").open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UpgradeError("Another script/upgrade runs in this checkout.") from None
        if wanted.back:
            steps.roll_back(options)
            return
        if wanted.version:
            parse_version(wanted.version)
        steps.upgrade(wanted.version, options)


try:
    main(parse_arguments())
except (UpgradeError, ValueError) as error:
    sys.exit(str(error))
