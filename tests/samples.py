"""Samples of long lists of cases: the usual run tests one case in three, each database another third; the long run tests all."""

import os
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, Final, TypeVar

import pytest
from django.db import connection

Case = TypeVar("Case")

IS_FAST: Final = "FAST_TESTS" in os.environ
"""Set by script/test --fast, which tests a quarter of what the usual run does."""
SAMPLE_RATES: Final[list[Any]] = [12 if IS_FAST else 3, pytest.param(1, marks=pytest.mark.long)]
"""Values to parametrize a test with: it tests one case in that many."""


def sample(cases: Iterable[Case], one_in: int) -> Iterator[Case]:
    """One case in `one_in`, the same ones each time."""
    first = 0 if connection.vendor == "sqlite" else 1
    return islice(cases, first % one_in, None, one_in)


def example_count(usual: int) -> int:
    """How many examples Hypothesis shall try where the usual run tries that many."""
    return max(usual // 4, 2) if IS_FAST else usual
