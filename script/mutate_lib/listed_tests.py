"""A plugin of pytest that runs only the tests whose ids a file lists. Ids of tests that do not exist are ignored."""

from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--listed-tests", type=Path, metavar="FILE", help="run only the tests in this file, one id a line")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    file: Path | None = config.getoption("listed_tests")
    if file is None:
        return
    listed = {*file.read_text().splitlines()}
    config.hook.pytest_deselected(items=[item for item in items if item.nodeid not in listed])
    items[:] = [item for item in items if item.nodeid in listed]
