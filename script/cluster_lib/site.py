"""The installation that `script/cluster` tests, on one machine: a proxy with TLS, two web servers, two workers, PgBouncer,
PostgreSQL with a streaming replica, Redis, and a mail server that accepts everything."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

import psutil

from tests import servers
from tests.servers import ROOT, Postgres, Program, wait_until

POOL: Final = 20
WEB_SERVERS: Final = 2
WORKERS: Final = 2
RESTART_SECONDS: Final = 1.0
"""How long a service manager such as systemd waits before it restarts a process."""
STOP_TIMEOUT_SECONDS: Final = 20


@dataclass
class ProductProcess:
    """A process of the product."""

    name: str
    command: list[str]
    environment: dict[str, str]
    log: Path
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                self.command, env=self.environment, stdout=output, stderr=output, cwd=ROOT, start_new_session=True
            )

    def kill(self) -> None:
        """Kill the process and its children."""
        if self.process:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def end(self) -> None:
        """Stop the process as systemd and Docker do: SIGTERM, a timeout, SIGKILL."""
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(STOP_TIMEOUT_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()


@dataclass
class Site:
    folder: Path
    ports: dict[str, int] = field(default_factory=dict)

    @property
    def address(self) -> str:
        return f"https://localhost:{self.ports['proxy']}"

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.callback(self._end)
            self._begin()
            stack.pop_all()
        return self

    def __exit__(self, *_error: object) -> None:
        self._end()

    def _begin(self) -> None:
        names = ("proxy", "plain", "redis", "smtp", *(f"web{n}" for n in range(1, WEB_SERVERS + 1)))
        self.ports = {name: servers.free_port() for name in names}
        self.processes: dict[str, ProductProcess] = {}
        self.servers: dict[str, Program] = {}
        alike = {"admin": "postgres", "database": "stationbook"}
        self.primary = Postgres(self.folder / "primary", {"max_connections": "100"}, **alike)
        self.replica = Postgres(
            self.folder / "replica", {"max_connections": "100", "hot_standby_feedback": "on"}, **alike
        )
        self.primary.make()
        self.primary.start()
        password = self.folder / "password"
        password.write_text("unused")
        servers.make_product_database(self.primary, password)
        self.replica.follow(str(self.primary.folder))
        self.replica.start()
        self.servers["pgbouncer"] = servers.pgbouncer(self.folder / "pgbouncer", str(self.primary.folder), pool=POOL)
        self.servers["redis"] = servers.redis(self.folder / "redis", self.ports["redis"])
        for program in self.servers.values():
            program.start()
        self.environment = self._environment()
        self._make_processes()
        self.manage("migrate", "--verbosity", "0")
        self.manage("collectstatic", "--noinput", "--verbosity", "0")

    def _environment(self) -> dict[str, str]:
        """A production environment as .env.example describes it, without rate limits, which the load would reach."""
        path = self.folder / "env"
        path.write_text(servers.fresh_keys())
        path.chmod(0o600)
        return servers.environment() | {
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "PYTHONPATH": str(ROOT),
            "ENV_FILE": str(path),
            "PUBLIC_URL": self.address,
            "TRUSTED_PROXIES": "1",
            "DATABASE_URL": servers.pgbouncer_url(self.folder / "pgbouncer", "stationbook"),
            "DATABASE_POOLER": "1",
            "REPLICA_URL": self.replica.url,
            "REDIS_URL": f"redis://127.0.0.1:{self.ports['redis']}/0",
            "EMAIL_URL": f"smtp://127.0.0.1:{self.ports['smtp']}",
            "MAIL_GRACE_SECONDS": "2",
            "MAIL_DAILY_LIMIT_PER_RECIPIENT": "1000000",
            "MAIL_HOURLY_LIMIT_PER_STATION": "1000000",
            "RATE_LIMIT": "1000000/minute",
            "PAGE_RATE_LIMIT": "1000000/minute",
            "WEB_CONCURRENCY": "1",
            "WEB_THREADS": "4",
        }

    def _make_processes(self) -> None:
        def own(name: str, *command: str, **more: str) -> None:
            self.processes[name] = ProductProcess(
                name, list(command), {**self.environment, **more}, self.folder / f"{name}.log"
            )

        sink = (str(ROOT / "script/cluster_lib/smtp_sink.py"), str(self.ports["smtp"]), str(self.mails))
        own("sink", sys.executable, *sink)
        for n in range(1, WEB_SERVERS + 1):
            own(f"web{n}", str(ROOT / "script/web"), PORT=str(self.ports[f"web{n}"]))
        for n in range(1, WORKERS + 1):
            own(f"worker{n}", sys.executable, str(ROOT / "manage.py"), "deliver")
        own("proxy", *self._nginx())

    def _nginx(self) -> tuple[str, ...]:
        """nginx with the configuration from deploy/, with this machine's ports and a new certificate."""
        folder = self.folder / "proxy"
        folder.mkdir()
        servers.make_certificate(folder, "localhost", key="key.pem", certificate="certificate.pem")
        text = (ROOT / "deploy/nginx/stationbook.conf").read_text()
        changes = {
            "/etc/nginx/tls/fullchain.pem": f"{folder}/certificate.pem",
            "/etc/nginx/tls/privkey.pem": f"{folder}/key.pem",
            "listen 80": f"listen 127.0.0.1:{self.ports['plain']}",
            "listen 443 ": f"listen 127.0.0.1:{self.ports['proxy']} ",
            "https://book.example.com$": f"{self.address}$",
            "server_name book.example.com;": "server_name localhost;",
            "/var/log/nginx/access.log": f"{folder}/failures.log",
            "$host;": f"localhost:{self.ports['proxy']};",
            **{f"web{n}:8000": f"127.0.0.1:{self.ports[f'web{n}']}" for n in range(1, WEB_SERVERS + 1)},
        }
        for old, new in changes.items():
            text = text.replace(old, new)
        head = (
            f"pid {folder}/pid; error_log {folder}/error.log; worker_processes 1; events {{ worker_connections 8192; }}"
        )
        (folder / "nginx.conf").write_text(f"{head}\nhttp {{\n{servers.nginx_temporary_paths(folder)}\n{text}\n}}\n")
        return (servers.program("nginx"), "-p", str(folder), "-c", str(folder / "nginx.conf"), "-g", "daemon off;")

    @property
    def mails(self) -> Path:
        return self.folder / "mails"

    def manage(self, *words: str) -> str:
        command = [sys.executable, str(ROOT / "manage.py"), *words]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False, cwd=ROOT)
        if done.returncode:
            raise RuntimeError(f"manage.py {words[0]} failed:\n{done.stdout}{done.stderr}")
        return done.stdout

    def run(self, script: str, *words: str) -> Any:
        """Run a script with the product's settings, and parse the JSON it prints."""
        command = [sys.executable, str(ROOT / "script" / script), *words]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False, cwd=ROOT)
        if done.returncode:
            raise RuntimeError(f"{script} failed:\n{done.stdout}{done.stderr}")
        return json.loads(done.stdout)

    def open(self) -> None:
        """Start the product itself, and wait until each web server answers."""
        self.processes["sink"].start()
        self._wait_for_port("sink", "smtp")
        for process in self.processes.values():
            if process.process is None:
                process.start()
        for n in range(1, WEB_SERVERS + 1):
            self.wait_for(f"web{n}")
        self._wait_for_port("proxy", "proxy")

    def _wait_for_port(self, name: str, port: str) -> None:
        """Raises RuntimeError with what the process said, where it ends instead: another may have taken the port meanwhile."""
        own = self.processes[name]

        def listens() -> bool:
            if own.process is None or own.process.poll() is not None:
                raise RuntimeError(f"{name} ended:\n{own.log.read_text()}")
            return servers.listens_on(self.ports[port])

        wait_until(listens, name)

    def wait_for(self, name: str) -> None:
        wait_until(lambda: answers(self.ports[name]), name)

    def program(self, name: str) -> Program:
        return self.servers[name]

    def processor_seconds(self) -> dict[str, float]:
        """Processor seconds that each part has used so far."""
        parts = {name: one.process for name, one in self.processes.items() if one.process}
        parts |= {name: one.process for name, one in self.servers.items() if one.process}
        found = {name: _seconds(process.pid) for name, process in parts.items()}
        for name, server in (("primary", self.primary), ("replica", self.replica)):
            with suppress(OSError):
                found[name] = _seconds(int((server.folder / "data/postmaster.pid").read_text().split()[0]))
        return found

    def memory(self) -> list[float]:
        """Memory of each web server's request process, in MB."""
        found = []
        for name, one in self.processes.items():
            if name.startswith("web") and one.process:
                whole = psutil.Process(one.process.pid)
                with suppress(psutil.Error):
                    found.append(max(process.memory_info().rss for process in (whole, *whole.children(recursive=True))))
        return [rss / 2**20 for rss in found]

    def _end(self) -> None:
        for process in reversed(self.processes.values()):
            process.end()
        for program in self.servers.values():
            program.stop(signal.SIGKILL)
        self.replica.stop()
        self.primary.stop()


