"""Customers with numbers, by which they can be told apart after any change."""

from accounts.customers import Contact


def name_of(number: int) -> str:
    """One word of it is nobody else's, and the beginning of nobody else's."""
    letters = "".join(chr(ord("a") + int(digit)) for digit in f"{number:05}")
    return f"Ana {letters}"


def email_of(number: int) -> str:
    return f"person{number}@example.com"


def number_of(email: str) -> int:
    return int(email.removeprefix("person").removesuffix("@example.com"))


def contact_of(number: int) -> Contact:
    return Contact(name_of(number), email_of(number), f"+4930{90_000_000 + number}")
