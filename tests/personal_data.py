"""Personal data of an invented customer, in words that occur nowhere else, so that a leak of it can be found."""

from typing import Final

FRAGMENTS: Final = ("Quillon", "Xanthe", "quillon.x", "23125987", "zebra crossing", "giraffe")
"""Parts of the values below."""

NAME: Final = "Quillon Xanthe"
EMAIL: Final = "quillon.x@example.com"
PHONE: Final = "+49 30 23125987"
SPECIAL_REQUESTS: Final = "zebra crossing"
NOTES: Final = "giraffe"


def fragments_in(text: str) -> list[str]:
    return [fragment for fragment in FRAGMENTS if fragment.lower() in text.lower()]
