"""A real SMTP server that does as it is told: to test what becomes of mails when it accepts, refuses, stalls or hangs up."""

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
from aiosmtpd.smtp import SMTP as Server
from aiosmtpd.smtp import Envelope, Session

from tests.bookings.mails.reading import Received
from tests.servers import free_port

ACCEPT = "250 OK"


class PostOffice:
    """Keeps what it accepted, in order. `answers` are given one by one at the step they name, ACCEPT when there are none left.

    An answer is a line of SMTP; or "drop", which closes the line there, after having kept the message where it came with DATA;
    or "stall", which says nothing until the other side has given up; or "wait", which accepts then.
    """

    def __init__(self) -> None:
        self.kept: list[EmailMessage] = []
        self.received: list[Received] = []
        self.answers: dict[str, list[str]] = {"MAIL": [], "RCPT": [], "DATA": []}
        self.given_up = Event()
        self.ponders = 0.0
        """Seconds at most, by chance, between a message's arrival and the answer."""
        self.most_at_once = 0
        """Messages in hand, between their arrival and the answer."""
        self.clients: set[object] = set()
        """Each connection over which a message came."""
        self._in_hand = 0
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
        """How often each Message-ID has come in."""
        return Counter(message["Message-ID"] for message in self.kept)

    @property
    def subjects(self) -> list[str]:
        return [message["Subject"] for message in self.kept]

    def take_out(self) -> list[EmailMessage]:
        """What has come since the last look."""
        found, self.kept = self.kept, []
        return found

    async def _answer(self, step: str, server: Server, session: Session) -> str:
        answers = self.answers[step]
        said = answers.pop(0) if answers else ACCEPT
        if said in ("stall", "wait"):
            await server.loop.run_in_executor(None, self.given_up.wait, 30)
            self.given_up.clear()
        if said in ("drop", "stall"):
            cast("Any", server).transport.close()
        return {"wait": ACCEPT, "stall": "421 Gone", "drop": "421 Gone"}.get(said, said)

    async def handle_MAIL(
        self, server: Server, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        said = await self._answer("MAIL", server, session)
        envelope.mail_from = address if said.startswith("2") else None
        return said

    async def handle_RCPT(
        self, server: Server, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        said = await self._answer("RCPT", server, session)
        if said.startswith("2"):
            envelope.rcpt_tos.append(address)
        return said

    async def handle_DATA(self, server: Server, session: Session, envelope: Envelope) -> str:
        self.clients.add(session.peer)
        self._in_hand += 1
        self.most_at_once = max(self.most_at_once, self._in_hand)
        try:
            return await self._take(server, session, envelope)
        finally:
            self._in_hand -= 1

    async def _take(self, server: Server, session: Session, envelope: Envelope) -> str:
        answer = self.answers["DATA"][0] if self.answers["DATA"] else ACCEPT
        if not answer[0].isdigit() or answer.startswith("2"):
            content = envelope.content
            assert isinstance(content, bytes)
            self.kept.append(message_from_bytes(content, policy=SMTP))
            self.received.append(Received(str(envelope.mail_from), tuple(envelope.rcpt_tos), content))
            await asyncio.sleep(random.uniform(0, self.ponders))
        return await self._answer("DATA", server, session)


@contextmanager
def opened() -> Iterator[PostOffice]:
    office = PostOffice()
    office.open()
    try:
        yield office
    finally:
        office.given_up.set()
        office.close()
