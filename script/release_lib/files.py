"""The files that name the version, as they are for another one."""

import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from release_lib.changelog import with_release

PROJECT: Final = "pyproject.toml"
CHANGELOG: Final = "CHANGELOG.md"
COMPOSE: Final = "deploy/compose.yaml"
IMAGE: Final = "stationbook"


@dataclass(frozen=True)
class Line:
    """The one kind of line in a file that names the version; `pattern` has a group before and one after it."""

    path: str
    pattern: str

    def with_version(self, root: Path, version: str) -> str:
        """The file's text. Raises ValueError where no line of it names a version."""
        text, count = re.subn(self.pattern, rf"\g<1>{version}\g<2>", (root / self.path).read_text(), flags=re.MULTILINE)
        if not count:
            raise ValueError(f"{self.path} names no version.")
        return text


LINES: Final = (
    Line(PROJECT, r'^(version = ")[^"]+(")'),
    Line(COMPOSE, rf"^( *image: {IMAGE}:)\S+()$"),
)


def with_version(root: Path, version: str, day: date) -> dict[str, str]:
    """The text of each file that changes with a release, by its path. Raises ValueError."""
    changelog = with_release((root / CHANGELOG).read_text(), version, day)
    return {CHANGELOG: changelog, **{line.path: line.with_version(root, version) for line in LINES}}
