"""The steps from one release to another, and back."""

import json
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from upgrade_lib import checkout, services
from upgrade_lib.checkout import PREVIOUS_VENV, ROOT, WORK, Release
from upgrade_lib.errors import UnhealthyError, UpgradeError
from upgrade_lib.smoke_test import smoke_test

LAST: Final = WORK / "last.json"
"""The release before, for `--back`. Its virtual environment, if it was replaced, is in `PREVIOUS_VENV`."""


@dataclass(frozen=True)
class Options:
    server_lock: Path
    backups: Path | None
    """Where to; None for no backup."""
    preflight: bool
    patience: float
    """Seconds that a server may take to answer."""


def report(sentence: str) -> None:
    print(sentence, flush=True)


def upgrade(version: str | None, options: Options) -> None:
    """Raises UpgradeError where the old release goes on as it was, or again."""
    checkout.require_clean()
    old, new = checkout.current(), checkout.find_release(version)
    if new.version == old.version:
        report(f"This is release {old.version} already.")
        return
    if new.number < old.number:
        raise UpgradeError(f"{new.version} is older than {old.version}. To return to the release before, use --back.")
    found = services.running(options.server_lock)
    if found and not _run_side_by_side(old, new):
        raise UpgradeError(
            f"{new.version} does not run beside {old.version}. Upgrade to one minor release after the other, or stop all that "
            "runs from this checkout first."
        )
    with checkout.worktree(new) as folder:
        _prepare(folder, new, options)
        _change_over(old, new, folder / ".venv", found, options)
    report(f"This is release {new.version}. To return to {old.version}: script/upgrade --back")


def _run_side_by_side(old: Release, new: Release) -> bool:
    """A release's migrations let the minor release before it go on, and no earlier one (docs/contributing.md, “Migrations”)."""
    return new.number[0] == old.number[0] and new.number[1] <= old.number[1] + 1


def roll_back(options: Options) -> None:
    """To the release that the last upgrade replaced. The database keeps what migrations have added."""
    checkout.require_clean()
    if not LAST.is_file():
        raise UpgradeError("No upgrade was made here that could be taken back.")
    last = json.loads(LAST.read_text())
    old = Release(last["ref"], last["version"])
    _restore(old, services.running(options.server_lock), options)
    report(f"This is release {old.version} again.")


def _prepare(folder: Path, new: Release, options: Options) -> None:
    """All that can be done while the old release serves. Raises UpgradeError."""
    _manage(folder, "collectstatic", "--noinput", "--verbosity", "0")
    if options.preflight:
        report("Preflight of the new release:")
        _manage(folder, "preflight", "--upgrade")
    if options.backups:
        _back_up(options.backups)
    report("Migrating the database, beside the release that runs:")
    _manage(folder, "migrate", "--noinput")
    report("Smoke test of the new web server.")
    smoke_test(folder, new.version, options.patience)


def _back_up(place: Path) -> None:
    place.mkdir(parents=True, exist_ok=True)
    before = {*place.iterdir()}
    report("Backup:")
    _manage(ROOT, "backup", str(place))
    for made in {*place.iterdir()} - before:
        _manage(ROOT, "restore", str(made), "--check")


def _manage(folder: Path, *arguments: str) -> None:
    """Run a command of the release in the folder, with the paths of the settings beginning at the checkout."""
    command = [str(folder / ".venv/bin/python"), str(folder / "manage.py"), *arguments]
    if subprocess.run(command, cwd=ROOT, check=False).returncode:
        raise UpgradeError(f"manage.py {arguments[0]} failed: see above.")


def _switch(release: Release, venv: Path) -> None:
    checkout.switch(release, venv)
    _manage(ROOT, "collectstatic", "--noinput", "--verbosity", "0")


def _change_over(old: Release, new: Release, venv: Path, found: list[services.Service], options: Options) -> None:
    report(f"Switching from {old.version} to {new.version}.")
    checkout.forget_previous_venv()
    LAST.write_text(json.dumps(asdict(old)))
    try:
        _switch(new, venv)
        _restart(found, new, options)
    except (UpgradeError, UnhealthyError) as error:
        report(str(error))
        _restore(old, found, options)
        raise UpgradeError(
            f"{new.version} is not healthy. {old.version} runs again; the database stays as it is."
        ) from None


def _restart(found: list[services.Service], release: Release, options: Options) -> None:
    if not found:
        report("Nothing runs from this checkout. Start it.")
    for service in found:
        report(f"Starting again: {service.name}")
        service.restart(release.version, options.patience)


def _restore(old: Release, found: list[services.Service], options: Options) -> None:
    report(f"Returning to {old.version}.")
    _switch(old, PREVIOUS_VENV)
    LAST.unlink()
    try:
        _restart(found, old, options)
    except UnhealthyError as error:
        raise UpgradeError(f"The files are those of {old.version} again. {error}") from None
