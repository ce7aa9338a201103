"""Protects against CSV injection: escapes cells that a spreadsheet would run as formulas, and unescapes them again.

See https://owasp.org/www-community/attacks/CSV_Injection.
"""

# A spreadsheet runs a cell that starts with a formula character. Where cells start depends on the spreadsheet: a German
# or Spanish one splits at semicolons, and ignores quotes inside of what it takes for a cell. So a formula may start
# after any separator, line break or quote in the text, not only at its start.

import re
from typing import Final

_FORMULA: Final = r"=+\-@＝＋－＠﹦﹢﹣﹫"
"""Characters that start a formula: ASCII, full-width and small forms."""
_SEPARATOR: Final = r",;\t\n\r\v\f\x1c-\x1e\x85\u2028\u2029\""
"""Characters after which some spreadsheet may start a cell."""
_BLANK: Final = (
    r"\s\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    r"\U000e0000-\U000e007f"
)
"""What spreadsheets may skip at the start of a cell: white space, control and invisible characters."""

_START: Final = re.compile(rf"[{_FORMULA}\t\r\n]")
_INSIDE: Final = re.compile(rf"(?:\A[{_BLANK}]|[{_SEPARATOR}])[{_BLANK}]*'*(?=[{_FORMULA}])")
_ESCAPED_INSIDE: Final = re.compile(rf"((?:\A[{_BLANK}]|[{_SEPARATOR}])[{_BLANK}]*'*)'(?=[{_FORMULA}])")


def escape(text: str) -> str:
    """The text as a cell that no spreadsheet runs as a formula. Most texts stay unchanged.

    It gets an apostrophe in front, and one before each formula character inside that could start a cell. Existing apostrophes
    are kept, so that `unescape` restores every text exactly.
    """
    body = text.lstrip("'")
    if not _is_dangerous(body):
        return text
    return "'" + text[: len(text) - len(body)] + _INSIDE.sub(r"\g<0>'", body)


def unescape(cell: str) -> str:
    """The text that `escape` made this cell of. Similar cells of other systems stay unchanged."""
    body = cell.lstrip("'")
    if len(body) == len(cell) or not _is_dangerous(body):
        return cell
    return cell[1 : len(cell) - len(body)] + _ESCAPED_INSIDE.sub(r"\1", body)


def _is_dangerous(body: str) -> bool:
    """Whether a text without leading apostrophes could be run as a formula, apart from apostrophes inside of it."""
    return bool(_START.match(body) or _INSIDE.search(body))
