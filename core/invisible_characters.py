"""Invisible characters that programs leave in copied text."""

import re
import unicodedata

_IGNORABLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8\U000e0000-\U000e0fff]"
)
"""Unicode's Default_Ignorable_Code_Point, without those of category Cf."""


def without_invisible(text: str) -> str:
    """Remove zero-width characters, direction marks, soft hyphens, variation selectors and the like."""
    if text.isascii():
        return text
    return "".join(letter for letter in _IGNORABLE.sub("", text) if unicodedata.category(letter) != "Cf")
