"""A mail server that knows nothing but its script: for answers, and silences, that no well-behaved server gives."""

import re
import socketserver
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Final

WELL_BEHAVED: Final = {
    "greeting": "220 ready",
    "EHLO": "250-here\r\n250 SIZE 1000000",
    "HELO": "250 here",
    "MAIL": "250 OK",
    "RCPT": "250 OK",
    "DATA": "354 Go on",
    ".": "250 OK",
    "RSET": "250 OK",
    "QUIT": "221 Bye",
}
DROP: Final = "drop"
STALL: Final = "stall"


class Scripted(socketserver.ThreadingTCPServer):
    """Answers what its script says, each step's answers in turn and the last of them ever after. `DROP` closes the line,
    `STALL` says nothing until the server closes. `"0.8 250 OK"` waits so many seconds first.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, script: dict[str, list[str]]) -> None:
        super().__init__(("127.0.0.1", 0), _Conversation)
        self._script = {step: [answer] for step, answer in WELL_BEHAVED.items()} | script
        self.lines = 0
        """How many connections there were."""
        self.said: list[str] = []
        """What was said to it, but for the messages."""
        self.messages: list[bytes] = []
        self.closing = Event()

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.server_address[1]}"

    def answer_to(self, step: str) -> str:
        answers = self._script[step]
        return answers.pop(0) if len(answers) > 1 else answers[0]


class _Conversation(socketserver.StreamRequestHandler):
    server: Scripted

    def handle(self) -> None:
        self.server.lines += 1
        if not self._answers("greeting"):
            return
        for line in iter(self.rfile.readline, b""):
            self.server.said.append(line.decode().strip())
            step = line[:4].decode().upper()
            if not self._answers(step) or (step == "DATA" and self._went_on and not self._takes_the_message()):
                return

    def _takes_the_message(self) -> bool:
        self.server.messages.append(b"".join(iter(self.rfile.readline, b".\r\n")))
        return self._answers(".")

    def _answers(self, step: str) -> bool:
        """Says what the script has; False where that closes the line."""
        answer = self.server.answer_to(step)
        if answer == STALL:
            self.server.closing.wait(60)
        if answer in (STALL, DROP):
            return False
        if late := re.match(r"(\d\.\d) ", answer):
            time.sleep(float(late[1]))
            answer = answer[late.end() :]
        self._went_on = answer.startswith("354")
        self.wfile.write(f"{answer}\r\n".encode())
        return True


@contextmanager
def scripted(script: dict[str, list[str]]) -> Iterator[Scripted]:
    with Scripted(script) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.closing.set()
            server.shutdown()
            thread.join()
