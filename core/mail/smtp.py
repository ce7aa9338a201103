"""An SMTP client that sends one message at a time and reports whether the mail server took it."""

# Django's backend only tells success from failure. Here each step of the session is checked by itself, because an
# answer means different things at different steps: if the connection breaks before the message is sent, nobody has it;
# if it breaks afterwards, nobody can know. The server's texts are never stored or logged, since they may quote the
# address.

import logging
import re
import smtplib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import Any, Final, Self

from django.core.mail.backends.smtp import EmailBackend

log = logging.getLogger(__name__)

TIMEOUT_SECONDS: Final = 30
"""How long to wait for each answer of the server."""
FINAL_TIMEOUT_SECONDS: Final = 110
"""How long to wait for the answer to the message itself.

Servers look for spam and viruses before they answer; a client that gives up sends the message twice (RFC 5321, 4.5.3.2.6).
With the answer to DATA and the transfer, it is still within a lease of `bookings.mails.delivery`.
"""
CONNECTION_ERRORS: Final = (OSError, smtplib.SMTPException, ValueError)
"""What a session may raise; ValueError for what SMTP cannot express, such as a password that is not ASCII."""


class Outcome(StrEnum):
    """What became of a message. The values are labels of metrics and log fields."""

    SENT = "sent"
    DEFERRED = "later"
    """The server does not take it now; nobody has it."""
    UNKNOWN = "unknown"
    """The connection broke after the message was sent: the server may have taken it."""
    REFUSED = "refused"
    """The server will never take it, for any recipient."""
    NO_SUCH_ADDRESS = "no_such_address"
    UNAVAILABLE = "away"
    """The server cannot be reached or does not accept us as a client; nobody has the message."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """A message as it is transferred (RFC 5322, CRLF, 7 bit), with its sender and recipient."""

    message: bytes
    sender: str
    recipient: str


def backend_options(server: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of Django's `EmailBackend` for a server as django-environ parses its URL."""
    return {
        "host": server["EMAIL_HOST"],
        "port": server["EMAIL_PORT"]
        or (465 if server.get("EMAIL_USE_SSL") else 587 if server.get("EMAIL_USE_TLS") else 25),
        "username": server["EMAIL_HOST_USER"] or "",
        "password": server["EMAIL_HOST_PASSWORD"] or "",
        "use_tls": server.get("EMAIL_USE_TLS", False),
        "use_ssl": server.get("EMAIL_USE_SSL", False),
    }


