"""Characters that nobody sees and that programs leave behind in copied text."""

import unicodedata


def without_invisible(text: str) -> str:
    """The text without zero-width characters, direction marks, soft hyphens and their like (Unicode's format characters)."""
    if text.isascii():
        return text
    return "".join(letter for letter in text if unicodedata.category(letter) != "Cf")
