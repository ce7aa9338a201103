"""A server that takes whatever is sent to it, and keeps every byte, unpacked."""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


@dataclass
class Sink:
    port: int
    got: list[tuple[str, str, bytes]] = field(default_factory=list)
    """Of each call its path, its headers, and its body."""

    def bodies(self, path: str) -> list[bytes]:
        return [body for called, _headers, body in self.got if called == path]

    @property
    def everything(self) -> bytes:
        return b"\n".join(f"{path}\n{headers}\n".encode() + body for path, headers, body in self.got)


def unpacked(body: bytes, encoding: str) -> bytes:
    if encoding == "gzip":
        return gzip.decompress(body)
    return zlib.decompress(body) if encoding == "deflate" else body


@contextmanager
def opened() -> Iterator[Sink]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"] or 0)
            body = unpacked(self.rfile.read(length), self.headers.get("Content-Encoding", ""))
            sink.got.append((self.path, str(self.headers), body))
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, format: str, *args: object) -> None:
            """Nobody reads it."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        sink = Sink(server.server_port)
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield sink
        finally:
            server.shutdown()
            thread.join()
