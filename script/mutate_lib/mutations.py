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
SWAPPED_FUNCTIONS: Final = {"min": "max", "max": "min", "any": "all", "all": "any"}
SWAPPED_METHODS: Final = {"filter": "exclude", "exclude": "filter"}


@dataclass(frozen=True)
class Mutation:
    """A change of one place in a file. Lines count from 1."""

    kind: str
    line: int
    before: str
    after: str
    source: str
    """The whole file with the change."""
    statement: str
    """The line that the changed statement begins with, without indentation."""
    lines: range
    """From the first line of the statement to the last one that changed."""
    is_in_function: bool
    """Otherwise it runs when the module is imported."""


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
        self._statement_line = 1
        self._is_in_function = False

    def visit(self, node: ast.AST) -> None:
        if not isinstance(node, ast.stmt):
            super().visit(node)
            return
        outer, self._statement_line = self._statement_line, node.lineno
        super().visit(node)
        self._statement_line = outer

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        for part in (*node.decorator_list, node.args):
            self.visit(part)
        outer, self._is_in_function = self._is_in_function, True
        for statement in node.body:
            self.visit(statement)
        self._is_in_function = outer

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
        if isinstance(node.func, ast.Name) and node.func.id == "dataclass":
            return  # frozen, slots and kw_only protect the code from mistakes and do nothing for users
        if isinstance(node.func, ast.Name) and node.func.id == "zip":
            for argument in node.args:  # `strict` does the same
                self.visit(argument)
            return
        changed = copy.deepcopy(node)
        if isinstance(changed.func, ast.Name) and changed.func.id in SWAPPED_FUNCTIONS:
            changed.func.id = SWAPPED_FUNCTIONS[changed.func.id]
        elif isinstance(changed.func, ast.Attribute) and changed.func.attr in SWAPPED_METHODS:
            changed.func.attr = SWAPPED_METHODS[changed.func.attr]
        if ast.dump(changed) != ast.dump(node):
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
        statement = self._lines[self._statement_line - 1].strip()
        lines = range(self._statement_line, last + 2)
        self.found.append(
            Mutation(kind, node.lineno, " ".join(before.split()), after, text, statement, lines, self._is_in_function)
        )
