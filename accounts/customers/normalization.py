"""Normalization of emails, phone numbers and names, for comparison and search.

Of normalized values only keyed hashes are stored (see `accounts.encryption`).
"""

import re
import unicodedata
from typing import Final
from urllib.parse import unquote

import idna
import phonenumbers

from core.invisible_characters import without_invisible

MIN_PREFIX_LETTERS: Final = 3
LAST_DIGITS: Final = 4
LOCAL_DIGITS: Final = 7
"""The digits of a phone number within its area, as Americans say it: 555 0143."""

_APOSTROPHES = dict.fromkeys(map(ord, "'’‘‛ʼʻʹ′`´＇"))
_UNDECOMPOSED_LETTERS = str.maketrans(
    {
        "æ": "ae", "œ": "oe", "ø": "o", "ð": "d", "đ": "d", "ɖ": "d", "þ": "th", "ł": "l", "ħ": "h", "ı": "i",
        "ŋ": "n", "ŧ": "t", "ɓ": "b", "ɗ": "d", "ɛ": "e", "ǝ": "e", "ə": "e", "ɔ": "o", "ƒ": "f", "ɣ": "g",
        "ɨ": "i", "ƙ": "k", "ɲ": "n", "ɩ": "i", "ʋ": "v", "ƴ": "y", "ƶ": "z", "ĸ": "k",
    }
)  # fmt: skip
"""Letters that Unicode does not decompose into a plain letter and a mark."""

_UNSPACED = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]")
"""Han, kana and Hangul: a whole name has three or four of these, a family name often one."""

_PHONE = re.compile(r"\(*\+?[\s(]*\d[\d\s()./\-]*\Z")
_TEL = re.compile(r"tel:/*", re.IGNORECASE)
"""The scheme of RFC 3966, which copied links contain."""

_DASHES: Final = "−⁃ー"
"""Characters used as dashes that Unicode does not classify so (minus sign, hyphen bullet, katakana long vowel)."""
_SEPARATORS: Final = str.maketrans(dict.fromkeys("·•∙‧", ".") | dict.fromkeys("⁄∕", "/") | {"[": "(", "]": ")"})


def clean_email(text: str) -> str:
    """The address to store and to send to: as typed, without invisible characters."""
    return without_invisible(text).strip()


def looks_like_email(text: str) -> bool:
    return "@" in unicodedata.normalize("NFKC", text)


def normalize_email(text: str) -> str:
    """The form in which addresses are compared: case folded, with the domain as mail servers know it (`xn--…`)."""
    local, at, domain = unicodedata.normalize("NFKC", clean_email(text)).rpartition("@")
    return f"{_fold(local)}@{_ascii_domain(domain)}" if at else _fold(domain)


def _ascii_domain(domain: str) -> str:
    """By the rules of IDNA 2008. In IDNA 2003, which `casefold` follows, ß becomes ss, which is another domain."""
    if domain.isascii() and "xn--" not in domain.lower():
        return domain.lower()
    try:
        return idna.encode(domain, uts46=True).decode()
    except UnicodeError:
        return _fold(domain)


def is_whole_email(text: str) -> bool:
    """Whether an address is complete, as far as one can tell while it is typed: its domain has a dot."""
    _local, at, domain = normalize_email(text).rpartition("@")
    return bool(at) and "." in domain


def normalize_email_legacy(text: str) -> str:
    """The form up to the first release, under which customers are indexed that were not reindexed since."""
    return _fold(text)


def _fold(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold()
    return unicodedata.normalize("NFKC", folded).strip()


def name_words(text: str) -> list[str]:
    """The words of a name, without accents, case and apostrophes (“O’Neil” is “oneil”), split at anything else.

    Vowel signs are kept, because they distinguish words in the scripts that have them.
    """
    plain = unicodedata.normalize("NFKD", text.translate(_APOSTROPHES))
    folded = unicodedata.normalize("NFKD", plain.casefold()).translate(_UNDECOMPOSED_LETTERS)
    bare = "".join(letter for letter in without_invisible(folded) if not unicodedata.combining(letter))
    joined = unicodedata.normalize("NFC", bare)
    return "".join(letter if _is_word_character(letter) else " " for letter in joined).split()


def _is_word_character(letter: str) -> bool:
    return letter.isalnum() or unicodedata.category(letter) in ("Mn", "Mc")


def normalize_name(text: str) -> str:
    """The form in which whole names are compared. One without any letter is compared as it is written."""
    return " ".join(name_words(text)) or _fold(text)


def min_prefix_length(word: str) -> int:
    """The length of the shortest prefix that finds this word. A shorter word is found as a whole."""
    return 1 if _UNSPACED.match(word) else min(MIN_PREFIX_LETTERS, len(word))


def is_prefix(word: str) -> bool:
    """Whether a word of a search is long enough for a prefix of any name; shorter ones are initials or whole short words."""
    return len(word) >= (1 if _UNSPACED.match(word) else MIN_PREFIX_LETTERS)


def clean_phone(text: str) -> str:
    """A phone number as typed, without invisible characters."""
    return without_invisible(text).strip()


def plain_phone(text: str) -> str:
    """A phone number with plain dashes, dots and spaces, and without invisible characters and `tel:`."""
    written = _plain_number(text)
    scheme = _TEL.match(written)
    return _plain_number(unquote(written[scheme.end() :])) if scheme else written


def _plain_number(text: str) -> str:
    shown = without_invisible(unicodedata.normalize("NFKC", text)).translate(_SEPARATORS)
    return "".join("-" if one in _DASHES or unicodedata.category(one) == "Pd" else one for one in shown).strip()


def phone_digits(text: str) -> str:
    """The digits, of any script, as ASCII."""
    return "".join(str(unicodedata.decimal(letter)) for letter in plain_phone(text) if letter.isdecimal())


def looks_like_phone(text: str) -> bool:
    """Whether a text consists of digits and characters used in phone numbers."""
    return bool(_PHONE.match(plain_phone(text)))


def e164(text: str, country: str) -> str | None:
    """The number in E.164 format, parsed for a country (two letters); None if it is not a valid number.

    `00` is also read as `+` in countries with another international prefix, because most of the world writes it so.
    """
    written = plain_phone(text)
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


def normalize_phone(text: str, country: str) -> str:
    """The form in which numbers are compared: E.164, or the digits of an invalid number; "" without digits."""
    return e164(text, country) or phone_digits(text)


def possible_phones(text: str, country: str) -> set[str]:
    """The numbers that a search may mean: in the format of the country, international without `+`, or the digits as typed."""
    digits = phone_digits(text)
    return {form for form in (e164(text, country), e164("+" + digits, country), digits) if form}


def initials(name: str) -> str:
    """“A. G.” for “Ana-María García”: what users without the permission for personal data see of a customer."""
    firsts = (
        next((letter for letter in word if letter.isalnum()), "") for word in unicodedata.normalize("NFC", name).split()
    )
    return " ".join(f"{first.upper()}." for first in firsts if first)
