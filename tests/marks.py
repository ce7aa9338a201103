"""Personal data of nobody, every word of which can be found again: none of them is a word of the product."""

from typing import Final

MARKS: Final = ("Quillon", "Xanthe", "quillon.x", "23125987", "zebra crossing", "giraffe")
"""Parts of the name, the email, the phone, the wishes and the notes."""

NAME: Final = "Quillon Xanthe"
EMAIL: Final = "quillon.x@example.com"
PHONE: Final = "+49 30 23125987"
WISHES: Final = "zebra crossing"
NOTES: Final = "giraffe"


def marks_in(text: str) -> list[str]:
    return [mark for mark in MARKS if mark.lower() in text.lower()]
