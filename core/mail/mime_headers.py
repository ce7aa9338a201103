"""Header fields that hold people's words, written so that every reader finds the same words in them, and no others.

Python's own folding takes the quotes off a long name, so that a comma in it begins another recipient; and it takes a name that
looks like an encoded word for one. Here whatever is not plain goes as encoded words (RFC 2047), each of whole characters.
"""

import re
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from email.headerregistry import Address
from email.policy import Policy
from typing import Final

LINE: Final = 76
"""The longest that a line with an encoded word may be (RFC 2047, 2)."""
_ATOMS: Final = re.compile(r"[\w!#$%&'*+/=?^`{|}~-]+(?: [\w!#$%&'*+/=?^`{|}~-]+)*", re.ASCII)
_PLAIN: Final = re.compile(r"[!-~]+(?: [!-~]+)*")
_LINE_BREAKS: Final = re.compile(r"[\r\n]+")


@dataclass(frozen=True, slots=True)
class Field:
    """A field as it goes over the wire; what the email package's policies ask of a header."""

    name: str
    lines: tuple[str, ...]

    def fold(self, *, policy: Policy) -> str:
        return f"{self.name}: " + f"{policy.linesep} ".join(self.lines) + policy.linesep


def text(name: str, words: str) -> Field:
    """A field of words for people, such as a subject. Line breaks are blanks in it."""
    words = _LINE_BREAKS.sub(" ", words)
    plain = _is_plain(words, _PLAIN, LINE - len(name) - 2)
    return Field(name, (words,) if plain else tuple(_encoded(words, len(name) + 2)))


def mailbox(name: str, person: str, address: str) -> Field:
    """A field of one address, with the name of whose it is, if any. Raises an error of the email package's for what is no
    address."""
    spec = f"<{Address(addr_spec=address).addr_spec}>"
    if not person:
        return Field(name, (spec,))
    *lines, last = _phrase(_LINE_BREAKS.sub(" ", person), len(name) + 2)
    used = len(last) + (1 if lines else len(name) + 2)
    fits = used + 1 + len(spec) <= LINE
    return Field(name, (*lines, f"{last} {spec}") if fits else (*lines, last, spec))


def _phrase(words: str, used: int) -> list[str]:
    """A name: as it is, between quotes, or as encoded words."""
    if _is_plain(words, _ATOMS, LINE - used):
        return [words]
    quoted = '"' + re.sub(r'(["\\])', r"\\\1", words) + '"'
    return [quoted] if _is_plain(words, _PLAIN, LINE - used - len(quoted) + len(words)) else [*_encoded(words, used)]


def _is_plain(words: str, plain: re.Pattern[str], room: int) -> bool:
    return len(words) <= room and "=?" not in words and bool(plain.fullmatch(words))


def _encoded(words: str, used: int) -> Iterator[str]:
    """One encoded word a line, the first on a line of which so much is used."""
    octets, room = b"", _octets_within(LINE - used)
    for character in words:
        more = character.encode()
        if len(octets) + len(more) > room:
            yield _word(octets)
            octets, room = b"", _octets_within(LINE - 1)
        octets += more
    yield _word(octets)


def _octets_within(characters: int) -> int:
    return (characters - len(_word(b""))) // 4 * 3


def _word(octets: bytes) -> str:
    return f"=?utf-8?b?{b64encode(octets).decode()}?="
