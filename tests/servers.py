"""Servers from the system's packages for tests and scripts (PostgreSQL, PgBouncer, Redis), and what the product's server needs.

Each has a folder of its own and a socket or a free port. They refuse to run as root, and so run as another user then.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
PATIENCE_SECONDS: Final = 60
USER: Final = "stationbook"


def postgres_program(name: str) -> str:
    """The newest: Debian and Homebrew keep them out of PATH."""
    places = [
        *Path("/usr/lib/postgresql").glob(f"*/bin/{name}"),
        *Path("/opt/homebrew/opt").glob(f"postgresql*/bin/{name}"),
    ]
    return [*filter(None, [shutil.which(name)]), *sorted(map(str, places))][-1]


def program(name: str) -> str:
    """Debian keeps servers where only root has them in PATH."""
    return shutil.which(name) or f"/usr/sbin/{name}"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def setting_names() -> list[str]:
    """Every setting that `.env.example` lists."""
    return re.findall(r"^#?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)


def environment() -> dict[str, str]:
    """This process's environment without the product's settings and without what measures the tests."""
    unwanted = {*setting_names(), "DJANGO_SETTINGS_MODULE"}
    return {
        name: value
        for name, value in os.environ.items()
        if name not in unwanted and not name.startswith(("COV_", "COVERAGE_"))
    }


def fresh_keys() -> str:
    """A settings file that holds nothing but new keys."""
    command = [sys.executable, str(ROOT / "script/server_lib/write_env.py")]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder that goes away, which others than its owner can pass."""
    with tempfile.TemporaryDirectory(prefix="stationbook-") as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)


def folder_for_servers(folder: Path) -> Path:
    """Made, and theirs who run the servers."""
    folder.mkdir(mode=0o755)
    if _is_root():
        shutil.chown(folder, "postgres", "postgres")
    return folder


def _is_root() -> bool:
    return os.getuid() == 0


def _user() -> str | None:
    return "postgres" if _is_root() else None


def run(*command: str | Path) -> str:
    """Run a program and return what it printed. Raises RuntimeError with its output."""
    done = subprocess.run(
        [*map(str, command)], user=_user(), capture_output=True, text=True, cwd="/", check=False, extra_groups=_groups()
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def _groups() -> list[int] | None:
    return [] if _is_root() else None


def wait_until(ready: Callable[[], bool], what: str, seconds: float = PATIENCE_SECONDS) -> None:
    until = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > until:
            raise RuntimeError(f"{what} is not ready after {seconds} seconds.")
        time.sleep(0.05)


@dataclass
class Postgres:
    """A server of PostgreSQL on a socket in its folder, made new or as somebody's replica."""

    folder: Path
    options: dict[str, str] = field(default_factory=dict)
    admin: str = USER
    """Who may do everything on it."""
    database: str = "postgres"

    @property
    def url(self) -> str:
        return f"postgres://{USER}@/{self.database}?host={self.folder}"

    def make(self) -> None:
        folder_for_servers(self.folder)
        wanted = ("-U", self.admin, "--auth=trust", "-E", "UTF8", "--locale=C", "--no-sync")
        run(postgres_program("initdb"), "-D", self.folder / "data", *wanted)

    def follow(self, host: str) -> None:
        """Become a copy of the server on that socket, and stream from it from then on."""
        folder_for_servers(self.folder)
        wanted = ("-h", host, "-U", self.admin, "-R", "-X", "stream", "-c", "fast", "--no-sync")
        run(postgres_program("pg_basebackup"), "-D", self.folder / "data", *wanted)

    def start(self) -> None:
        settings = {"unix_socket_directories": str(self.folder), "listen_addresses": "", **self.options}
        options = " ".join(f"-c {name}='{value}'" for name, value in settings.items())
        self._pg_ctl("-l", str(self.folder / "log"), "-o", options, "start")

    def stop(self, mode: str = "immediate") -> None:
        with suppress(RuntimeError):  # it may be down
            self._pg_ctl("-m", mode, "stop")

    def _pg_ctl(self, *wanted: str) -> None:
        run(postgres_program("pg_ctl"), "-D", self.folder / "data", "-w", *wanted)


@dataclass
class Program:
    """A server that stays in the foreground, and is there once its port or socket answers."""

    name: str
    command: list[str]
    answers: Callable[[], bool]
    log: Path
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                self.command, stdout=output, stderr=output, user=_user(), extra_groups=_groups(), cwd="/"
            )
        wait_until(self.answers, self.name)

    def stop(self, by: int = signal.SIGTERM) -> None:
        if self.process:
            self.process.send_signal(by)
            self.process.wait(PATIENCE_SECONDS)


def make_product_database(server: Postgres, password: Path) -> None:
    """By the product's own file: a database whose owner is no superuser, since row-level security does not hold superusers."""
    script = (ROOT / "deploy/postgres/10-stationbook.sh").read_text()
    script = script.replace("/run/secrets/database_password", str(password))
    environment = {**os.environ, "PGHOST": str(server.folder)}
    subprocess.run(["/bin/sh", "-c", script], env=environment, stdout=subprocess.DEVNULL, check=True)


def nginx_temporary_paths(folder: Path) -> str:
    """Directives that keep what nginx buffers below the folder; by default only root can write where it does."""
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    return " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)


def make_certificate(folder: Path, name: str, key: str, certificate: str) -> None:
    """A self-signed certificate for that host name, and its key, as files of the folder."""
    wanted = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={name}")
    files = ("-addext", f"subjectAltName=DNS:{name}", "-keyout", key, "-out", certificate)
    subprocess.run(["openssl", "req", "-x509", *wanted, *files], cwd=folder, capture_output=True, check=True)


def pgbouncer(folder: Path, host: str, *, pool: int) -> Program:
    """In transaction mode, by the product's own file; `pool` connections to the server on that socket."""
    folder_for_servers(folder)
    text = (ROOT / "deploy/pgbouncer/pgbouncer.ini").read_text()
    own = {
        "stationbook": "",
        "listen_addr": "",
        "unix_socket_dir": str(folder),
        "auth_type": "trust",
        "auth_file": str(folder / "users"),
        "default_pool_size": str(pool),
    }
    lines = [
        f"{name} = {own[name]}" if (name := line.partition(" =")[0]) in own else line for line in text.splitlines()
    ]
    lines[lines.index("stationbook = ")] = f"* = host={host} port=5432"
    (folder / "pgbouncer.ini").write_text("\n".join(lines) + "\n")
    (folder / "users").write_text(f'"{USER}" ""\n')
    path = str(folder / ".s.PGSQL.6432")
    command = [program("pgbouncer"), str(folder / "pgbouncer.ini")]
    return Program("PgBouncer", command, lambda: _listens(path), folder / "log")


def pgbouncer_url(folder: Path, name: str = "postgres") -> str:
    return f"postgres://{USER}@/{name}?host={folder}&port=6432"


def redis(folder: Path, port: int) -> Program:
    folder_for_servers(folder)
    command = [program("redis-server"), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    return Program("Redis", command, lambda: listens_on(port), folder / "log")


def listens_on(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _listens(path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as probe, suppress(OSError):
        probe.connect(path)
        return True
    return False
