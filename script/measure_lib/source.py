"""The product's Python modules in a source tree, parsed."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

PACKAGES: Final = ("core", "stations", "accounts", "bookings", "config")
"""The product's packages in the order of imports: each may import itself and those before it."""


@dataclass(frozen=True)
class Module:
    """A Python file, by its dotted name."""

    name: str
    path: Path

    @cached_property
    def text(self) -> str:
        return self.path.read_text()

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @property
    def line_count(self) -> int:
        return len(self.text.splitlines())


def read_modules(root: Path, packages: tuple[str, ...] = PACKAGES) -> dict[str, Module]:
    """The modules of the packages below `root` by their dotted names, without migrations."""
    return {module.name: module for package in packages for module in _modules_below(root, root / package)}


def _modules_below(root: Path, folder: Path) -> Iterator[Module]:
    for path in sorted(folder.rglob("*.py")):
        if "migrations" not in path.parts and "node_modules" not in path.parts:
            yield Module(".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__"), path)
