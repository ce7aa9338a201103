"""Runs pytest in a copy of the repository."""

import os
import re
import subprocess
from pathlib import Path
from typing import Final

OPTIONS: Final = (
    "-x", "-q", "-p", "no:cacheprovider", "-p", "mutate_lib.listed_tests", "-m", "not long and not browser and not race",
    "-o", "faulthandler_timeout=60",
)  # fmt: skip
PASSED: Final = 0
FAILED: Final = 1
INTERRUPTED: Final = 2
"""A test module could not be imported."""
USAGE_ERROR: Final = 4
NO_TESTS: Final = 5


def run_pytest(tree: Path, arguments: list[str], *, timeout_seconds: float | None) -> tuple[int | None, str]:
    """pytest's exit code, None after the timeout or if one test hung, and the first test that failed."""
    unwanted = ("DATABASE_URL", "PYTHONDONTWRITEBYTECODE")
    environment = {name: value for name, value in os.environ.items() if name not in unwanted}
    try:
        done = subprocess.run(
            [str(tree / ".venv/bin/python"), "-m", "pytest", *OPTIONS, *arguments],
            cwd=tree, env={**environment, "FAST_TESTS": "1", "PYTHONPATH": "script"}, capture_output=True, text=True,
            check=False, timeout=timeout_seconds,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return None, ""
    if "Timeout (" in done.stderr:  # from faulthandler
        return None, ""
    if done.returncode == USAGE_ERROR and "while loading conftest" in done.stderr:
        return INTERRUPTED, "tests/conftest.py"
    failed = re.search(r"^(?:FAILED|ERROR) (\S+\.py\S*.*?)(?: - .*)?$", done.stdout, re.MULTILINE)
    return done.returncode, failed.group(1) if failed else ""


def run_listed(tree: Path, tests: list[str], *, timeout_seconds: float) -> tuple[int | None, str]:
    """Run the tests with these ids."""
    listed = tree / "listed-tests"
    listed.write_text("\n".join(tests))
    files = dict.fromkeys(test.partition("::")[0] for test in tests)
    return run_pytest(tree, [f"--listed-tests={listed}", *files], timeout_seconds=timeout_seconds)
