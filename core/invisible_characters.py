"""Characters that nobody sees and that programs leave behind in copied text."""

import re
import unicodedata

_IGNORABLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8\U000e0000-\U000e0fff]"
)
"""Unicode's Default_Ignorable_Code_Point, without those of category Cf: nothing is drawn for them."""


def without_invisible(text: str) -> str:
    """The text without zero-width characters, direction marks, soft hyphens, variation selectors and their like."""
    if text.isascii():
        return text
    return "".join(letter for letter in _IGNORABLE.sub("", text) if unicodedata.category(letter) != "Cf")
