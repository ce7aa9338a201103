"""Which module imports which, and where that runs against the order or in a circle."""

import ast
from collections.abc import Iterator, Mapping

from measure_lib.source import PACKAGES, Module

Graph = Mapping[str, set[str]]
"""The product's own modules that each module imports."""


def import_graph(modules: Mapping[str, Module]) -> dict[str, set[str]]:
    """Imports inside functions and for the type checker alone count as well."""
    return {
        name: {found for node in ast.walk(module.tree) for found in _imported(node, modules)} - {name}
        for name, module in modules.items()
    }


def _imported(node: ast.AST, modules: Mapping[str, Module]) -> Iterator[str]:
    """Of `from package import module`, the module and not its package."""
    found: list[str] = []
    if isinstance(node, ast.Import):
        found = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom) and node.module:
        inner = [f"{node.module}.{alias.name}" for alias in node.names]
        found = [name if name in modules else node.module for name in inner]
    yield from (name for name in found if name in modules)


def imports_against_order(graph: Graph) -> dict[str, set[str]]:
    """For each module at fault, what it imports from a package that comes later in `PACKAGES`."""
    order = {package: number for number, package in enumerate(PACKAGES)}
    wrong = {
        name: {one for one in found if order[_package(one)] > order[_package(name)]} for name, found in graph.items()
    }
    return {name: against for name, against in wrong.items() if against}


def _package(name: str) -> str:
    return name.partition(".")[0]


def cycles(graph: Graph) -> list[set[str]]:
    """Groups of modules that import each other, directly or through others."""
    reached = {name: _reached(name, graph) for name in graph}
    groups = {frozenset(other for other in found if name in reached[other]) for name, found in reached.items()}
    return [set(group) for group in groups if group]


def _reached(start: str, graph: Graph) -> set[str]:
    found: set[str] = set()
    waiting = [start]
    while waiting:
        new = graph.get(waiting.pop(), set()) - found
        found |= new
        waiting += new
    return found
