"""How what people type about a person is made comparable: e-mails, telephone numbers, names.

Only keyed hashes of these forms are stored (see `accounts.encryption`).
"""

import re
import unicodedata
from typing import Final

import phonenumbers

MIN_LETTERS: Final = 3
LAST_DIGITS: Final = 4

_APOSTROPHES = dict.fromkeys(map(ord, "'’‘‛ʼʻʹ′`´＇"))
_NOT_DECOMPOSED = str.maketrans(
    {
        "æ": "ae", "œ": "oe", "ø": "o", "ð": "d", "đ": "d", "ɖ": "d", "þ": "th", "ł": "l", "ħ": "h", "ı": "i",
        "ŋ": "n", "ŧ": "t", "ɓ": "b", "ɗ": "d", "ɛ": "e", "ǝ": "e", "ə": "e", "ɔ": "o", "ƒ": "f", "ɣ": "g",
        "ɨ": "i", "ƙ": "k", "ɲ": "n", "ɩ": "i", "ʋ": "v", "ƴ": "y", "ƶ": "z", "ĸ": "k",
    }
)  # fmt: skip
"""Letters that Unicode does not take apart into a plain one and a mark."""

_UNSPACED = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]")
"""Han, kana and Hangul: a whole name is three of these or four, and a family name one."""

_PHONE = re.compile(r"[+(]?[(\d][\d\s()./\-–]*\Z")


def email_form(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold()
    return unicodedata.normalize("NFKC", folded).strip()


def words(text: str) -> list[str]:
    """The words of a name without accents, case and apostrophes (“O’Neil” is “oneil”), parted by all else.

    Vowel signs stay, for in the scripts that have them a word without them is another one.
    """
    plain = unicodedata.normalize("NFKD", text.translate(_APOSTROPHES))
    folded = unicodedata.normalize("NFKD", plain.casefold()).translate(_NOT_DECOMPOSED)
    bare = "".join(
        letter for letter in folded if not unicodedata.combining(letter) and unicodedata.category(letter) != "Cf"
    )
    joined = unicodedata.normalize("NFC", bare)
    return "".join(letter if _is_of_word(letter) else " " for letter in joined).split()


def _is_of_word(letter: str) -> bool:
    return letter.isalnum() or unicodedata.category(letter) in ("Mn", "Mc")


def name_form(text: str) -> str:
    """A whole name to compare; one without any letter is compared as it is written."""
    return " ".join(words(text)) or email_form(text)


def shortest(word: str) -> int:
    """From how many letters on a beginning of this word finds it; a shorter word is found whole."""
    return 1 if _UNSPACED.match(word) else min(MIN_LETTERS, len(word))


def phone_digits(text: str) -> str:
    """The digits of any script, as ASCII."""
    return "".join(str(unicodedata.decimal(letter)) for letter in text if letter.isdecimal())


def looks_like_phone(text: str) -> bool:
    """Digits in any spelling, and nothing that no number has."""
    return bool(_PHONE.match(unicodedata.normalize("NFKC", text).strip()))


def e164(text: str, country: str) -> str | None:
    """The number as `+` and digits, read as of a country (two letters); None where it is no valid number.

    `00` is read as `+` in countries that dial another prefix, too: it is what most of the world writes.
    """
    written = unicodedata.normalize("NFKC", text).strip()
    if not looks_like_phone(written):
        return None
    digits = phone_digits(written)
    return _parsed(written, country) or (_parsed("+" + digits[2:], country) if digits[:2] == "00" else None)


def _parsed(text: str, country: str) -> str | None:
    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def phone_form(text: str, country: str) -> str:
    """What a number is compared by: E.164, or its digits where it is no valid number; else ""."""
    return e164(text, country) or phone_digits(text)


def phone_forms(text: str, country: str) -> set[str]:
    """What digits may mean in a search: read as of the country, with their `+` left out, or as they stand."""
    digits = phone_digits(text)
    return {form for form in (e164(text, country), e164("+" + digits, country), digits) if form}


def initials(name: str) -> str:
    """“Ana-María García” is “A. G.”: all that somebody without the right to PII sees of a customer."""
    firsts = (
        next((letter for letter in word if letter.isalnum()), "") for word in unicodedata.normalize("NFC", name).split()
    )
    return " ".join(f"{first.upper()}." for first in firsts if first)