def answers(port: int) -> bool:
    """Whether a web server answers; a redirect or a refusal counts."""
    with suppress(OSError):
        request = urllib.request.Request(f"http://127.0.0.1:{port}/accounts/login/", headers={"Host": "localhost"})
        request.add_header("X-Forwarded-Proto", "https")
        try:
            urllib.request.urlopen(request, timeout=5)  # nosec B310  # http, as made above
        except urllib.error.HTTPError as answer:
            return answer.code < 500
        return True
    return False


def _seconds(pid: int) -> float:
    """Processor seconds of a process and all its children, past ones included."""
    total = 0.0
    with suppress(psutil.Error):
        whole = psutil.Process(pid)
        for one in (whole, *whole.children(recursive=True)):
            with suppress(psutil.Error):
                times = one.cpu_times()
                total += times.user + times.system + (times.children_user + times.children_system)
    return total


def processor_use(spent: Mapping[str, float], before: Mapping[str, float], since: float) -> dict[str, float]:
    """How many processors each kind of part kept busy on average."""
    kinds: dict[str, float] = {}
    for name, seconds in spent.items():
        kind = name.rstrip("0123456789")
        kinds[kind] = kinds.get(kind, 0) + max(seconds - before.get(name, 0), 0) / max(time.time() - since, 0.001)
    return kinds
