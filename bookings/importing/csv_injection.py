"""CSV injection: cells that a spreadsheet would run as formulas are escaped with apostrophes, and read back unchanged.

A spreadsheet runs a cell that begins with a formula character. Where cells begin depends on who opens the file: a German or
Spanish spreadsheet splits at semicolons, and takes no quote for one that stands within what it sees as a cell. So a formula may
begin after any separator, line break or quote inside the text, not only at its start (https://owasp.org/www-community/attacks/CSV_Injection).
"""

import re
from typing import Final

_FORMULA: Final = r"=+\-@＝＋－＠﹦﹢﹣﹫"
"""What a formula begins with: ASCII, full-width and small forms."""
_SEPARATOR: Final = r",;\t\n\r\v\f\x1c-\x1e\x85\u2028\u2029\""
"""After which some spreadsheet may begin a cell."""
_BLANK: Final = (
    r"\s\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    r"\U000e0000-\U000e007f"
)
"""What spreadsheets may skip at the start of a cell: blanks, control characters and invisible ones."""

_START: Final = re.compile(rf"[{_FORMULA}\t\r\n]")
_INSIDE: Final = re.compile(rf"(?:\A[{_BLANK}]|[{_SEPARATOR}])[{_BLANK}]*'*(?=[{_FORMULA}])")
_ESCAPED_INSIDE: Final = re.compile(rf"((?:\A[{_BLANK}]|[{_SEPARATOR}])[{_BLANK}]*'*)'(?=[{_FORMULA}])")


def defused(text: str) -> str:
    """The text as a cell that no spreadsheet runs, wherever it splits the line. Most texts stay as they are.

    One apostrophe is put in front of the whole text, and one more before each formula character inside of it. Apostrophes that
    are there already do not matter: one more is added, so that `undone` gives back every text exactly.
    """
    body = text.lstrip("'")
    if not _is_dangerous(body):
        return text
    return "'" + text[: len(text) - len(body)] + _INSIDE.sub(r"\g<0>'", body)


def undone(cell: str) -> str:
    """The text that `defused` made this cell of. Cells of other systems that only look alike inside stay as they are."""
    body = cell.lstrip("'")
    if len(body) == len(cell) or not _is_dangerous(body):
        return cell
    return cell[1 : len(cell) - len(body)] + _ESCAPED_INSIDE.sub(r"\1", body)


def _is_dangerous(body: str) -> bool:
    """Whether a text that begins with no apostrophe could be run, or could but for apostrophes."""
    return bool(_START.match(body) or _INSIDE.search(body))
