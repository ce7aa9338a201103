"""Tries mutations in a copy of the repository, each with the tests that execute the changed line."""

import hashlib
import json
import shutil
import subprocess
import tarfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import Final

from mutate_lib.areas import AREAS, files_of
from mutate_lib.equivalents import is_equivalent
from mutate_lib.executed_lines import ExecutedLines, read_executed_lines, record_executed_lines, state_of
from mutate_lib.mutations import Mutation, mutations
from mutate_lib.pytest_runs import FAILED, INTERRUPTED, NO_TESTS, PASSED, run_listed

FIRST_TESTS: Final = 40
"""So many run first: they start faster than all, and kill most mutations."""
TIMEOUT_SECONDS: Final = 1200


class BrokenTestsError(Exception):
    """The tests of an area fail without a mutation, or could not run."""


@dataclass(frozen=True)
class Candidate:
    """A mutation of a file, with the area it belongs to."""

    area: str
    path: Path
    mutation: Mutation
    number: int
    """Counts those of the file that look the same, from 0."""

    @property
    def key(self) -> str:
        """Identifies the mutation while its statement stays as it is, whatever changes around it."""
        change = self.mutation
        parts = (str(self.path), change.kind, change.statement, change.before, change.after, self.number)
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]

    def __str__(self) -> str:
        change = self.mutation
        return f"{self.path}:{change.line} {change.kind}: {change.before} -> {change.after}"


@dataclass(frozen=True)
class Result:
    key: str
    name: str
    outcome: str
    """killed, timeout, survived or equivalent."""
    by: str
    """The first test that failed."""


def sample_candidates(root: Path, count: int, seed: int) -> list[Candidate]:
    """As many mutations as wanted. A change of the source replaces only those of the changed statements."""
    everything = [
        candidate for area in AREAS for path in files_of(root, area) for candidate in _candidates(root, area, path)
    ]
    return sorted(everything, key=lambda candidate: hashlib.sha256(f"{seed} {candidate.key}".encode()).digest())[:count]


def _candidates(root: Path, area: str, path: Path) -> Iterator[Candidate]:
    seen: Counter[tuple[str, ...]] = Counter()
    for mutation in mutations((root / path).read_text()):
        looks = (mutation.kind, mutation.statement, mutation.before, mutation.after)
        yield Candidate(area, path, mutation, seen[looks])
        seen[looks] += 1


def copy_repository(root: Path, target: Path) -> None:
    """Copy the last commit, with links to the virtual environment and the modules of Node."""
    git = shutil.which("git") or "git"
    archive = subprocess.run([git, "archive", "HEAD"], cwd=root, capture_output=True, check=True).stdout
    with tarfile.open(fileobj=BytesIO(archive)) as opened:
        opened.extractall(target, filter="data")
    for linked in (".venv", "tests/js/node_modules"):
        (target / linked).symlink_to((root / linked).resolve())


def equivalent_result(candidate: Candidate) -> Result | None:
    """The result of a mutation that is listed as equivalent, or None."""
    if is_equivalent(candidate.path, candidate.mutation):
        return Result(candidate.key, str(candidate), "equivalent", "")
    return None


def executed_lines(root: Path, tree: Path, folder: Path) -> ExecutedLines:
    """What each test executes, from a file in the folder if code and tests have not changed since it was written."""
    file = folder / f"executed-{state_of(root)}.sqlite"
    if not file.exists():
        unfinished = folder / "executed-unfinished"
        unfinished.unlink(missing_ok=True)
        code, test = record_executed_lines(tree, unfinished)
        if code != PASSED:
            raise BrokenTestsError(f"Without a mutation, {test or 'pytest'} fails.")
        for old in folder.glob("executed-*.sqlite"):
            old.unlink()
        unfinished.rename(file)
    return read_executed_lines(file)


def require_green_tests(tree: Path, tests: list[str]) -> None:
    code, test = run_listed(tree, tests, timeout_seconds=TIMEOUT_SECONDS)
    if code != PASSED:
        raise BrokenTestsError(f"Without a mutation, {test or 'pytest'} fails.")


def try_candidate(tree: Path, candidate: Candidate, tests: list[str]) -> Result:
    """Run the tests on the mutated file, and restore the file."""
    file = tree / candidate.path
    original = file.read_text()
    file.write_text(candidate.mutation.source)
    try:
        outcome, test = _outcome(tree, tests)
    except BrokenTestsError as error:
        raise BrokenTestsError(f"{error} on {candidate}.") from error
    finally:
        file.write_text(original)
    return Result(candidate.key, str(candidate), outcome, test)


def _outcome(tree: Path, tests: list[str]) -> tuple[str, str]:
    """killed, timeout or survived, and by which test."""
    for chunk in filter(None, (tests[:FIRST_TESTS], tests[FIRST_TESTS:])):
        code, test = run_listed(tree, chunk, timeout_seconds=TIMEOUT_SECONDS)
        if code is None:
            return "timeout", ""
        if code in (FAILED, INTERRUPTED):
            return "killed", test
        if code not in (PASSED, NO_TESTS):
            raise BrokenTestsError(f"pytest ended with {code}")
    return "survived", ""


def read_results(file: Path) -> dict[str, Result]:
    """Results by their keys; none if there is no file yet."""
    lines = file.read_text().splitlines() if file.exists() else []
    return {result.key: result for result in (Result(**json.loads(line)) for line in lines)}


def append_result(file: Path, result: Result) -> None:
    with file.open("a") as opened:
        opened.write(json.dumps(asdict(result)) + "\n")
