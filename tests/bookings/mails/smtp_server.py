"""An SMTP server whose answers a test chooses: it accepts, refuses, stalls or closes the connection."""

import asyncio
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from threading import Event
from typing import Any, cast

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP as AioServer
from aiosmtpd.smtp import Envelope, Session

from tests.bookings.mails.received_email import ReceivedEmail
from tests.servers import free_port

ACCEPT = "250 OK"


class ScriptedSmtpServer:
    """Keeps the messages that it accepted, in order.

    `answers` are given one by one at the step they name; when none are left, the answer is ACCEPT. An answer is a line of SMTP;
    "drop", which closes the connection, after keeping the message if it came with DATA; "stall", which is silent until
    `give_up` is set; or "wait", which accepts then.
    """

    def __init__(self) -> None:
        self.kept: list[EmailMessage] = []
        self.received: list[ReceivedEmail] = []
        self.answers: dict[str, list[str]] = {"MAIL": [], "RCPT": [], "DATA": []}
        self.give_up = Event()
        self.max_delay = 0.0
        """The longest random time, in seconds, between a message's arrival and the answer."""
        self.max_concurrent = 0
        """The most messages that were between their arrival and the answer at the same time."""
        self.clients: set[object] = set()
        """The peer of each connection over which a message came."""
        self._concurrent = 0
        self._controller: Controller | None = None
        self.port = free_port()

    def open(self) -> None:
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port, timeout=30)
        self._controller.start()

    def close(self) -> None:
        if self._controller:
            self._controller.stop()
            self._controller = None

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    @property
    def ids(self) -> Counter[str]:
        """How often each Message-ID was received."""
        return Counter(message["Message-ID"] for message in self.kept)

    @property
    def subjects(self) -> list[str]:
        return [message["Subject"] for message in self.kept]

    def take_out(self) -> list[EmailMessage]:
        """The messages that came since the last call."""
        found, self.kept = self.kept, []
        return found

    async def _answer(self, step: str, server: AioServer, session: Session) -> str:
        answers = self.answers[step]
        answer = answers.pop(0) if answers else ACCEPT
        if answer in ("stall", "wait"):
            await server.loop.run_in_executor(None, self.give_up.wait, 30)
            self.give_up.clear()
        if answer in ("drop", "stall"):
            cast("Any", server).transport.close()
        return {"wait": ACCEPT, "stall": "421 Gone", "drop": "421 Gone"}.get(answer, answer)

    async def handle_MAIL(
        self, server: AioServer, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        answer = await self._answer("MAIL", server, session)
        envelope.mail_from = address if answer.startswith("2") else None
        return answer

    async def handle_RCPT(
        self, server: AioServer, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        answer = await self._answer("RCPT", server, session)
        if answer.startswith("2"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: AioServer, session: Session, envelope: Envelope) -> str:
        self.clients.add(session.peer)
        self._concurrent += 1
        self.max_concurrent = max(self.max_concurrent, self._concurrent)
        try:
            return await self._keep(server, session, envelope)
        finally:
            self._concurrent -= 1

    async def _keep(self, server: AioServer, session: Session, envelope: Envelope) -> str:
        answer = self.answers["DATA"][0] if self.answers["DATA"] else ACCEPT
        if not answer[0].isdigit() or answer.startswith("2"):
            content = envelope.content
            assert isinstance(content, bytes)
            self.kept.append(message_from_bytes(content, policy=SMTP))
            self.received.append(ReceivedEmail(str(envelope.mail_from), tuple(envelope.rcpt_tos), content))
            await asyncio.sleep(random.uniform(0, self.max_delay))
        return await self._answer("DATA", server, session)


@contextmanager
def running_server() -> Iterator[ScriptedSmtpServer]:
    mail_server = ScriptedSmtpServer()
    mail_server.open()
    try:
        yield mail_server
    finally:
        mail_server.give_up.set()
        mail_server.close()
