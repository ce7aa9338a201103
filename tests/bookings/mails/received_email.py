"""An email as another program reads it, from the octets on the wire alone: its text, addresses and files.

Headers are read by the older half of the email package (`email.header`, `email.utils`), which had no part in writing them.
"""

import re
from dataclasses import dataclass
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import Message
from email.policy import compat32
from email.utils import getaddresses
from functools import cached_property
from html.parser import HTMLParser
from typing import Any, Final

LONGEST_LINE: Final = 998
"""RFC 5322, 2.1.1, without the line's end; 78 is what it asks for where it can be had."""


@dataclass(frozen=True)
class Received:
    """What a mail server was handed: the envelope, and the message."""

    sender: str
    recipients: tuple[str, ...]
    octets: bytes

    @cached_property
    def message(self) -> Message:
        return message_from_bytes(self.octets, policy=compat32)

    def words(self, header: str) -> str:
        return str(make_header(decode_header(self.message[header])))

    def people(self, header: str) -> list[tuple[str, str]]:
        """Each name and address of a header."""
        found = getaddresses([re.sub(r"\r\n(?=[ \t])", "", one) for one in self.message.get_all(header, [])])
        return [(str(make_header(decode_header(name))), address) for name, address in found]

    def parts(self) -> list[tuple[str, Message]]:
        """Every part that holds something, with its type."""
        return [(part.get_content_type(), part) for part in self.message.walk() if not part.is_multipart()]

    @property
    def text(self) -> str:
        return self._words_of("text/plain")

    @property
    def html(self) -> str:
        return self._words_of("text/html")

    @property
    def shown(self) -> str:
        """The words of the HTML, as a browser shows them; a line break where it has one, or another cell."""
        reader = _Shown()
        reader.feed(self.html)
        reader.close()
        return "".join(reader.words)

    @property
    def calendars(self) -> list[bytes]:
        """The calendar files: what a program may take for the mail's third form, and what is attached."""
        return [octets(part) for kind, part in self.parts() if kind == "text/calendar"]

    def _words_of(self, kind: str) -> str:
        [part] = [part for found, part in self.parts() if found == kind]
        return octets(part).decode(str(part.get_content_charset())).replace("\r\n", "\n")

    def faults(self) -> list[str]:
        """Where the octets are not what every server takes: seven bits, CRLF, lines of 998 and headers of 78."""
        head, _end, _body = self.octets.partition(b"\r\n\r\n")
        faults = [] if self.octets.isascii() else ["not seven bits"]
        faults += ["a line end that is not CRLF"] if re.search(rb"\r(?!\n)|(?<!\r)\n", self.octets) else []
        faults += ["a line that is too long"] * any(len(one) > LONGEST_LINE for one in self.octets.split(b"\r\n"))
        faults += ["a header that could be folded"] * any(
            len(one) > 78 and b" " in one.strip() for one in head.split(b"\r\n")
        )
        return faults + ["a control character"] * bool(re.search(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", self.octets))


def octets(part: Message) -> bytes:
    found = part.get_payload(decode=True)
    assert isinstance(found, bytes)
    return found


class _Shown(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attributes: Any) -> None:
        if tag in ("br", "td"):
            self.words.append("\n")

    def handle_data(self, data: str) -> None:
        self.words.append(data)
