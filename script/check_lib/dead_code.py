"""Definitions that nothing uses: vulture's findings, without what frameworks, templates and settings reach by name."""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from measure_lib.source import PACKAGES, read_modules
from vulture import Vulture
from vulture.core import Item

from check_lib.framework_names import FRAMEWORK_NAMES

ROOT: Final = Path(__file__).resolve().parents[2]
CODE: Final = (*PACKAGES, "script", "bench", "manage.py")
"""Tests are left out: what only a test uses is dead."""
EXCLUDED: Final = ("*/migrations/*", "*/yardstick/*")
SETTINGS: Final = "config/settings.py"
TAG: Final = re.compile(r"\{[{%].*?[%}]\}")
NAME: Final = re.compile(r"[A-Za-z_]\w*")
STRING: Final = re.compile(r"-?(?:\w+\.)*([A-Za-z_]\w*)")
"""A string that is a name or ends with one: "-created_at", "config.middleware.session_expiry"."""


def unused_definitions(root: Path = ROOT) -> list[str]:
    """What is defined in the product and used nowhere, and what `FRAMEWORK_NAMES` lists without need; a line each."""
    found = [item for item in _findings(root) if not _is_setting(item, root)]
    elsewhere = {*_names_in_templates(root), *_names_in_strings(root)}
    unused = [item for item in found if item.name not in elsewhere | FRAMEWORK_NAMES]
    unneeded = FRAMEWORK_NAMES - {item.name for item in found}
    return [item.get_report() for item in unused] + [
        f"script/check_lib/framework_names.py: {name}" for name in unneeded
    ]


def _findings(root: Path) -> list[Item]:
    vulture = Vulture()
    vulture.scavenge([str(root / name) for name in CODE if (root / name).exists()], exclude=[*EXCLUDED])
    found: list[Item] = vulture.get_unused_code()
    return found


def _is_setting(item: Item, root: Path) -> bool:
    return bool(Path(item.filename).resolve() == root / SETTINGS and item.name.isupper())


def _names_in_templates(root: Path) -> Iterator[str]:
    for path in (*root.glob("templates/**/*"), *root.glob("*/templates/**/*")):
        if path.is_file():
            for tag in TAG.findall(path.read_text()):
                yield from NAME.findall(tag)


def _names_in_strings(root: Path) -> Iterator[str]:
    """Settings name classes by dotted paths, forms and templates name attributes, queries name columns before `__`."""
    for module in read_modules(root).values():
        for node in ast.walk(module.tree):
            if (
                isinstance(node, ast.Constant)
                and isinstance(node.value, str)
                and (found := STRING.fullmatch(node.value))
            ):
                yield found[1]
            elif isinstance(node, ast.keyword) and "__" in (node.arg or ""):
                yield str(node.arg).partition("__")[0]


if __name__ == "__main__":
    if lines := unused_definitions():
        sys.exit("\n".join(["Nothing uses these definitions:", *lines]))
