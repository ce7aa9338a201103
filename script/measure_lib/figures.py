"""The figures themselves, each computed from one source tree."""

import ast
import io
import re
import statistics
import tokenize
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from measure_lib import imports
from measure_lib.source import Module, read_modules

LONGEST_TEMPLATE_LINE: Final = 160
DUPLICATE_LINES: Final = 6
"""How many lines in a row, alike but for white space, count as a duplicate."""
DOCUMENTED_PRIVATE_NAMES: Final = frozenset(
    ["_meta", "_state", "_base_manager", "_default_manager", "_asdict", "_replace", "_fields", "_make", "_exit"]
)
"""Names of Django and the standard library that begin with an underscore and are part of their documented interface."""
THINGS: Final = r"\b(booking|key_ring)$"
"""What ends in -ing and is a thing all the same."""


def figures(root: Path) -> dict[str, str]:
    """Every figure of the source tree at `root`, by its description, formatted."""
    product, tests = read_modules(root), read_modules(root, ("tests",))
    graph = imports.import_graph(product)
    against_order = imports.imports_against_order(graph)
    return {
        "product files": _distribution(module.line_count for module in product.values()),
        "test files": _distribution(module.line_count for module in tests.values()),
        "functions": _distribution(lengths_of_functions(product.values())),
        "comments in 100 lines": f"{comments_in_100_lines(product.values()):.1f}",
        "functions with a docstring": f"{share_with_docstring(product.values()):.0%}",
        "imports against the order": str(sum(map(len, against_order.values()))),
        "import cycles": str(len(imports.cycles(graph))),
        f"template lines over {LONGEST_TEMPLATE_LINE} characters": str(long_template_lines(root)),
        "private names of libraries": str(len(private_names_of_libraries(product.values()))),
        f"duplicates of {DUPLICATE_LINES} lines or more": str(len(duplicates(product.values()))),
        "modules named by an activity (-ing)": str(len(gerunds(product))),
    }


def _distribution(values: Iterable[int]) -> str:
    ordered = sorted(values)
    if not ordered:
        return "none"
    p90 = ordered[min(len(ordered) * 9 // 10, len(ordered) - 1)]
    return f"{len(ordered)}, lines: median {statistics.median(ordered):g}, p90 {p90}, max {ordered[-1]}"


def _functions(modules: Iterable[Module]) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for module in modules:
        yield from (node for node in ast.walk(module.tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def lengths_of_functions(modules: Iterable[Module]) -> list[int]:
    """Lines from `def` to the end, docstring included, decorators not."""
    return [(node.end_lineno or node.lineno) - node.lineno + 1 for node in _functions(modules)]


def share_with_docstring(modules: Iterable[Module]) -> float:
    found = [ast.get_docstring(node) is not None for node in _functions(modules)]
    return sum(found) / max(len(found), 1)


def comments_in_100_lines(modules: Iterable[Module]) -> float:
    """Comment lines for every hundred lines that are not blank; instructions to tools are no comments."""
    comments = lines = 0
    for module in modules:
        lines += sum(bool(line.strip()) for line in module.text.splitlines())
        tokens = tokenize.generate_tokens(io.StringIO(module.text).readline)
        comments += sum(
            token.type == tokenize.COMMENT and not token.string.startswith(("# noqa", "# type:", "#!"))
            for token in tokens
        )
    return 100 * comments / max(lines, 1)


def long_template_lines(root: Path) -> int:
    return sum(
        len(line) > LONGEST_TEMPLATE_LINE
        for pattern in ("templates/**/*", "*/templates/**/*")
        for path in root.glob(pattern)
        if path.is_file()
        for line in path.read_text().splitlines()
    )


def private_names_of_libraries(modules: Iterable[Module]) -> dict[str, set[str]]:
    """Names with one leading underscore that are used but defined nowhere in the product, and the modules that use them."""
    modules = list(modules)
    own = {name for module in modules for node in ast.walk(module.tree) for name in _defined(node)}
    used: dict[str, set[str]] = {}
    for module in modules:
        for node in ast.walk(module.tree):
            for name in _used(node):
                if _is_private(name) and name not in own | DOCUMENTED_PRIVATE_NAMES:
                    used.setdefault(name, set()).add(module.name)
    return used


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name != "_"


def _defined(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.id
    elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
        yield node.attr
    elif isinstance(node, ast.arg):
        yield node.arg
    elif isinstance(node, ast.alias):
        yield node.asname or ""


def _used(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Attribute):
        yield node.attr
    elif isinstance(node, ast.ImportFrom):
        yield from (alias.name for alias in node.names)
        yield from (node.module or "").split(".")


def gerunds(names: Iterable[str]) -> list[str]:
    return [name for name in names if name.endswith("ing") and not re.search(THINGS, name)]


def duplicates(modules: Iterable[Module]) -> list[tuple[str, int]]:
    """The first line of each block of lines that stands somewhere else, too, as (module, line number).

    Imports and blank lines do not count, and a block longer than `DUPLICATE_LINES` counts once.
    """
    windows = {module.name: list(_windows(module)) for module in modules}
    counts = Counter(window for found in windows.values() for _line, window in found)
    repeated: list[tuple[str, int]] = []
    for name, found in windows.items():
        previous = False
        for line, window in found:
            is_repeated = counts[window] > 1
            if is_repeated and not previous:
                repeated.append((name, line))
            previous = is_repeated
    return repeated


def _windows(module: Module) -> Iterator[tuple[int, tuple[str, ...]]]:
    imported = {
        line
        for node in module.tree.body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
    numbered = [
        (number, line.strip())
        for number, line in enumerate(module.text.splitlines(), start=1)
        if line.strip() and number not in imported
    ]
    for start in range(len(numbered) - DUPLICATE_LINES + 1):
        block = numbered[start : start + DUPLICATE_LINES]
        yield block[0][0], tuple(line for _number, line in block)


def details(root: Path) -> Mapping[str, list[str]]:
    """What stands behind the figures that should be low, as lines to print."""
    product = read_modules(root)
    graph = imports.import_graph(product)
    against_order = imports.imports_against_order(graph)
    private = private_names_of_libraries(product.values())
    return {
        "imports against the order": [f"{name}: {', '.join(sorted(found))}" for name, found in against_order.items()],
        "import cycles": [", ".join(sorted(group)) for group in imports.cycles(graph)],
        "private names of libraries": [f"{name}: {', '.join(sorted(found))}" for name, found in private.items()],
        "duplicates": [f"{name}:{line}" for name, line in duplicates(product.values())],
        "modules named by an activity (-ing)": gerunds(product),
    }
