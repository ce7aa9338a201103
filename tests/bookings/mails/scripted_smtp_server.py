"""An SMTP server that follows a script, for answers and silences that no well-behaved server gives."""

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


class ScriptedServer(socketserver.ThreadingTCPServer):
    """Gives each step's answers in turn, and then repeats the last one.

    `DROP` closes the connection, `STALL` is silent until the server closes, `"0.8 250 OK"` answers after so many seconds.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, script: dict[str, list[str]]) -> None:
        super().__init__(("127.0.0.1", 0), _Session)
        self._script = {step: [answer] for step, answer in WELL_BEHAVED.items()} | script
        self.connections = 0
        self.commands: list[str] = []
        self.messages: list[bytes] = []
        self.closing = Event()

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.server_address[1]}"

    def answer_to(self, step: str) -> str:
        answers = self._script[step]
        return answers.pop(0) if len(answers) > 1 else answers[0]


class _Session(socketserver.StreamRequestHandler):
    server: ScriptedServer

    def handle(self) -> None:
        self.server.connections += 1
        if not self._answer("greeting"):
            return
        for line in iter(self.rfile.readline, b""):
            self.server.commands.append(line.decode().strip())
            step = line[:4].decode().upper()
            if not self._answer(step) or (step == "DATA" and self._data_follows and not self._receive_message()):
                return

    def _receive_message(self) -> bool:
        self.server.messages.append(b"".join(iter(self.rfile.readline, b".\r\n")))
        return self._answer(".")

    def _answer(self, step: str) -> bool:
        """Give the scripted answer; return False if it closes the connection."""
        answer = self.server.answer_to(step)
        if answer == STALL:
            self.server.closing.wait(60)
        if answer in (STALL, DROP):
            return False
        if delay := re.match(r"(\d\.\d) ", answer):
            time.sleep(float(delay[1]))
            answer = answer[delay.end() :]
        self._data_follows = answer.startswith("354")
        self.wfile.write(f"{answer}\r\n".encode())
        return True


@contextmanager
def scripted_server(script: dict[str, list[str]]) -> Iterator[ScriptedServer]:
    with ScriptedServer(script) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.closing.set()
            server.shutdown()
            thread.join()
