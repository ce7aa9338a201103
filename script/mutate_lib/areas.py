"""Which files are mutated, and in which folders a test should notice."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

AREAS: Final[dict[str, tuple[str, ...]]] = {
    "bookings/services": (
        "tests/bookings/services",
        "tests/bookings/models",
        "tests/bookings/api",
        "tests/bookings/admin",
    ),
    "bookings/audit.py": (
        "tests/accounts/audit",
        "tests/bookings/services",
        "tests/bookings/api",
        "tests/bookings/views",
    ),
    "bookings/mails": ("tests/bookings/mails",),
    "stations": ("tests/stations", "tests/bookings/services", "tests/bookings/api", "tests/bookings/admin"),
    "accounts/customers": ("tests/accounts", "tests/bookings/privacy", "tests/bookings/importing"),
    "accounts/audit": ("tests/accounts", "tests/bookings/services"),
}
"""Folders or files of the product, with the tests of what is done when a module is imported, the nearest first."""


def files_of(root: Path, area: str) -> Iterator[Path]:
    """The Python files of an area, relative to the root, without migrations."""
    found = [root / area] if area.endswith(".py") else sorted((root / area).rglob("*.py"))
    for path in found:
        if "migrations" not in path.parts and path.name != "__init__.py":
            yield path.relative_to(root)
