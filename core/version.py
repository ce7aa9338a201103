"""The version of this release, read from `pyproject.toml`, and a parser for versions."""

import re
import tomllib
from pathlib import Path
from typing import Final

Number = tuple[int, int, int]
VERSION_PATTERN: Final = re.compile(r"(0|[1-9]\d*)(\.(0|[1-9]\d*)){2}", re.ASCII)


def version_in(project_file: str) -> str:
    """The version in the text of a `pyproject.toml`. Raises KeyError if it has none."""
    return str(tomllib.loads(project_file)["project"]["version"])


def parse_version(text: str) -> Number:
    """Parse MAJOR.MINOR.PATCH into comparable numbers. Raises ValueError for anything else, such as leading zeros."""
    if not VERSION_PATTERN.fullmatch(text):
        raise ValueError(f"{text} is no version. Write it like 1.2.0.")
    major, minor, patch = map(int, text.split("."))
    return major, minor, patch


def released_versions(tags: str) -> list[str]:
    """The versions among git's tags, which are separated by blanks: a release's tag is `v` and its version."""
    return [tag[1:] for tag in tags.split() if tag.startswith("v") and VERSION_PATTERN.fullmatch(tag[1:])]


VERSION: Final = version_in((Path(__file__).resolve().parents[1] / "pyproject.toml").read_text())
