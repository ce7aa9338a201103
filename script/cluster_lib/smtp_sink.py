"""A mail server that accepts everything: `smtp_sink.py PORT FILE` writes Message-ID and recipients of each email, a line each."""

import asyncio
import sys
from email import message_from_bytes
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller


class SmtpSink:
    def __init__(self, path: Path) -> None:
        self.file = path.open("a", buffering=1)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        message = message_from_bytes(envelope.content)
        self.file.write(f"{message['Message-ID']}\t{','.join(envelope.rcpt_tos)}\n")
        await asyncio.sleep(0.02)  # as one that looks into a mail before it takes it
        return "250 OK"


controller = Controller(SmtpSink(Path(sys.argv[2])), hostname="127.0.0.1", port=int(sys.argv[1]))
controller.start()
asyncio.new_event_loop().run_forever()
