"""script/release in a repository of its own: what it changes, what it publishes, and what it refuses."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from django.conf import settings

from core.version import VERSION, version_in
from tests.scripts.repositories import commit, git

TAKEN = ("pyproject.toml", "requirements.txt", "deploy/compose.yaml", "core/__init__.py", "core/version.py")
CHANGELOG = "# Changes\n\n## Unreleased\n- Rooms have colours.\n\n## 1.0.0 (2026-01-02)\n- The first one.\n"
GUIDE = "# Upgrading\n\n## To 1.10\nNothing to do.\n"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """On a branch, with changes since 1.9.0."""
    folder = tmp_path / "checkout"
    for name in TAKEN:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(settings.BASE_DIR / name, folder / name)
    shutil.copytree(settings.BASE_DIR / "script/release_lib", folder / "script/release_lib")
    (folder / "docs").mkdir()
    (folder / "docs/upgrading.md").write_text(GUIDE)
    (folder / "CHANGELOG.md").write_text(CHANGELOG)
    (folder / ".gitignore").write_text("var/\n__pycache__/\n")
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "config", "user.name", "Tests")
    git(folder, "config", "user.email", "tests@example.com")
    commit(folder, "Release 1.9.0")
    git(folder, "tag", "v1.9.0")
    return folder


def run(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "release_lib", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder / "script")},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.long  # for the tool validates the list of parts
def test_release_commits_tags_and_publishes(repository: Path) -> None:
    done = run(repository, "1.10.0")

    assert (done.returncode, done.stderr) == (0, "")
    assert git(repository, "log", "-1", "--format=%s", "v1.10.0^{commit}") == "Release 1.10.0"
    assert git(repository, "tag", "--list", "--format=%(contents)", "v1.10.0") == (
        "Stationbook 1.10.0\n\n- Rooms have colours."
    )
    assert git(repository, "status", "--porcelain") == ""
    day = datetime.now(UTC).date()
    assert (repository / "CHANGELOG.md").read_text() == CHANGELOG.replace(
        "## Unreleased\n", f"## Unreleased\n\n## 1.10.0 ({day})\n"
    )
    assert version_in((repository / "pyproject.toml").read_text()) == "1.10.0"
    assert images((repository / "deploy/compose.yaml").read_text()) == {"stationbook:1.10.0"}
    assert_published(repository / "var/releases/1.10.0")


def images(compose: str) -> set[str]:
    services = yaml.safe_load(compose)["services"].values()
    return {service["image"] for service in services if service["image"].startswith("stationbook:")}


def assert_published(folder: Path) -> None:
    assert (folder / "stationbook-1.10.0.md").read_text() == "- Rooms have colours.\n"
    sums = [line.split("  ") for line in (folder / "SHA256SUMS").read_text().splitlines()]
    published = {path.name: path for path in folder.iterdir() if path.name != "SHA256SUMS"}
    assert {name: digest for digest, name in sums} == {
        name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in published.items()
    }
    assert sorted(published) == ["stationbook-1.10.0.cdx.json", "stationbook-1.10.0.md", "stationbook-1.10.0.tar.gz"]
    with tarfile.open(published["stationbook-1.10.0.tar.gz"]) as archive:
        project = archive.extractfile("stationbook-1.10.0/pyproject.toml")
        assert project
        assert version_in(project.read().decode()) == "1.10.0"
    parts = json.loads(published["stationbook-1.10.0.cdx.json"].read_text())
    main = parts["metadata"]["component"]
    assert (parts["bomFormat"], main["name"], main["version"]) == ("CycloneDX", "stationbook", "1.10.0")
    required = (settings.BASE_DIR / "requirements.txt").read_text()
    pinned = {line.split("==")[0] for line in required.splitlines() if "==" in line and not line.startswith(" ")}
    assert {component["name"] for component in parts["components"]} == pinned


def test_dry_run_says_what_it_would_do_and_changes_nothing(repository: Path) -> None:
    before = git(repository, "rev-parse", "HEAD")

    done = run(repository, "1.10.0", "--dry-run")

    assert done.returncode == 0
    assert done.stdout.startswith(
        "Would change CHANGELOG.md, pyproject.toml, deploy/compose.yaml, commit, tag v1.10.0,"
    )
    assert done.stdout.endswith("- Rooms have colours.\n")
    assert (git(repository, "rev-parse", "HEAD"), git(repository, "tag")) == (before, "v1.9.0")
    assert git(repository, "status", "--porcelain", "--ignored=no") == ""
    assert not (repository / "var").exists()


@pytest.mark.parametrize(
    ("version", "sentence"),
    [
        ("1.9.0", "1.9.0 does not follow 1.9.0, which is released."),
        ("1.8.7", "1.8.7 does not follow 1.9.0, which is released."),
        ("1.10", "1.10 is no version. Write it like 1.2.0."),
        ("v1.10.0", "v1.10.0 is no version. Write it like 1.2.0."),
        ("1.11.0", "docs/upgrading.md has no section “To 1.11”. Write what to do when upgrading to it."),
    ],
)
def test_release_of_a_version_that_does_not_follow_is_refused(repository: Path, version: str, sentence: str) -> None:
    done = run(repository, version)

    assert (done.returncode, done.stderr) == (1, f"{sentence}\n")


@pytest.mark.parametrize("name", ["CHANGELOG.md", "new.txt"])
def test_release_of_a_tree_that_is_not_clean_is_refused(repository: Path, name: str) -> None:
    with (repository / name).open("a") as file:
        file.write("- More.\n")

    done = run(repository, "1.10.0")

    assert done.returncode == 1
    assert done.stderr.startswith("The working tree is not clean:\n")
    assert git(repository, "tag") == "v1.9.0"


def test_release_without_a_change_is_refused(repository: Path) -> None:
    (repository / "CHANGELOG.md").write_text(CHANGELOG.replace("- Rooms have colours.\n", ""))
    commit(repository, "Take it back")

    done = run(repository, "1.10.0")

    assert (done.returncode, done.stderr) == (1, "CHANGELOG.md names no change since the last release.\n")


def test_release_whose_parts_cannot_be_listed_leaves_all_as_it_was(repository: Path) -> None:
    (repository / "requirements.txt").unlink()
    commit(repository, "Require nothing")

    done = run(repository, "1.10.0")

    assert (done.returncode != 0, git(repository, "tag"), git(repository, "status", "--porcelain")) == (
        True,
        "v1.9.0",
        "",
    )


def test_compose_names_the_image_of_this_release() -> None:
    assert images((settings.BASE_DIR / "deploy/compose.yaml").read_text()) == {f"stationbook:{VERSION}"}
