"""Part of a long list of cases in the usual run, another part on each database; all of it in the long one."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, Final, TypeVar

import pytest
from django.db import connection

Case = TypeVar("Case")

SHARES: Final[list[Any]] = [3, pytest.param(1, marks=pytest.mark.long)]
"""What a test is parametrized with: one case in three is asked, or every one."""


def part_of(cases: Iterable[Case], share: int) -> Iterator[Case]:
    """One case in `share`, the same each time."""
    first = 0 if connection.vendor == "sqlite" else 1
    return islice(cases, first % share, None, share)