class SmtpTransport:
    """A connection to the mail server, opened when needed and reused for the messages that follow."""

    def __init__(self, server: Mapping[str, Any]) -> None:
        self._backend = EmailBackend(**backend_options(server), timeout=TIMEOUT_SECONDS)
        self.reply = ""
        """Step and code of the last message's refusal, such as `RCPT 550`; "" if there was none."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        with suppress(*CONNECTION_ERRORS):
            self._backend.close()

    def send(self, envelope: Envelope, may_send: Callable[[], bool] = lambda: True) -> Outcome:
        """Send a message. `may_send` is called right before the message leaves; if it returns False, nobody gets it."""
        self.reply = ""
        if self._backend.connection is not None:
            with suppress(*CONNECTION_ERRORS):  # the server may have closed an idle connection, or a much used one
                return self._transact(self._backend.connection, envelope, may_send)
        connection = self._open()
        if connection is None:
            return Outcome.UNAVAILABLE
        try:
            return self._transact(connection, envelope, may_send)
        except CONNECTION_ERRORS as error:
            log.warning("The mail server broke off: %s.", _describe_error(error))
            return Outcome.DEFERRED

    def _open(self) -> smtplib.SMTP | None:
        try:
            self._backend.open()
            connection = self._backend.connection
            if connection:
                connection.ehlo_or_helo_if_needed()
        except CONNECTION_ERRORS as error:
            log.warning("The mail server cannot be used: %s.", _describe_error(error))
            self.close()
            return None
        return connection

    def _transact(self, connection: smtplib.SMTP, envelope: Envelope, may_send: Callable[[], bool]) -> Outcome:
        """Run one mail transaction. Raises one of CONNECTION_ERRORS if the connection breaks before the message is sent."""
        outcome = None
        try:
            outcome = self._send_envelope(connection, envelope)
            if outcome is None:
                outcome = self._send_message(connection, envelope) if may_send() else Outcome.DEFERRED
        finally:
            # After anything else the state of the session is uncertain.
            if outcome not in (Outcome.SENT, Outcome.NO_SUCH_ADDRESS):
                self.close()
        return outcome

    def _send_envelope(self, connection: smtplib.SMTP, envelope: Envelope) -> Outcome | None:
        """Name the sender and the recipient; return None if the message may follow."""
        size = [f"size={len(envelope.message)}"] if connection.has_extn("size") else []
        code, _text = connection.mail(envelope.sender, size)
        if refusal := self._refusal("MAIL", code, Outcome.REFUSED):
            return refusal
        code, text = connection.rcpt(envelope.recipient)
        permanent = Outcome.NO_SUCH_ADDRESS if _is_unknown_recipient(code, text) else Outcome.REFUSED
        refusal = self._refusal("RCPT", code, permanent)
        if refusal:
            with suppress(*CONNECTION_ERRORS):
                connection.rset()
        return refusal

    def _send_message(self, connection: smtplib.SMTP, envelope: Envelope) -> Outcome:
        code, _text = connection.docmd("DATA")
        if code != 354:
            return self._refusal("DATA", code, Outcome.REFUSED) or Outcome.DEFERRED
        try:
            connection.send(re.sub(rb"(?m)^\.", b"..", envelope.message) + b".\r\n")
            _set_timeout(connection, FINAL_TIMEOUT_SECONDS)
            code, _text = connection.getreply()
            _set_timeout(connection, TIMEOUT_SECONDS)
        except CONNECTION_ERRORS as error:
            log.warning("The mail server broke off after the message: %s.", _describe_error(error))
            return Outcome.UNKNOWN
        if 200 <= code < 300:
            return Outcome.SENT
        self.reply = f"message {code}"
        log.warning("The mail server answered %d to the message.", code)
        return {4: Outcome.DEFERRED, 5: Outcome.REFUSED}.get(code // 100, Outcome.UNKNOWN)

    def _refusal(self, step: str, code: int, permanent: Outcome) -> Outcome | None:
        """Return what an answer before the message means, `permanent` for a permanent refusal; None for a positive answer."""
        if 200 <= code < 300:
            return None
        self.reply = f"{step} {code}"
        log.warning("The mail server answered %d to %s.", code, step)
        if code == 421:  # the server closes the connection (RFC 5321, 3.8)
            raise smtplib.SMTPServerDisconnected(code)
        if code == 530:  # authentication required (RFC 4954, 6): not the message's fault
            return Outcome.UNAVAILABLE
        # 5yz is permanent, 4yz transient (RFC 5321, 4.2.1); whatever else a server may answer is taken for transient.
        return permanent if 500 <= code < 600 else Outcome.DEFERRED


def _set_timeout(connection: smtplib.SMTP, seconds: float) -> None:
    if connection.sock:
        connection.sock.settimeout(seconds)


def _is_unknown_recipient(code: int, text: bytes) -> bool:
    """Whether a recipient is refused because of the address, rather than because we may not relay or are taken for spammers.

    Enhanced status codes tell them apart (RFC 3463, 3.2 and 3.3); older servers only give the code of RFC 5321.
    """
    if enhanced := re.match(rb"\s*5\.(\d{1,3}\.\d{1,3})\b", text):
        subject, _dot, detail = enhanced[1].partition(b".")
        return (subject == b"1" and detail not in (b"7", b"8")) or enhanced[1] == b"2.1"
    return code in (550, 551, 553)


def _describe_error(error: BaseException) -> str:
    """Type and number of an error, without its text."""
    number = getattr(error, "smtp_code", None) or getattr(error, "strerror", None)
    return f"{type(error).__name__} {number or ''}".strip()
