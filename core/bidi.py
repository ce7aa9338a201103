"""Isolation of right-to-left text in left-to-right sentences (Unicode's UAX #9)."""

from typing import Final
from unicodedata import bidirectional

FIRST_STRONG_ISOLATE: Final = "\N{FIRST STRONG ISOLATE}"
POP_DIRECTIONAL_ISOLATE: Final = "\N{POP DIRECTIONAL ISOLATE}"
_REORDERING: Final = frozenset({"R", "AL", "AN", "RLE", "LRE", "RLO", "LRO", "RLI", "LRI", "FSI", "PDI"})
"""Classes of right-to-left letters and digits, and of characters that change the direction of what follows."""
_ISOLATES: Final = dict.fromkeys(map(ord, "\u2066\u2067\u2068\u2069"))


def isolate(text: str) -> str:
    """Wrap the text, if it needs that, so that it does not reorder the sentence around it.

    For sentences only: an element that shows only a name has `dir="auto"`.
    """
    if not any(bidirectional(character) in _REORDERING for character in text):
        return text
    cleaned = text.translate(_ISOLATES)  # an unbalanced one would end the isolation early or leave it open
    return f"{FIRST_STRONG_ISOLATE}{cleaned}{POP_DIRECTIONAL_ISOLATE}"
