"""Text that runs from right to left inside a sentence that does not (Unicode's UAX #9)."""

from typing import Final
from unicodedata import bidirectional

FIRST_STRONG_ISOLATE: Final = "\N{FIRST STRONG ISOLATE}"
POP_DIRECTIONAL_ISOLATE: Final = "\N{POP DIRECTIONAL ISOLATE}"
_REORDERING: Final = frozenset({"R", "AL", "AN", "RLE", "LRE", "RLO", "LRO", "RLI", "LRI", "FSI", "PDI"})
"""Classes of right-to-left letters and digits, and of characters that change the direction of what follows."""
_ISOLATES: Final = dict.fromkeys(map(ord, "\u2066\u2067\u2068\u2069"))


def isolate(text: str) -> str:
    """The text, so that it does not reorder the sentence around it; unchanged where it could not.

    For sentences alone: where a name stands by itself, its element has `dir="auto"`.
    """
    if not any(bidirectional(character) in _REORDERING for character in text):
        return text
    alone = text.translate(_ISOLATES)  # one without its other half would end the isolation early, or leave it open
    return f"{FIRST_STRONG_ISOLATE}{alone}{POP_DIRECTIONAL_ISOLATE}"
