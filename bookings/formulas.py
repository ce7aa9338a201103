"""Cells that a spreadsheet would run as formulas, defused with an apostrophe, and the apostrophe taken off
again.
"""

import re

_RUN = re.compile(r"'*[=+\-@\t\r]")


def defused(text: str) -> str:
    """The text as a cell that every spreadsheet shows and none runs. Most texts stay as they are."""
    return f"'{text}" if _RUN.match(text) else text


def undone(cell: str) -> str:
    """What was defused, as it was: exact even for texts that truly begin with an apostrophe."""
    return cell[1:] if cell.startswith("'") and _RUN.match(cell) else cell
