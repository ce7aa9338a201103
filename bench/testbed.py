"""What is measured: the product as it is served and the yardstick, with the same rows, on one throwaway PostgreSQL."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

import psycopg

from tests.servers import free_port, fresh_keys, listens_on

ROOT: Final = Path(__file__).resolve().parents[1]
YARDSTICK: Final = ROOT / "bench" / "yardstick"
YARDSTICK_PYTHON: Final = ROOT / "var" / "bench" / "venv" / "bin" / "python"
PASSWORD: Final = "six slow brass turtles"  # noqa: S105  # nosec B105
STATIONS: Final = 20
DAYS: Final = 42
BOOKINGS_PER_DAY: Final = 17
SERVER_PROCESSES: Final = "2"
TIMEOUT_SECONDS: Final = 60


def first_day() -> date:
    """The first of the month after next: what a month page shows is then what a month of the API is."""
    ahead = date.today() + timedelta(days=32)
    return (ahead.replace(day=1) + timedelta(days=32)).replace(day=1)


@dataclass
class Side:
    """The product or the yardstick: its port, its database, and a token to call it with."""

    name: str
    port: int
    database: str
    token: str = ""
    server: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def request(self, path: str, body: Any = None, **headers: str) -> tuple[Any, Any]:
        """Send a GET, or a POST if there is a body, and return the JSON and headers of the response."""
        sent = {"Accept": "application/json", **headers}
        if self.token:
            sent["Authorization"] = f"Bearer {self.token}"
        data = None if body is None else json.dumps(body).encode()
        if data:
            sent["Content-Type"] = "application/json"
        with urllib.request.urlopen(urllib.request.Request(self.url + path, data, sent)) as answer:  # noqa: S310  # nosec B310
            return json.load(answer), answer.headers


class Testbed:
    """Both systems and their databases, for one run."""

    def __init__(self, scratch: Path, *, per_day: int, stations: int) -> None:
        self.scratch, self.per_day, self.stations = scratch, per_day, stations
        self.first = first_day()
        self.host = re.sub(r".*host=", "", os.environ["DATABASE_URL"])
        self.product = Side("product", free_port(), "product")
        self.yardstick = Side("yardstick", free_port(), "yardstick")
        self.rows = scratch / "rows.csv"
        self.environment = {
            **os.environ,
            "ENV_FILE": str(scratch / "env"),
            "PORT": str(self.product.port),
            "WEB_CONCURRENCY": SERVER_PROCESSES,
            "RATE_LIMIT": "1000000/minute",
            "PAGE_RATE_LIMIT": "1000000/minute",
            "SEARCH_RATE_LIMIT": "1000000/minute",
            "YARD_KEY": "",
        }

    def url(self, database: str, scheme: str = "postgres") -> str:
        return f"{scheme}://stationbook@/{database}?host={self.host}"

    @contextmanager
    def admin(self, database: str = "postgres") -> "Iterator[psycopg.Connection[Any]]":
        with psycopg.connect(self.url(database, "postgresql"), autocommit=True) as connection:
            yield connection

    def manage(self, *words: str, database: str = "product", input: str | None = None) -> str:
        environment = {**self.environment, "DATABASE_URL": self.url(database)}
        done = subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=ROOT,
            env=environment,
            check=True,
            capture_output=True,
            text=True,
            input=input,
        )
        return done.stdout

    def run_yardstick(self, script: str, *words: str) -> str:
        done = subprocess.run(
            [YARDSTICK_PYTHON, YARDSTICK / script, *words],
            cwd=YARDSTICK, env=self.environment, check=True, capture_output=True, text=True,
        )  # fmt: skip
        return done.stdout

    def prepare(self) -> None:
        """Fill both databases with the same rows, keep a clean copy of each, and an empty one of the product's."""
        (self.scratch / "env").write_text(fresh_keys())
        made = "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"
        self.environment["YARD_KEY"] = subprocess.run(
            [YARDSTICK_PYTHON, "-c", made], check=True, capture_output=True, text=True
        ).stdout.strip()
        self.environment["YARD_DSN"] = self.url("yardstick", "postgresql+asyncpg")
        self.write_rows(self.rows, self.stations, DAYS, self.per_day)
        with self.admin() as admin:
            for name in ("product", "yardstick"):
                admin.execute(f"CREATE DATABASE {name}")
        self.manage("migrate", "--verbosity", "0")
        self.manage("collectstatic", "--noinput", "--verbosity", "0")
        self.copy("product", "empty")
        self.import_rows(self.rows, "product")
        self.add_people()
        self.yard_station, self.yardstick.token = self.run_yardstick("load_yardstick.py", str(self.rows)).split()[:2]
        for side in (self.product, self.yardstick):
            self.vacuum(side.database)
            self.copy(side.database, f"{side.database}_clean")

    def write_rows(self, to: Path, stations: int, days: int, per_day: int) -> None:
        words = ("--stations", stations, "--days", days, "--per-day", per_day, "--start", self.first)
        subprocess.run([sys.executable, YARDSTICK / "data.py", to, *map(str, words)], check=True)

    def import_rows(self, rows: Path, database: str) -> str:
        words = ("import_bookings", str(rows), "--create-stations", "--set", "capacity=60")
        return self.manage(*words, database=database)

    def codes(self, count: int) -> list[str]:
        return [f"S{number:03d}" for number in range(1, count + 1)]

    def add_people(self) -> None:
        for email, count in (("one@example.com", 1), ("many@example.com", min(16, self.stations))):
            where = [word for code in self.codes(count) for word in ("--station", code)]
            self.manage("adduser", email, "--group", "Station staff", *where, "--password-stdin", input=PASSWORD)

    def vacuum(self, database: str) -> None:
        with self.admin(database) as admin:
            admin.execute("VACUUM ANALYZE")

    def copy(self, of: str, to: str) -> None:
        with self.admin() as admin:
            admin.execute(f"DROP DATABASE IF EXISTS {to} WITH (FORCE)")
            admin.execute(f"CREATE DATABASE {to} TEMPLATE {of}")

    def start(self) -> None:
        self.serve(self.product)
        peer = [
            str(YARDSTICK_PYTHON),
            "-m",
            "uvicorn",
            "seed_api:app",
            "--workers",
            SERVER_PROCESSES,
            "--no-access-log",
        ]
        self.launch(self.yardstick, [*peer, "--port", str(self.yardstick.port)], YARDSTICK, self.environment)

    def serve(self, side: Side) -> None:
        """Start the product's web server on that side's database."""
        metrics = self.scratch / f"metrics-{side.port}"
        metrics.mkdir(exist_ok=True)
        own = {
            "DATABASE_URL": self.url(side.database),
            "PORT": str(side.port),
            "PROMETHEUS_MULTIPROC_DIR": str(metrics),
        }
        self.launch(side, [str(ROOT / "script" / "web")], ROOT, {**self.environment, **own, "HOST": "127.0.0.1"})

    def launch(self, side: Side, command: list[str], folder: Path, environment: dict[str, str]) -> None:
        log = (self.scratch / "log").open("ab")
        side.server = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
        until = time.monotonic() + TIMEOUT_SECONDS
        while not listens_on(side.port):
            if time.monotonic() > until:
                raise SystemExit(f"The {side.name} did not start:\n{(self.scratch / 'log').read_text()[-2000:]}")
            time.sleep(0.1)

    def stop(self, *sides: Side) -> None:
        for side in sides or (self.product, self.yardstick):
            if side.server:
                side.server.send_signal(signal.SIGTERM)
                side.server.wait()
                side.server = None

    def reset(self) -> None:
        """Restart both on their clean copies, so that no case is slowed down by dead rows of another."""
        self.stop()
        for side in (self.product, self.yardstick):
            self.copy(f"{side.database}_clean", side.database)
            self.vacuum(side.database)
        self.start()

    def sign_in(self, email: str = "one@example.com", side: Side | None = None) -> None:
        """Get a token. It is valid for five minutes, which is longer than a case takes."""
        side = side or self.product
        side.token = ""
        answer, _headers = side.request("/api/auth/login", {"email": email, "password": PASSWORD})
        side.token = answer["data"]["access"]

    def session(self) -> tuple[str, str]:
        """The name and value of a session cookie for the same user, made by the product's own code."""
        code = (
            "from django.test import Client; from accounts.models import User; c = Client();"
            "c.force_login(User.objects.get(email='one@example.com')); [cookie] = c.cookies.values();"
            "print(cookie.key, cookie.value)"
        )
        name, value = self.manage("shell", "--no-imports", "-c", code).split()[-2:]
        return name, value

    def range(self, days: int) -> str:
        kind = "weekly" if days <= 7 else "monthly"
        last = self.first + timedelta(days=days - 1)
        return f"/api/bookings/admin/{kind}?date_from={self.first}&date_to={last}"
