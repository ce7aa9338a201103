"""An email as another program reads it from the bytes that were transferred: its text, addresses and files."""

# Headers are read by the older half of the email package (`email.header`, `email.utils`), which had no part in writing them.

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

MAX_LINE: Final = 998
"""Without the line end (RFC 5322, 2.1.1), which recommends 78."""


@dataclass(frozen=True)
class ReceivedEmail:
    """What a mail server received: the envelope and the message."""

    sender: str
    recipients: tuple[str, ...]
    octets: bytes

    @cached_property
    def message(self) -> Message:
        return message_from_bytes(self.octets, policy=compat32)

    def decoded(self, header: str) -> str:
        return str(make_header(decode_header(self.message[header])))

    def mailboxes(self, header: str) -> list[tuple[str, str]]:
        """Names and addresses of a header."""
        found = getaddresses([re.sub(r"\r\n(?=[ \t])", "", one) for one in self.message.get_all(header, [])])
        return [(str(make_header(decode_header(name))), address) for name, address in found]

    def parts(self) -> list[tuple[str, Message]]:
        """All parts that are not multipart, with their type."""
        return [(part.get_content_type(), part) for part in self.message.walk() if not part.is_multipart()]

    @property
    def text(self) -> str:
        return self._text_of("text/plain")

    @property
    def html(self) -> str:
        return self._text_of("text/html")

    @property
    def rendered_html(self) -> str:
        """The text of the HTML as a browser shows it, with a line break for each `br` and table cell."""
        reader = _TextReader()
        reader.feed(self.html)
        reader.close()
        return "".join(reader.texts)

    @property
    def calendars(self) -> list[bytes]:
        """The calendar files: the alternative part and the attachment."""
        return [octets(part) for kind, part in self.parts() if kind == "text/calendar"]

    def _text_of(self, kind: str) -> str:
        [part] = [part for found, part in self.parts() if found == kind]
        return octets(part).decode(str(part.get_content_charset())).replace("\r\n", "\n")

    def faults(self) -> list[str]:
        """Violations of what every server takes: seven bits, CRLF, lines of 998 and headers of 78 characters."""
        head, _end, _body = self.octets.partition(b"\r\n\r\n")
        faults = [] if self.octets.isascii() else ["not seven bits"]
        faults += ["a line end that is not CRLF"] if re.search(rb"\r(?!\n)|(?<!\r)\n", self.octets) else []
        faults += ["a line that is too long"] * any(len(one) > MAX_LINE for one in self.octets.split(b"\r\n"))
        faults += ["a header that could be folded"] * any(
            len(one) > 78 and b" " in one.strip() for one in head.split(b"\r\n")
        )
        return faults + ["a control character"] * bool(re.search(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", self.octets))


def octets(part: Message) -> bytes:
    found = part.get_payload(decode=True)
    assert isinstance(found, bytes)
    return found


class _TextReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attributes: Any) -> None:
        if tag in ("br", "td"):
            self.texts.append("\n")

    def handle_data(self, data: str) -> None:
        self.texts.append(data)
