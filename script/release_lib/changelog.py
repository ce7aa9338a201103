"""The changelog's sections, one for each release."""

import re
from datetime import date
from typing import Final

UNRELEASED: Final = "## Unreleased\n"


def unreleased(changelog: str) -> str:
    """What changed since the last release; "" for nothing. Raises ValueError where the changelog has no place for that."""
    _before, heading, after = changelog.partition(UNRELEASED)
    if not heading:
        raise ValueError("CHANGELOG.md has no section “Unreleased”.")
    return re.split(r"^## ", after, maxsplit=1, flags=re.MULTILINE)[0].strip()


def with_release(changelog: str, version: str, day: date) -> str:
    """The changelog whose unreleased changes are that version's."""
    return changelog.replace(UNRELEASED, f"{UNRELEASED}\n## {version} ({day})\n", 1)
