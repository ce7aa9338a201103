"""All mutations of a source file: one comparison, branch, constant or call changed at a time."""

import ast
import copy
from dataclasses import dataclass
from typing import Final

OPPOSITE: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
SWAPPED_CALLS: Final = {
    "min": "max",
    "max": "min",
    "any": "all",
    "all": "any",
    "filter": "exclude",
    "exclude": "filter",
}


@dataclass(frozen=True)
class Mutation:
    """A change of one place in a file. `line` counts from 1."""

    kind: str
    line: int
    before: str
    after: str
    source: str
    """The whole file with the change."""


def mutations(source: str) -> list[Mutation]:
    """Every mutation of a file, in the order of its lines."""
    finder = _Finder(source)
    finder.visit(ast.parse(source))
    return sorted(finder.found, key=lambda mutation: (mutation.line, mutation.kind, mutation.after))


class _Finder(ast.NodeVisitor):
    """Replaces the text of nodes, so that the rest of the file stays as it is, and line numbers with it."""

    def __init__(self, source: str) -> None:
        self.found: list[Mutation] = []
        self._source, self._lines = source, source.splitlines(keepends=True)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        """Left alone: Python 3.11 gives no true positions within f-strings."""

    def visit_Compare(self, node: ast.Compare) -> None:
        for number, operator in enumerate(node.ops):
            changed = copy.deepcopy(node)
            changed.ops[number] = OPPOSITE[type(operator)]()
            self._replace("comparison", node, f"({ast.unparse(changed)})")
        self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        changed = copy.deepcopy(node)
        changed.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        self._replace("branch", node, f"({ast.unparse(changed)})")
        self.generic_visit(node)

    def visit_If(self, node: ast.If) -> None:
        is_for_types = ast.unparse(node.test) == "TYPE_CHECKING"
        if not is_for_types:
            self._negate(node.test)
            self.generic_visit(node)

    def visit_IfExp(self, node: ast.IfExp) -> None:
        self._negate(node.test)
        self.generic_visit(node)

    def visit_comprehension(self, node: ast.comprehension) -> None:
        for condition in node.ifs:
            self._negate(condition)
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, bool):
            self._replace("constant", node, str(not node.value))
        elif isinstance(node.value, int):
            self._replace("constant", node, str(node.value + 1))

    def visit_Expr(self, node: ast.Expr) -> None:
        if isinstance(node.value, ast.Call):
            self._replace("call", node, "None")
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        if name in SWAPPED_CALLS:
            changed = copy.deepcopy(node)
            if isinstance(changed.func, ast.Name):
                changed.func.id = SWAPPED_CALLS[name]
            elif isinstance(changed.func, ast.Attribute):
                changed.func.attr = SWAPPED_CALLS[name]
            self._replace("call", node, ast.unparse(changed))
        self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value:
            self.visit(node.value)

    def visit_arg(self, node: ast.arg) -> None:
        """Annotations are no behaviour."""

    def _negate(self, condition: ast.expr) -> None:
        self._replace("branch", condition, f"(not ({ast.unparse(condition)}))")

    def _replace(self, kind: str, node: ast.expr | ast.stmt, after: str) -> None:
        before = ast.get_source_segment(self._source, node) or ""
        first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
        head = self._lines[first].encode()[: node.col_offset].decode()
        tail = self._lines[last].encode()[node.end_col_offset or 0 :].decode()
        if "#" in tail and last > first:
            return  # a line that is continued by a backslash holds no comment
        continued = "".join(" \\\n" for _line in range(last - first))
        text = "".join([*self._lines[:first], head, after, continued, tail, *self._lines[last + 1 :]])
        self.found.append(Mutation(kind, node.lineno, " ".join(before.split()), after, text))
