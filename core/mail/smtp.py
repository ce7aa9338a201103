"""Handing one message to the mail server, and knowing what became of it: the one place that speaks SMTP.

The conversation is held step by step, for what an answer means depends on the step: until the message itself is under way,
a broken line means that nobody has it; after that, that nobody can know. What the server says is never kept, nor logged but
for its number: its words may quote the address.
"""

import logging
import re
import smtplib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, auto
from types import TracebackType
from typing import Any, Final, Self

from django.core.mail.backends.smtp import EmailBackend

log = logging.getLogger(__name__)

TIMEOUT_SECONDS: Final = 30
"""For each answer of the server's."""
LAST_TIMEOUT_SECONDS: Final = 110
"""For the last, after which the message is the server's: it looks for spam and viruses first, and who does not wait sends twice
(RFC 5321, 4.5.3.2.6). With the answer to DATA and the sending itself, still within a lease."""
BROKEN: Final = (OSError, smtplib.SMTPException, ValueError)
"""What a line may end in; ValueError for what cannot be said in SMTP, such as a password that is not ASCII."""


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
    """No server to talk to, or none that talks to us; nobody has it."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A message as it goes over the wire (RFC 5322, CRLF, 7 bit), with its envelope."""

    message: bytes
    sender: str
    recipient: str


def server_at(server: Mapping[str, Any]) -> dict[str, Any]:
    """What an address of a mail server says, as Django's backend wants it."""
    return {
        "host": server["EMAIL_HOST"],
        "port": server["EMAIL_PORT"]
        or (465 if server.get("EMAIL_USE_SSL") else 587 if server.get("EMAIL_USE_TLS") else 25),
        "username": server["EMAIL_HOST_USER"] or "",
        "password": server["EMAIL_HOST_PASSWORD"] or "",
        "use_tls": server.get("EMAIL_USE_TLS", False),
        "use_ssl": server.get("EMAIL_USE_SSL", False),
    }


class Courier:
    """One connection to the mail server, opened when needed and kept while mails follow each other."""

    def __init__(self, server: Mapping[str, Any]) -> None:
        self._backend = EmailBackend(**server_at(server), timeout=TIMEOUT_SECONDS)
        self.reply = ""
        """The step and number of the server's refusal of the last letter, such as `RCPT 550`; "" where there was none."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.hang_up()

    def hang_up(self) -> None:
        with suppress(*BROKEN):
            self._backend.close()

    def hand_over(self, letter: Letter, may_leave: Callable[[], bool] = lambda: True) -> Outcome:
        """What became of the letter. `may_leave` is asked last of all before it goes: when it says no, nobody gets it."""
        self.reply = ""
        if self._backend.connection is not None:
            with suppress(*BROKEN):  # a server may have closed a line that was idle, or had enough
                return self._converse(self._backend.connection, letter, may_leave)
        line = self._open()
        if line is None:
            return Outcome.AWAY
        try:
            return self._converse(line, letter, may_leave)
        except BROKEN as error:
            log.warning("The mail server broke off: %s.", _named(error))
            return Outcome.LATER

    def _open(self) -> smtplib.SMTP | None:
        try:
            self._backend.open()
            line = self._backend.connection
            if line:
                line.ehlo_or_helo_if_needed()
        except BROKEN as error:
            log.warning("The mail server cannot be used: %s.", _named(error))
            self.hang_up()
            return None
        return line

    def _converse(self, line: smtplib.SMTP, letter: Letter, may_leave: Callable[[], bool]) -> Outcome:
        """Raises one of BROKEN where the line breaks before the letter has left. Whatever ends oddly ends the line."""
        outcome = None
        try:
            outcome = self._announce(line, letter) or (self._send(line, letter) if may_leave() else Outcome.LATER)
        finally:
            if outcome not in (Outcome.SENT, Outcome.NO_SUCH_ADDRESS):
                self.hang_up()
        return outcome

    def _announce(self, line: smtplib.SMTP, letter: Letter) -> Outcome | None:
        """The envelope; None where the message may follow."""
        size = [f"size={len(letter.message)}"] if line.has_extn("size") else []
        code, _words = line.mail(letter.sender, size)
        if refusal := self._refusal("MAIL", code, Outcome.REFUSED):
            return refusal
        code, words = line.rcpt(letter.recipient)
        refusal = self._refusal(
            "RCPT", code, Outcome.NO_SUCH_ADDRESS if _knows_nobody(code, words) else Outcome.REFUSED
        )
        if refusal:
            with suppress(*BROKEN):
                line.rset()
        return refusal

    def _send(self, line: smtplib.SMTP, letter: Letter) -> Outcome:
        code, _words = line.docmd("DATA")
        if code != 354:
            return self._refusal("DATA", code, Outcome.REFUSED) or Outcome.LATER
        try:
            line.send(re.sub(rb"(?m)^\.", b"..", letter.message) + b".\r\n")
            _be_patient(line, LAST_TIMEOUT_SECONDS)
            code, _words = line.getreply()
            _be_patient(line, TIMEOUT_SECONDS)
        except BROKEN as error:
            log.warning("The mail server broke off after the message: %s.", _named(error))
            return Outcome.UNKNOWN
        if 200 <= code < 300:
            return Outcome.SENT
        self.reply = f"message {code}"
        log.warning("The mail server answered %d to the message.", code)
        return {4: Outcome.LATER, 5: Outcome.REFUSED}.get(code // 100, Outcome.UNKNOWN)

    def _refusal(self, step: str, code: int, for_good: Outcome) -> Outcome | None:
        """What an answer before the message means; None where all is well.

        RFC 5321, 4.2.1: 5yz is for good, 4yz for now, as is whatever else a server may say. 421 ends the line (3.8), and 530 is
        said to whoever should have logged in (RFC 4954, 6): no fault of the letter's.
        """
        if 200 <= code < 300:
            return None
        self.reply = f"{step} {code}"
        log.warning("The mail server answered %d to %s.", code, step)
        if code == 421:
            raise smtplib.SMTPServerDisconnected(code)
        if code == 530:
            return Outcome.AWAY
        return for_good if 500 <= code < 600 else Outcome.LATER


def _be_patient(line: smtplib.SMTP, seconds: float) -> None:
    if line.sock:
        line.sock.settimeout(seconds)


def _knows_nobody(code: int, words: bytes) -> bool:
    """Whether a recipient is refused for the address's own sake, and not for ours, who may not relay or are thought to spam.

    RFC 3463 (3.2, 3.3) has a number for each; older servers give only that of RFC 5321.
    """
    if told := re.match(rb"\s*5\.(\d{1,3}\.\d{1,3})\b", words):
        subject, _dot, detail = told[1].partition(b".")
        return (subject == b"1" and detail not in (b"7", b"8")) or told[1] == b"2.1"
    return code in (550, 551, 553)


def _named(error: BaseException) -> str:
    """An error without its words."""
    number = getattr(error, "smtp_code", None) or getattr(error, "strerror", None)
    return f"{type(error).__name__} {number or ''}".strip()
