"""A plugin of pytest that runs only the tests that a file lists, by their ids or files. Those that do not exist are ignored."""

from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--listed-tests", type=Path, metavar="FILE", help="run only the tests in this file, one id a line")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    file: Path | None = config.getoption("listed_tests")
    if file is None:
        return
    listed = {*file.read_text().splitlines()}
    selected = [item for item in items if not listed.isdisjoint((item.nodeid, item.nodeid.partition("::")[0]))]
    config.hook.pytest_deselected(items=[item for item in items if item not in selected])
    items[:] = selected
