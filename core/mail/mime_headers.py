"""Email header fields with text by people (subjects, names), encoded so that every reader gets the same text."""

# Python's own folding drops the quotes of a long name, so that a comma in it starts another recipient, and it leaves a
# name that looks like an encoded word as it is. Here everything that is not plain becomes encoded words (RFC 2047) of
# whole characters.

import re
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from email.headerregistry import Address
from email.policy import Policy
from typing import Final

MAX_LINE: Final = 76
"""Maximum length of a line with an encoded word (RFC 2047, 2)."""
_ATOMS: Final = re.compile(r"[\w!#$%&'*+/=?^`{|}~-]+(?: [\w!#$%&'*+/=?^`{|}~-]+)*", re.ASCII)
_PLAIN: Final = re.compile(r"[!-~]+(?: [!-~]+)*")
_LINE_BREAKS: Final = re.compile(r"[\r\n]+")


@dataclass(frozen=True, slots=True)
class Field:
    """A folded header field. It has `name` and `fold`, which is all that the email package's policies need of a header."""

    name: str
    lines: tuple[str, ...]

    def fold(self, *, policy: Policy) -> str:
        return f"{self.name}: " + f"{policy.linesep} ".join(self.lines) + policy.linesep


def text(name: str, value: str) -> Field:
    """A field of free text, such as a subject. Line breaks become spaces."""
    value = _LINE_BREAKS.sub(" ", value)
    plain = _is_plain(value, _PLAIN, MAX_LINE - len(name) - 2)
    return Field(name, (value,) if plain else tuple(_encoded_words(value, len(name) + 2)))


def mailbox(name: str, display_name: str, address: str) -> Field:
    """A field of one address, with a display name if there is one.

    Raises ValueError or one of the email package's errors if `address` is not a valid address.
    """
    spec = f"<{Address(addr_spec=address).addr_spec}>"
    if not display_name:
        return Field(name, (spec,))
    *lines, last = _phrase(_LINE_BREAKS.sub(" ", display_name), len(name) + 2)
    used = len(last) + (1 if lines else len(name) + 2)
    fits = used + 1 + len(spec) <= MAX_LINE
    return Field(name, (*lines, f"{last} {spec}") if fits else (*lines, last, spec))


def _phrase(text: str, used: int) -> list[str]:
    """The lines of a name: as it is, quoted, or as encoded words. `used` characters of the first line are taken."""
    if _is_plain(text, _ATOMS, MAX_LINE - used):
        return [text]
    quoted = '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'
    fits = _is_plain(text, _PLAIN, MAX_LINE - used - len(quoted) + len(text))
    return [quoted] if fits else [*_encoded_words(text, used)]


def _is_plain(text: str, plain: re.Pattern[str], max_length: int) -> bool:
    return len(text) <= max_length and "=?" not in text and bool(plain.fullmatch(text))


def _encoded_words(text: str, used: int) -> Iterator[str]:
    """Encoded words, one per line. `used` characters of the first line are taken."""
    octets, max_octets = b"", _octets_within(MAX_LINE - used)
    for character in text:
        encoded = character.encode()
        if len(octets) + len(encoded) > max_octets:
            yield _encoded_word(octets)
            octets, max_octets = b"", _octets_within(MAX_LINE - 1)
        octets += encoded
    yield _encoded_word(octets)


def _octets_within(characters: int) -> int:
    """How many octets fit into an encoded word of so many characters: base64 makes four characters of three octets."""
    return (characters - len(_encoded_word(b""))) // 4 * 3


def _encoded_word(octets: bytes) -> str:
    return f"=?utf-8?b?{b64encode(octets).decode()}?="
