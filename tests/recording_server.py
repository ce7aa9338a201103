"""An HTTP server that accepts every POST and keeps what was sent."""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


@dataclass
class RecordingServer:
    port: int
    requests: list[tuple[str, str, bytes]] = field(default_factory=list)
    """Path, headers and uncompressed body of each request."""

    def bodies(self, path: str) -> list[bytes]:
        return [body for requested, _headers, body in self.requests if requested == path]

    @property
    def everything(self) -> bytes:
        return b"\n".join(f"{path}\n{headers}\n".encode() + body for path, headers, body in self.requests)


def decompress(body: bytes, encoding: str) -> bytes:
    if encoding == "gzip":
        return gzip.decompress(body)
    return zlib.decompress(body) if encoding == "deflate" else body


@contextmanager
def recording_server() -> Iterator[RecordingServer]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"] or 0)
            body = decompress(self.rfile.read(length), self.headers.get("Content-Encoding", ""))
            recorded.requests.append((self.path, str(self.headers), body))
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, format: str, *args: object) -> None:
            """Nobody reads it."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        recorded = RecordingServer(server.server_port)
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield recorded
        finally:
            server.shutdown()
            thread.join()
