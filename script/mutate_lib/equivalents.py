"""Mutations that change nothing that a test could notice, with the reason."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mutate_lib.mutations import Mutation, mutations


@dataclass(frozen=True)
class Equivalent:
    """A mutation, by its file, the line that its statement begins with, and its text before and after."""

    path: str
    statement: str
    before: str
    after: str
    reason: str

    def is_for(self, path: Path, mutation: Mutation) -> bool:
        return (self.path, self.statement, self.before, self.after) == (
            str(path),
            mutation.statement,
            mutation.before,
            mutation.after,
        )


EQUIVALENTS: Final[tuple[Equivalent, ...]] = (
    Equivalent(
        "bookings/mails/senders.py",
        "if time.monotonic() < self._paused_until:",
        "time.monotonic() < self._paused_until",
        "(time.monotonic() <= self._paused_until)",
        "No test meets the very nanosecond at which a pause ends.",
    ),
    Equivalent(
        "bookings/services/common.py",
        "with sql.pipeline(flush_on_commit=True):",
        "True",
        "False",
        "On PostgreSQL it saves the wait for the last statements before the COMMIT, which docs/performance.md measures.",
    ),
)


def is_equivalent(path: Path, mutation: Mutation) -> bool:
    return any(known.is_for(path, mutation) for known in EQUIVALENTS)


def stale_equivalents(root: Path) -> list[Equivalent]:
    """Those for which there is no mutation: the code has changed, and the reason may not hold."""
    return [
        known
        for known in EQUIVALENTS
        if not any(known.is_for(Path(known.path), found) for found in mutations((root / known.path).read_text()))
    ]
