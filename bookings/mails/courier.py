"""Handing one message to the mail server, and knowing what became of it: the one place that speaks SMTP.

The conversation is held step by step, for what an answer means depends on the step: until the message itself is under way,
a broken line means that nobody has it; after that, that nobody can know.
"""

import smtplib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from types import TracebackType
from typing import Any, Final, Self

from django.core.mail.backends.smtp import EmailBackend

TIMEOUT_SECONDS: Final = 15
"""For each answer of the server's. A message takes five or six: together less than a lease."""
OK: Final = 250
MAY_GO: Final = (250, 251, 252)


class Outcome(Enum):
    SENT = auto()
    LATER = auto()
    """Not taken now; nobody has it."""
    UNKNOWN = auto()
    """The line broke after the message had left: it may have been taken."""
    REFUSED = auto()
    """Never to be taken, whoever the recipient is."""
    NO_SUCH_ADDRESS = auto()
    AWAY = auto()
    """No server to talk to; nobody has it."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A message as it goes over the wire (RFC 5322, CRLF, 7 bit), with its envelope."""

    message: bytes
    sender: str
    recipient: str


class Courier:
    """One connection to the mail server, opened when needed and kept while mails follow each other."""

    def __init__(self, server: Mapping[str, Any]) -> None:
        self._backend = EmailBackend(
            host=server["EMAIL_HOST"],
            port=server["EMAIL_PORT"]
            or (465 if server.get("EMAIL_USE_SSL") else 587 if server.get("EMAIL_USE_TLS") else 25),
            username=server["EMAIL_HOST_USER"] or "",
            password=server["EMAIL_HOST_PASSWORD"] or "",
            use_tls=server.get("EMAIL_USE_TLS", False),
            use_ssl=server.get("EMAIL_USE_SSL", False),
            timeout=TIMEOUT_SECONDS,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.hang_up()

    def hang_up(self) -> None:
        try:
            self._backend.close()
        except (OSError, smtplib.SMTPException):
            self._backend.connection = None

    def hand_over(self, letter: Letter) -> Outcome:
        fresh = self._backend.connection is None
        outcome = self._try(letter)
        if outcome is Outcome.AWAY and not fresh:  # the server had closed a line that was idle
            outcome = self._try(letter)
        if outcome not in (Outcome.SENT, Outcome.NO_SUCH_ADDRESS):
            self.hang_up()
        return outcome

    def _try(self, letter: Letter) -> Outcome:
        try:
            self._backend.open()
            server = self._backend.connection
            if server is None:
                return Outcome.AWAY
            answer = self._announce(server, letter)
        except (OSError, smtplib.SMTPException):
            self.hang_up()
            return Outcome.AWAY
        return answer or self._send(server, letter)

    def _announce(self, server: smtplib.SMTP, letter: Letter) -> Outcome | None:
        """The envelope; None where the message may follow."""
        server.ehlo_or_helo_if_needed()
        code, _words = server.mail(letter.sender, [f"size={len(letter.message)}"] if server.has_extn("size") else [])
        if code != OK:
            return _meaning(code, Outcome.REFUSED)
        code, _words = server.rcpt(letter.recipient)
        if code in MAY_GO:
            return None
        server.rset()
        return _meaning(code, Outcome.NO_SUCH_ADDRESS)

    def _send(self, server: smtplib.SMTP, letter: Letter) -> Outcome:
        try:
            code, _words = server.data(letter.message)
        except smtplib.SMTPDataError as refusal:  # of the word DATA: the message has not left
            return _meaning(refusal.smtp_code, Outcome.REFUSED)
        except (OSError, smtplib.SMTPException):
            return Outcome.UNKNOWN
        return Outcome.SENT if code == OK else _meaning(code, Outcome.REFUSED)


def _meaning(code: int, for_good: Outcome) -> Outcome:
    """RFC 5321, 4.2.1: 5yz is for good, 4yz for now. Whatever else a server may say is for now, too."""
    return for_good if 500 <= code < 600 else Outcome.LATER
