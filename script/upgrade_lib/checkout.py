"""The git checkout: which release it is at, which ones there are, and how it gets to another."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from core.version import Number, parse_version, released_versions, version_in
from upgrade_lib.errors import UpgradeError
from upgrade_lib.programs import run

ROOT: Final = Path(__file__).resolve().parents[2]
WORK: Final = ROOT / "var" / "upgrade"
"""Beside the checkout's files, so that folders can be moved between the two."""
PREVIOUS_VENV: Final = WORK / "previous-venv"


@dataclass(frozen=True)
class Release:
    ref: str
    """What git calls it: a branch, a tag or a commit."""
    version: str

    @property
    def number(self) -> Number:
        return parse_version(self.version)


def git(*arguments: str) -> str:
    done = run("git", *arguments, folder=ROOT)
    if done.returncode:
        raise UpgradeError(f"git {arguments[0]} failed: {done.stderr.strip()}")
    return done.stdout.strip()


def require_clean() -> None:
    if changed := git("status", "--porcelain", "--untracked-files=no"):
        raise UpgradeError(f"Files of this checkout were changed:\n{changed}\nCommit them, or put them back.")


def current() -> Release:
    branch = git("rev-parse", "--abbrev-ref", "HEAD")
    ref = git("rev-parse", "HEAD") if branch == "HEAD" else branch
    return Release(ref, _version_at("HEAD"))


def find_release(version: str | None) -> Release:
    """The release of that version, or the newest one. Raises UpgradeError where there is none."""
    if git("remote"):
        git("fetch", "--tags", "--quiet")
    if version is None:
        versions = released_versions(git("tag", "--list"))
        if not versions:
            raise UpgradeError("There is no release: git knows no tag such as v1.0.0.")
        version = max(versions, key=parse_version)
    if not git("tag", "--list", f"v{version}"):
        raise UpgradeError(f"There is no release {version}: git knows no tag v{version}.")
    return Release(f"v{version}", _version_at(f"v{version}"))


def _version_at(ref: str) -> str:
    try:
        return version_in(git("show", f"{ref}:pyproject.toml"))
    except KeyError:
        raise UpgradeError(f"{ref} is of before 1.0, when releases had no version. See docs/upgrading.md.") from None


@contextmanager
def worktree(release: Release) -> Iterator[Path]:
    """The files of the release in a folder of their own, with a virtual environment; they are removed afterwards."""
    folder = WORK / "release"
    _remove(folder)
    git("worktree", "prune")
    git("worktree", "add", "--quiet", "--detach", str(folder), release.ref)
    try:
        if _requirements(folder) == _requirements(ROOT):
            (folder / ".venv").symlink_to(ROOT / ".venv")
        else:
            _install(folder)
        yield folder
    finally:
        _remove(folder)
        git("worktree", "prune")


def _requirements(folder: Path) -> bytes:
    return (folder / "requirements.txt").read_bytes()


def _install(folder: Path) -> None:
    """By the release's own way: its scripts know what it needs."""
    install = '. "$(dirname "$0")/_setup.sh"; install_requirements requirements.txt'
    done = run("bash", "-euc", install, "script/upgrade", folder=folder)
    if done.returncode:
        raise UpgradeError(f"What the release requires could not be installed:\n{done.stderr.strip()}")


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)


def forget_previous_venv() -> None:
    _remove(PREVIOUS_VENV)


def switch(release: Release, venv: Path) -> None:
    """Put the release's files into the checkout. If `venv` is a folder, it replaces the checkout's, which is kept."""
    git("checkout", "--quiet", release.ref)
    if venv.is_dir() and not venv.is_symlink():
        aside = WORK / "venv-in-use"
        (ROOT / ".venv").rename(aside)
        venv.rename(ROOT / ".venv")
        aside.rename(PREVIOUS_VENV)
