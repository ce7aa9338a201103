"""`deploy/nginx/stationbook.conf` at work: nginx run by it, with no web server behind it and with one."""

import socket
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.conf import settings

from tests.servers import free_port, listens_on, make_certificate, nginx_temporary_paths, program, wait_until

pytestmark = pytest.mark.looks

NAME = "book.example.com"
SECRETS = {
    "/feeds/k3Jx9vQp7Lw2Zt5Rb8Nc1Ym6Hd4Fs0Ga.ics": "k3Jx9vQp7Lw2Zt5Rb8Nc1Ym6Hd4Fs0Ga",
    "/accounts/forgotten/7-cabc12-0123456789abcdef/": "0123456789abcdef",
    "/admin/accounts/customer/?q=Garcia-Marquez": "Garcia-Marquez",
    "/b/Zt5Rb8Nc1Ym6Hd4Fs0Ga/": "Zt5Rb8Nc1Ym6Hd4Fs0Ga",
}
"""Addresses that hold a secret, or what somebody searched for."""


@dataclass
class Proxy:
    folder: Path
    plain: int
    tls: int

    def ask(self, path: str, host: str, *headers: str, server_name: str | None = None) -> bytes:
        """What is answered by plain HTTP; or by TLS, for a server name."""
        with socket.create_connection(("127.0.0.1", self.tls if server_name else self.plain), timeout=10) as raw:
            context = ssl.create_default_context(cafile=str(self.folder / "fullchain.pem"))
            lines = [f"GET {path} HTTP/1.1", f"Host: {host}", *headers, "Connection: close", "", ""]
            with context.wrap_socket(raw, server_hostname=server_name) if server_name else raw as connection:
                connection.sendall("\r\n".join(lines).encode())
                received = b""
                while some := connection.recv(65536):
                    received += some
                return received

    def written(self) -> str:
        """All that it has logged, wherever."""
        return "".join(path.read_text() for path in sorted(self.folder.glob("*.log")))


def status(answer: bytes) -> int:
    return int(answer.split()[1]) if answer else 0


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    folder = tmp_path_factory.mktemp("nginx")
    made = Proxy(folder, free_port(), free_port())
    make_certificate(folder, NAME, key="privkey.pem", certificate="fullchain.pem")
    text = (settings.BASE_DIR / "deploy/nginx/stationbook.conf").read_text()
    for old, new in {
        "/etc/nginx/tls": str(folder),
        "/var/log/nginx": str(folder),
        "listen 80": f"listen 127.0.0.1:{made.plain}",
        "listen 443": f"listen 127.0.0.1:{made.tls}",
        "web1:8000": f"127.0.0.1:{free_port()}",
        "web2:8000": f"127.0.0.1:{free_port()}",
    }.items():
        text = text.replace(old, new)
    head = f"daemon off; pid {folder}/pid; error_log {folder}/error.log info; events {{}}"
    (folder / "nginx.conf").write_text(f"{head}\nhttp {{ {nginx_temporary_paths(folder)}\n{text}\n}}\n")
    with (folder / "stderr.log").open("wb") as output:
        command = [
            program("nginx"),
            "-p",
            str(folder),
            "-c",
            str(folder / "nginx.conf"),
            "-e",
            str(folder / "start.log"),
        ]
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        wait_until(lambda: listens_on(made.plain) and listens_on(made.tls), "nginx")
        yield made
    finally:
        process.terminate()
        process.wait()


def test_plain_http_leads_to_the_configured_name(proxy: Proxy) -> None:
    answer = proxy.ask("/calendar/week/?station=kitchen", NAME)

    assert status(answer) == 301
    assert f"Location: https://{NAME}/calendar/week/?station=kitchen\r\n".encode() in answer


@pytest.mark.parametrize("host", ["evil.example.net", "127.0.0.1", f"{NAME}.evil.example.net", f"evil.{NAME}", ""])
def test_plain_http_tells_nothing_to_whoever_names_another_host(proxy: Proxy, host: str) -> None:
    assert b"evil" not in proxy.ask("/", host)
    assert status(proxy.ask("/", host)) in (0, 400)


@pytest.mark.parametrize("server_name", ["evil.example.net", "localhost"])
def test_tls_is_refused_under_another_name(proxy: Proxy, server_name: str) -> None:
    with pytest.raises(ssl.SSLError, match=r"(?i)unrecognized.name"):
        proxy.ask("/", NAME, server_name=server_name)


def test_host_that_is_not_the_name_of_tls_is_misdirected(proxy: Proxy) -> None:
    assert status(proxy.ask("/", "evil.example.net", server_name=NAME)) == 421


@pytest.mark.parametrize("path", SECRETS)
def test_failures_are_logged_without_what_addresses_hold(proxy: Proxy, path: str) -> None:
    """No web server answers: nginx has most to say then."""
    answer = proxy.ask(path, NAME, f"Referer: https://{NAME}{path}", server_name=NAME)
    by_plain_http = proxy.ask(path, NAME, f"Referer: https://{NAME}{path}")

    assert (status(answer), status(by_plain_http)) == (502, 301)
    wait_until(lambda: " 502 GET from " in proxy.written(), "the log")
    assert SECRETS[path] not in proxy.written()


@pytest.mark.parametrize("path", SECRETS)
def test_malformed_requests_are_not_logged_with_their_address(proxy: Proxy, path: str) -> None:
    for header in ("Content-Length: nonsense", "Host: twice", f"X: {'x' * 40000}", "no header"):
        proxy.ask(path, NAME, header)
        proxy.ask(path, NAME, header, server_name=NAME)

    assert SECRETS[path] not in proxy.written()
