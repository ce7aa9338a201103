"""How what people type about a person is made comparable: emails, phone numbers, names.

Only keyed hashes of these forms are stored (see `accounts.encryption`).
"""

import re
import unicodedata
from typing import Final
from urllib.parse import unquote

import idna
import phonenumbers

from core.invisible_characters import without_invisible

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

_PHONE = re.compile(r"\(*\+?[\s(]*\d[\d\s()./\-]*\Z")
_TEL = re.compile(r"tel:/*", re.IGNORECASE)
"""The scheme of RFC 3966, which comes along where somebody copies a link."""

_DASHES: Final = "−⁃ー"
"""Signs that people use as dashes although Unicode classes them otherwise (minus sign, hyphen bullet, katakana long vowel)."""
_SEPARATORS: Final = str.maketrans(dict.fromkeys("·•∙‧", ".") | dict.fromkeys("⁄∕", "/") | {"[": "(", "]": ")"})


def clean_email(text: str) -> str:
    """The address to store and to write to: as it was typed, without invisible marks."""
    return without_invisible(text).strip()


def looks_like_email(text: str) -> bool:
    return "@" in unicodedata.normalize("NFKC", text)


def email_form(text: str) -> str:
    """What an address is compared by: without case, and with the domain as mail servers know it (`xn--…`)."""
    local, at, domain = unicodedata.normalize("NFKC", clean_email(text)).rpartition("@")
    return f"{_folded(local)}@{_ascii_domain(domain)}" if at else _folded(domain)


def _ascii_domain(domain: str) -> str:
    """By the rules of 2008: to those of 2003, which `casefold` follows, ß is ss and somebody else's domain."""
    if domain.isascii() and "xn--" not in domain.lower():
        return domain.lower()
    try:
        return idna.encode(domain, uts46=True).decode()
    except UnicodeError:
        return _folded(domain)


def earlier_email_form(text: str) -> str:
    """What addresses were compared by up to the first release: customers who have not been indexed again are under it."""
    return _folded(text)


def _folded(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold()
    return unicodedata.normalize("NFKC", folded).strip()


def words(text: str) -> list[str]:
    """The words of a name without accents, case and apostrophes (“O’Neil” is “oneil”), parted by all else.

    Vowel signs stay, for in the scripts that have them a word without them is another one.
    """
    plain = unicodedata.normalize("NFKD", text.translate(_APOSTROPHES))
    folded = unicodedata.normalize("NFKD", plain.casefold()).translate(_NOT_DECOMPOSED)
    bare = "".join(letter for letter in without_invisible(folded) if not unicodedata.combining(letter))
    joined = unicodedata.normalize("NFC", bare)
    return "".join(letter if _is_of_word(letter) else " " for letter in joined).split()


def _is_of_word(letter: str) -> bool:
    return letter.isalnum() or unicodedata.category(letter) in ("Mn", "Mc")


def name_form(text: str) -> str:
    """A whole name to compare; one without any letter is compared as it is written."""
    return " ".join(words(text)) or _folded(text)


def shortest(word: str) -> int:
    """From how many letters on a beginning of this word finds it; a shorter word is found whole."""
    return 1 if _UNSPACED.match(word) else min(MIN_LETTERS, len(word))


def clean_phone(text: str) -> str:
    """A phone as it was written, without invisible marks."""
    return without_invisible(text).strip()


def phone_text(text: str) -> str:
    """A number as it was typed, with plain dashes, dots and blanks, without invisible marks and without `tel:`."""
    written = _plain_number(text)
    scheme = _TEL.match(written)
    return _plain_number(unquote(written[scheme.end() :])) if scheme else written


def _plain_number(text: str) -> str:
    shown = without_invisible(unicodedata.normalize("NFKC", text)).translate(_SEPARATORS)
    return "".join("-" if one in _DASHES or unicodedata.category(one) == "Pd" else one for one in shown).strip()


def phone_digits(text: str) -> str:
    """The digits of any script, as ASCII."""
    return "".join(str(unicodedata.decimal(letter)) for letter in phone_text(text) if letter.isdecimal())


def looks_like_phone(text: str) -> bool:
    """Digits in any spelling, and nothing that no number has."""
    return bool(_PHONE.match(phone_text(text)))


def e164(text: str, country: str) -> str | None:
    """The number as `+` and digits, read as of a country (two letters); None where it is no valid number.

    `00` is read as `+` in countries that dial another prefix, too: it is what most of the world writes.
    """
    written = phone_text(text)
    if not _PHONE.match(written):
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
