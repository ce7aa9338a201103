"""Runs the nearest tests of each mutation, in a copy of the repository."""

import hashlib
import json
import os
import random
import shutil
import subprocess
import tarfile
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import Final

from mutate_lib.areas import AREAS, files_of, tests_for
from mutate_lib.mutations import Mutation, mutations

PYTEST: Final = ("-x", "-q", "-p", "no:cacheprovider", "-m", "not long and not browser and not race")
TIMEOUT_SECONDS: Final = 1800
"""A mutation that makes tests run longer than this, as an endless loop does, counts as killed."""
PASSED: Final = 0
FAILED: Final = 1
INTERRUPTED: Final = 2
"""A test module could not be imported."""


class BrokenTestsError(Exception):
    """The tests of an area fail without a mutation, or could not run."""


@dataclass(frozen=True)
class Candidate:
    """A mutation of a file, with the area it belongs to."""

    area: str
    path: Path
    mutation: Mutation

    @property
    def key(self) -> str:
        """Identifies the mutated file, so that a mutation that was tried is not tried again."""
        return hashlib.sha256(f"{self.path}\n{self.mutation.source}".encode()).hexdigest()[:16]

    def __str__(self) -> str:
        change = self.mutation
        return f"{self.path}:{change.line} {change.kind}: {change.before} -> {change.after}"


@dataclass(frozen=True)
class Result:
    key: str
    name: str
    outcome: str
    """killed, timeout or survived."""
    by: str
    """The first test that failed."""


def sample_candidates(root: Path, count: int, seed: int) -> list[Candidate]:
    """The same sample for the same source, count and seed."""
    everything = [
        Candidate(area, path, mutation)
        for area in AREAS
        for path in files_of(root, area)
        for mutation in mutations((root / path).read_text())
    ]
    return random.Random(seed).sample(everything, min(count, len(everything)))  # noqa: S311  # nosec B311


def copy_repository(root: Path, target: Path) -> None:
    """Copy the last commit, with links to the virtual environment and the modules of Node."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    git = shutil.which("git") or "git"
    archive = subprocess.run([git, "archive", "HEAD"], cwd=root, capture_output=True, check=True).stdout
    with tarfile.open(fileobj=BytesIO(archive)) as opened:
        opened.extractall(target, filter="data")
    for linked in (".venv", "tests/js/node_modules"):
        (target / linked).symlink_to((root / linked).resolve())


def run_tests(tree: Path, tests: list[str]) -> tuple[int | None, str]:
    """pytest's exit code, None after the timeout, and the first test that failed."""
    environment = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "PYTHONPATH")}
    try:
        done = subprocess.run(
            [str(tree / ".venv/bin/python"), "-m", "pytest", *PYTEST, *tests],
            cwd=tree, env={**environment, "FAST_TESTS": "1"}, capture_output=True, text=True, check=False,
            timeout=TIMEOUT_SECONDS,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return None, ""
    failed = [line for line in done.stdout.splitlines() if line.startswith(("FAILED ", "ERROR "))]
    return done.returncode, failed[0].split(" ")[1] if failed else ""


def require_green_tests(tree: Path, areas: set[str]) -> None:
    for area in sorted(areas):
        code, test = run_tests(tree, [*AREAS[area]])
        if code != PASSED:
            raise BrokenTestsError(f"Without a mutation, {test or 'pytest'} fails in {area}.")


def try_candidate(tree: Path, candidate: Candidate) -> Result:
    """Run the tests on the mutated file, and restore the file."""
    file = tree / candidate.path
    original = file.read_text()
    file.write_text(candidate.mutation.source)
    try:
        code, test = run_tests(tree, tests_for(tree, candidate.area, candidate.path))
    finally:
        file.write_text(original)
    outcomes = {PASSED: "survived", FAILED: "killed", INTERRUPTED: "killed", None: "timeout"}
    if code not in outcomes:
        raise BrokenTestsError(f"pytest ended with {code} on {candidate}.")
    return Result(candidate.key, str(candidate), outcomes[code], test)


def read_results(file: Path) -> dict[str, Result]:
    """Results by their keys; none if there is no file yet."""
    lines = file.read_text().splitlines() if file.exists() else []
    return {result.key: result for result in (Result(**json.loads(line)) for line in lines)}


def append_result(file: Path, result: Result) -> None:
    with file.open("a") as opened:
        opened.write(json.dumps(asdict(result)) + "\n")
