"""Which tests execute which lines of the mutated files. It is recorded once for each state of code and tests."""

import hashlib
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from coverage import CoverageData

from mutate_lib.areas import AREAS
from mutate_lib.mutations import Mutation
from mutate_lib.pytest_runs import run_pytest

TESTS: Final = ("tests/accounts", "tests/bookings", "tests/config", "tests/stations")
"""The tests that are recorded: what lies elsewhere is about other things, or starts servers."""
CODE: Final = ("accounts", "bookings", "config", "core", "stations", "templates", "requirements-dev.txt")

TESTS_PER_MUTATION: Final = 300
"""What the most specific of them do not notice, a walk through all pages hardly does."""


def state_of(root: Path) -> str:
    """A hash of code and tests, as committed."""
    shared = sorted(str(path.relative_to(root)) for path in root.glob("tests/*.py"))
    git = shutil.which("git") or "git"
    trees = subprocess.run(
        [git, "ls-tree", "HEAD", *CODE, *TESTS, *shared], cwd=root, capture_output=True, check=True
    ).stdout
    return hashlib.sha256(trees).hexdigest()[:16]


def record_executed_lines(tree: Path, file: Path) -> tuple[int | None, str]:
    """Run all tests and write what they execute to a file of coverage.py. Gives pytest's code and the first that failed."""
    configuration = file.with_suffix(".ini")
    included = "".join(f"\n    {area}" + "/*" * (not area.endswith(".py")) for area in AREAS)
    configuration.write_text(f"[run]\nrelative_files = true\ndata_file = {file}\ninclude ={included}\n")
    options = ["--cov", f"--cov-config={configuration}", "--cov-context=test", "--cov-report="]
    return run_pytest(tree, [*options, *TESTS], timeout_seconds=None)


@dataclass(frozen=True)
class ExecutedLines:
    """Ids of tests by file and line, and how many lines of the mutated files each test executes."""

    tests: dict[tuple[str, int], frozenset[str]]
    line_counts: Counter[str]

    def tests_for(self, area: str, path: Path, mutation: Mutation) -> list[str]:
        """Those that may notice the mutation: first the file named after the module, then those of its
        folder, and always the most specific ones first."""
        by_line = {line: tests for (file, line), tests in self.tests.items() if file == str(path)}
        near = frozenset[str]().union(*by_line.values())
        if mutation.is_in_function:
            found = frozenset[str]().union(*(by_line.get(line, ()) for line in mutation.lines))
        else:
            found = frozenset(test for test in self.line_counts if test.startswith(AREAS[area]))
        folder = f"tests/{path.parent}/"
        own = f"{folder}test_{path.name}::"
        order = sorted(
            found,
            key=lambda test: (
                not test.startswith(own), not test.startswith(folder), test not in near, self.line_counts[test], test,
            ),
        )  # fmt: skip
        return order[:TESTS_PER_MUTATION]


def read_executed_lines(file: Path) -> ExecutedLines:
    data = CoverageData(str(file))
    data.read()
    tests = {}
    for path in data.measured_files():
        for line, contexts in data.contexts_by_lineno(path).items():
            tests[path, line] = frozenset(_ids(contexts))
    return ExecutedLines(tests, Counter(test for found in tests.values() for test in found))


def _ids(contexts: Iterable[str]) -> set[str]:
    """pytest-cov adds the phase of a test to its id; what runs at import has no context."""
    return {context.rpartition("|")[0] for context in contexts if context}
