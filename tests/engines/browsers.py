"""Drives the system's Firefox (WebDriver BiDi) and WebKitGTK (WebDriver), each by what the other has as well.

Playwright drives neither: it needs builds of its own for WebKit, and a newer Firefox than the one with extended support.
"""

import asyncio
import json
import os
import signal
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import aiohttp

from tests.servers import free_port, listens_on, wait_until

WINDOW: Final = {"width": 1280, "height": 900}
FIREFOX: Final = "firefox-esr"
MINI_BROWSERS: Final = "*/webkit2gtk-4.?/MiniBrowser"


class Browser(ABC):
    """A window of a browser."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._http = self._runner.run(_http_session())

    @abstractmethod
    def open(self, address: str) -> None:
        """Go to an address and wait until the page is loaded."""

    @abstractmethod
    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression, as JSON."""

    @abstractmethod
    def perform(self, actions: list[dict[str, Any]]) -> None:
        """Input of keyboard and pointers: https://www.w3.org/TR/webdriver2/#actions."""

    @abstractmethod
    def add_cookie(self, name: str, value: str) -> None:
        """Set a cookie of the site that is open."""

    def close(self) -> None:
        self._runner.run(self._http.close())
        self._runner.close()


async def _http_session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession()


class Firefox(Browser):
    """Speaks WebDriver BiDi over a WebSocket: https://www.w3.org/TR/webdriver-bidi/."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self._ids = iter(range(1, 10**9))
        self._socket = self._runner.run(self._http.ws_connect(f"{address}/session", max_msg_size=0).__aenter__())
        self._send("session.new", capabilities={})
        [context] = self._send("browsingContext.getTree")["contexts"]
        self._context = context["context"]
        self._send("browsingContext.setViewport", context=self._context, viewport=WINDOW)

    def open(self, address: str) -> None:
        self._send("browsingContext.navigate", context=self._context, url=address, wait="complete")

    def evaluate(self, expression: str) -> Any:
        answer = self._send(
            "script.evaluate",
            expression=f"JSON.stringify({expression})",
            target={"context": self._context},
            awaitPromise=True,
        )
        if answer["type"] == "exception":
            raise AssertionError(answer["exceptionDetails"]["text"])
        return json.loads(answer["result"].get("value", "null"))

    def perform(self, actions: list[dict[str, Any]]) -> None:
        self._send("input.performActions", context=self._context, actions=actions)

    def add_cookie(self, name: str, value: str) -> None:
        host = self.evaluate("location.hostname")
        cookie = {"name": name, "value": {"type": "string", "value": value}, "domain": host}
        self._send("storage.setCookie", cookie=cookie, partition={"type": "context", "context": self._context})

    def close(self) -> None:
        self._runner.run(self._socket.close())
        super().close()

    def _send(self, method: str, **params: Any) -> Any:
        return self._runner.run(self._answer(next(self._ids), method, params))

    async def _answer(self, number: int, method: str, params: dict[str, Any]) -> Any:
        await self._socket.send_json({"id": number, "method": method, "params": params})
        while (message := await self._socket.receive_json(timeout=60)).get("id") != number:
            pass
        if message["type"] == "error":
            raise AssertionError(f"{method}: {message['error']}: {message['message']}")
        return message["result"]


class WebKit(Browser):
    """Speaks WebDriver over HTTP: https://www.w3.org/TR/webdriver2/."""

    def __init__(self, address: str, binary: str) -> None:
        super().__init__()
        options = {"binary": binary, "args": ["--automation"]}
        self._session = address
        made = self._send("POST", "/session", capabilities={"alwaysMatch": {"webkitgtk:browserOptions": options}})
        self._session = f"{address}/session/{made['sessionId']}"
        self._send("POST", "/window/rect", **WINDOW)

    def open(self, address: str) -> None:
        self._send("POST", "/url", url=address)

    def evaluate(self, expression: str) -> Any:
        script = f"return Promise.resolve({expression}).then(JSON.stringify)"
        return json.loads(self._send("POST", "/execute/sync", script=script, args=[]) or "null")

    def perform(self, actions: list[dict[str, Any]]) -> None:
        self._send("POST", "/actions", actions=actions)

    def add_cookie(self, name: str, value: str) -> None:
        self._send("POST", "/cookie", cookie={"name": name, "value": value})

    def close(self) -> None:
        self._send("DELETE", "")
        super().close()

    def _send(self, method: str, path: str, **params: Any) -> Any:
        return self._runner.run(self._answer(method, path, params))

    async def _answer(self, method: str, path: str, params: dict[str, Any]) -> Any:
        async with self._http.request(method, self._session + path, json=params or None) as response:
            value = (await response.json())["value"]
        if response.status != 200:
            raise AssertionError(f"{path}: {value['error']}: {value['message']}")
        return value


@contextmanager
def firefox(folder: Path) -> Iterator[Browser]:
    port = free_port()
    command = [FIREFOX, "--headless", "--profile", str(folder), "--remote-debugging-port", str(port)]
    with _running(command, port):
        yield from _opened(Firefox(f"ws://127.0.0.1:{port}"))


@contextmanager
def webkit(folder: Path) -> Iterator[Browser]:
    port, [mini_browser, *_others] = free_port(), sorted(Path("/usr/lib").glob(MINI_BROWSERS))
    command = ["xvfb-run", "--auto-servernum", "WebKitWebDriver", f"--port={port}"]
    with _running(command, port, HOME=str(folder)):
        yield from _opened(WebKit(f"http://127.0.0.1:{port}", str(mini_browser)))


def _opened(browser: Browser) -> Iterator[Browser]:
    try:
        yield browser
    finally:
        browser.close()


@contextmanager
def _running(command: list[str], port: int, **environment: str) -> Iterator[None]:
    """The program with all its children, once it listens."""
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(
        command, env=os.environ | environment, stdout=quiet, stderr=quiet, start_new_session=True
    )
    try:
        wait_until(lambda: listens_on(port), f"{command[0]} on port {port}")
        yield
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)
