"""The command line of script/release."""

import re
import shutil
import subprocess
import sys
from argparse import ArgumentParser
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

from core.version import VERSION, parse_version, released_versions
from release_lib import artifacts, changelog, files

ROOT: Final = Path(__file__).resolve().parents[2]
GUIDE: Final = "docs/upgrading.md"


class ReleaseError(Exception):
    """Nothing was released; the sentence says why."""


def git(*arguments: str) -> str:
    done = subprocess.run(
        [shutil.which("git") or "git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ReleaseError(f"git {arguments[0]} failed: {done.stderr.strip()}")
    return done.stdout.strip()


def require_releasable(version: str) -> None:
    number = parse_version(version)
    if changed := git("status", "--porcelain"):
        raise ReleaseError(f"The working tree is not clean:\n{changed}\nCommit or remove that first.")
    if git("rev-parse", "--abbrev-ref", "HEAD") == "HEAD":
        raise ReleaseError("No branch is checked out. A release is a commit on one.")
    released = released_versions(git("tag", "--list"))
    if later := [one for one in released if parse_version(one) >= number]:
        raise ReleaseError(f"{version} does not follow {max(later, key=parse_version)}, which is released.")
    if not changelog.unreleased((ROOT / files.CHANGELOG).read_text()):
        raise ReleaseError(f"{files.CHANGELOG} names no change since the last release.")
    minor = "{}.{}".format(*number)
    if not re.search(rf"^## To {re.escape(minor)}\b", (ROOT / GUIDE).read_text(), re.MULTILINE):
        raise ReleaseError(f"{GUIDE} has no section “To {minor}”. Write what to do when upgrading to it.")


def release(version: str, day: date, *, is_dry_run: bool) -> None:
    """Raises ReleaseError, ValueError or CalledProcessError; the working tree is as it was then."""
    require_releasable(version)
    notes = changelog.unreleased((ROOT / files.CHANGELOG).read_text())
    changed = files.with_version(ROOT, version, day)
    folder = ROOT / "var/releases" / version
    if is_dry_run:
        print(
            f"Would change {', '.join(changed)}, commit, tag v{version}, and fill {folder} for {files.IMAGE}:{version}:\n"
        )
        print(notes)
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    commit(version, notes, changed, folder, day)
    write_artifacts(version, notes, folder)
    print(f"Released {version} in {folder}. Next: git push --follow-tags; docker build -t {files.IMAGE}:{version} .")


def commit(version: str, notes: str, changed: dict[str, str], folder: Path, day: date) -> None:
    """The list of parts is made before the commit, so that whatever is wrong with it stops the release."""
    try:
        for path, text in changed.items():
            (ROOT / path).write_text(text)
        artifacts.write_sbom(ROOT, folder / f"stationbook-{version}.cdx.json", day)
        git("commit", "--quiet", "--message", f"Release {version}", "--", *changed)
    except (ReleaseError, OSError, subprocess.CalledProcessError):
        git("checkout", "--quiet", "HEAD", "--", *changed)
        raise
    git("tag", "--annotate", "--cleanup=verbatim", "--message", f"Stationbook {version}\n\n{notes}", f"v{version}")


def write_artifacts(version: str, notes: str, folder: Path) -> None:
    name = f"stationbook-{version}"
    (folder / f"{name}.md").write_text(f"{notes}\n")
    git("archive", f"--prefix={name}/", f"--output={folder / name}.tar.gz", f"v{version}")
    artifacts.write_checksums(folder)


parser = ArgumentParser(
    "script/release",
    description="Makes a release: version, changelog and image name in a commit with a tag; in var/releases its source, the "
    "list of its parts (CycloneDX), notes and checksums.",
)
parser.add_argument(
    "version", nargs="?", default=VERSION, help=f"such as 1.2.0; without it, {VERSION} of pyproject.toml"
)
parser.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")
wanted = parser.parse_args()
try:
    release(wanted.version, datetime.now(UTC).date(), is_dry_run=wanted.dry_run)
except (ReleaseError, ValueError, subprocess.CalledProcessError) as error:
    sys.exit(str(error))
