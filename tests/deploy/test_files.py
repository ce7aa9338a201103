"""What stands in `deploy/` and in the Dockerfile, as far as it can be asked without an engine of containers."""

import os
import re
import shutil
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings

from tests.servers import make_certificate, program, setting_names

ROOT = Path(settings.BASE_DIR)
DEPLOY = ROOT / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OWN = [name for name, service in SERVICES.items() if service.get("image", "").startswith("stationbook:")]
UNITS = sorted((DEPLOY / "systemd").iterdir())


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's lines: what each says, and of what."""
    text = re.sub(r"\\\n", " ", (ROOT / "Dockerfile").read_text())
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(word, rest.strip()) for word, _space, rest in (line.partition(" ") for line in lines)]


def last_stage() -> list[tuple[str, str]]:
    found = instructions()
    return found[max(n for n, (word, _rest) in enumerate(found) if word == "FROM") :]


def secret_names(service: dict[str, Any]) -> list[str]:
    return [one if isinstance(one, str) else one["source"] for one in service.get("secrets", [])]


BASES = {"Dockerfile": ROOT / "Dockerfile"} | {
    f"{path.parent.name}/Dockerfile": path for path in DEPLOY.glob("*/Dockerfile")
}


def bases(dockerfile: Path) -> list[str]:
    """The images that it begins with, by what ARG BASE says where they are given as an argument."""
    text = dockerfile.read_text()
    default = re.search(r"^ARG BASE=(\S+)$", text, re.MULTILINE)
    named = re.findall(r"^FROM (\S+)", text, re.MULTILINE)
    return [default[1] if name == "${BASE}" and default else name for name in named]


PINNED = re.compile(r"[a-z]+:\d[\w.-]*\d[\w.-]*@sha256:[0-9a-f]{64}|debian:[a-z]+-\d{8}-slim@sha256:[0-9a-f]{64}")
"""A version and a digest."""


def test_images_from_elsewhere_are_pinned_by_version_and_digest() -> None:
    named = [name for dockerfile in BASES.values() for name in bases(dockerfile)]
    named += [service["image"] for service in SERVICES.values() if "build" not in service]

    assert {*BASES} >= {"Dockerfile", "backup/Dockerfile", "pgbouncer/Dockerfile", "prometheus/Dockerfile"}
    assert len(named) >= 9
    assert [name for name in named if not PINNED.fullmatch(name)] == []


def test_nothing_leaves_a_core_dump() -> None:
    """It would hold keys and personal data."""
    assert {name: service.get("ulimits") for name, service in SERVICES.items()} == {
        name: {"core": 0} for name in SERVICES
    }
    services = [unit for unit in UNITS if unit.suffix == ".service"]
    assert [unit.name for unit in services if "\nLimitCORE=0\n" not in unit.read_text()] == []
    assert "\nulimit -c 0\n" in (ROOT / "script/web").read_text()


def test_image_runs_as_nobody_and_installs_what_is_pinned() -> None:
    user = [rest for word, rest in last_stage() if word == "USER"]
    installs = [rest for word, rest in instructions() if word == "RUN" and "pip install" in rest]

    assert user == ["10001:10001"]
    assert len(installs) == 1
    assert "--require-hashes -r requirements.txt" in installs[0]


def test_image_is_told_no_secret() -> None:
    values = " ".join(rest for word, rest in instructions() if word in ("ENV", "ARG"))
    run = next(rest for word, rest in instructions() if word == "RUN" and "write_env.py" in rest)

    assert re.search(r"KEY|SECRET|PASSWORD|TOKEN|_URL", values) is None
    assert re.search(r"rm -rf /tmp/env\b", run)
    assert {".env", ".git", "var", "secrets"} <= set((ROOT / ".dockerignore").read_text().splitlines())


def test_image_names_programs_that_there_are() -> None:
    values = " ".join(rest for word, rest in last_stage() if word in ("CMD", "HEALTHCHECK"))
    programs = [name for name in re.findall(r'"/app/([^"]+)"', values) if not name.startswith(".venv")]

    commands = [word for name in OWN for word in SERVICES[name].get("command", []) if word.startswith("/app/")]
    programs += [word.removeprefix("/app/") for word in commands if not word.startswith("/app/.venv")]

    assert programs == ["deploy/healthy.py", "script/web", "deploy/backup/daily"]
    assert all((ROOT / name).exists() for name in programs)


def test_image_brings_what_its_programs_need() -> None:
    listed = (ROOT / ".dockerignore").read_text().splitlines()

    needed = {"script", "deploy", "static", "templates", "locale", "manage.py", "requirements.txt", "pyproject.toml"}
    assert not needed & set(listed)
    assert {"deploy/**", "!deploy/healthy.py", "!deploy/backup/daily"} <= set(listed)


def test_image_has_the_tools_of_the_databases_release() -> None:
    """pg_dump of an older release refuses the server."""
    [server] = re.findall(r"^postgres:(\d+)\.", SERVICES["postgres"]["image"])
    text = (ROOT / "Dockerfile").read_text()

    assert set(re.findall(r"postgresql-client-(\d+)", text)) == {server}
    assert set(re.findall(r"postgresql/(\d+)/bin/pg_(?:dump|restore)\b", text)) == {server}


def test_compose_has_two_web_servers_and_all_that_they_stand_on() -> None:
    assert set(SERVICES) == {
        *("web1", "web2", "worker", "migrate", "backup", "backup-copy"),
        *("proxy", "pgbouncer", "postgres", "redis", "prometheus"),
    }
    assert OWN == ["web1", "web2", "worker", "migrate", "backup"]


@pytest.mark.parametrize("name", OWN)
def test_own_containers_can_change_nothing(name: str) -> None:
    service = SERVICES[name]

    assert (service["read_only"], service["cap_drop"], service["tmpfs"]) == (True, ["ALL"], ["/tmp"])
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "ports" not in service


def test_compose_hands_over_secrets_as_files_that_it_knows() -> None:
    used = {name for service in SERVICES.values() for name in secret_names(service)}
    values = [(name, value) for service in SERVICES.values() for name, value in service.get("environment", {}).items()]

    assert used == set(COMPOSE["secrets"])
    assert [name for name, _value in values if re.search(r"KEYS?$|PASSWORD$|(DATABASE|EMAIL)_URL$", name)] == []
    given = {value.rpartition("/")[2] for name, value in values if name.endswith("_FILE")}
    assert given <= used
    for name in OWN:
        files = {value.rpartition("/")[2] for key, value in SERVICES[name]["environment"].items() if "_FILE" in key}
        assert files == set(secret_names(SERVICES[name]))


def test_compose_sets_only_what_can_be_set() -> None:
    assert {key for name in OWN for key in SERVICES[name]["environment"]} <= set(setting_names())


def test_compose_waits_only_for_what_tells_that_it_is_ready() -> None:
    waits = [
        (name, other, how["condition"])
        for name, service in SERVICES.items()
        for other, how in service.get("depends_on", {}).items()
    ]
    with_health_check = {name for name, service in SERVICES.items() if "test" in service.get("healthcheck", {})}

    assert {other for _name, other, _how in waits} <= set(SERVICES)
    assert {other for _name, other, how in waits if how == "service_healthy"} <= with_health_check
    assert {other for _name, other, how in waits if how == "service_completed_successfully"} == {"migrate"}


def test_files_that_compose_brings_in_are_there() -> None:
    volumes = [one for service in SERVICES.values() for one in service.get("volumes", [])]
    brought = [one.partition(":")[0] for one in volumes if one.startswith("./")]
    built = [DEPLOY / service["build"]["context"] for service in SERVICES.values() if "build" in service]

    assert [name for name in brought if not (DEPLOY / name).is_file()] == []
    assert [folder for folder in built if not (folder / "Dockerfile").is_file()] == []


def test_proxy_asks_the_web_servers_that_compose_has() -> None:
    asked = re.findall(r"^\s+server (\w+):8000 ", (DEPLOY / "nginx/stationbook.conf").read_text(), re.MULTILINE)

    assert asked == ["web1", "web2"]


def test_proxy_is_what_nginx_understands(tmp_path: Path) -> None:
    text = (DEPLOY / "nginx/stationbook.conf").read_text()
    for old, new in {"web1:": "127.0.0.1:", "web2:": "127.0.0.2:", "/etc/nginx/tls": str(tmp_path)}.items():
        text = text.replace(old, new)
    make_certificate(tmp_path, "book.example.com", key="privkey.pem", certificate="fullchain.pem")
    (tmp_path / "nginx.conf").write_text(f"pid {tmp_path}/pid;\nevents {{}}\nhttp {{\n{text}\n}}\n")
    command = [program("nginx"), "-t", "-p", str(tmp_path), "-c", "nginx.conf", "-e", "error.log"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["web@", "worker@", "backup"])
def test_units_keep_settings_and_data_outside_the_checkout(name: str) -> None:
    lines = {*(DEPLOY / f"systemd/stationbook-{name}.service").read_text().splitlines()}

    assert lines >= {
        "LoadCredential=env:/etc/stationbook/env",
        "StateDirectory=stationbook",
        "StateDirectoryMode=0700",
        "Environment=DATA_DIR=%S/stationbook",
    }


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="there is no systemd here")
def test_units_are_what_systemd_understands(tmp_path: Path) -> None:
    copies = []
    for unit in UNITS:
        copy = tmp_path / unit.name
        copy.write_text(unit.read_text().replace("/srv/stationbook", str(ROOT)))
        copies.append(str(copy))
    done = subprocess.run(["systemd-analyze", "verify", *copies], capture_output=True, text=True, check=False)

    assert [line for line in (done.stdout + done.stderr).splitlines() if "stationbook" in line] == []


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="there is no systemd here")
@pytest.mark.parametrize("unit", [unit for unit in UNITS if unit.suffix == ".service"], ids=lambda unit: unit.name)
def test_units_give_next_to_nothing_away(unit: Path) -> None:
    """By systemd's own measure, from 0 for nothing to 10 for everything."""
    command = ["systemd-analyze", "security", "--offline=true", "--threshold=20", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout[-500:]


@pytest.mark.parametrize("unit", [unit for unit in UNITS if unit.suffix == ".service"], ids=lambda unit: unit.name)
def test_units_are_limited_and_tell_when_they_fail(unit: Path) -> None:
    text = unit.read_text()

    assert re.search(r"^MemoryMax=\d+[MG]$", text, re.MULTILINE)
    assert re.search(r"^LimitNOFILE=\d+$", text, re.MULTILINE)
    assert ("\nOnFailure=stationbook-failure@%n.service\n" in text) is (unit.name != "stationbook-failure@.service")
    if "\nRestart=always\n" in text:  # without a limit of starts it would never count as failed
        assert re.search(r"^StartLimitIntervalSec=10min\nStartLimitBurst=\d+$", text, re.MULTILINE)


def test_backups_expire_and_are_copied_elsewhere_by_compose_and_units() -> None:
    backup = SERVICES["backup"]["command"]
    unit = (DEPLOY / "systemd/stationbook-backup.service").read_text()

    assert backup[-3:] == ["/backups", "--keep-days", SERVICES["backup-copy"]["environment"]["KEEP_DAYS"]]
    assert "manage.py backup %S/stationbook-backups --keep-days 28\n" in unit
    assert "\nOnSuccess=stationbook-backup-copy.service\n" in unit
    assert "backups:/backups:ro" in SERVICES["backup-copy"]["volumes"]


class Probed(BaseHTTPRequestHandler):
    status = 200
    paths: list[str] = []

    def do_GET(self) -> None:
        self.paths.append(self.path)
        self.send_response(self.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_words: Any) -> None:
        """Nothing."""


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1), (None, 1)], ids=["alive", "ill", "gone"])
def test_health_check_tells_a_server_that_lives_from_one_that_does_not(
    status: int | None, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Probed, "status", status)
    monkeypatch.setattr(Probed, "paths", [])
    with HTTPServer(("127.0.0.1", 0), Probed) as server:
        port = server.server_port
        threading.Thread(target=server.serve_forever, daemon=True).start()
        if status is None:
            server.shutdown()
            server.socket.close()
        done = subprocess.run(
            [sys.executable, DEPLOY / "healthy.py"], env={"PORT": str(port)}, capture_output=True, check=False
        )
        if status is not None:
            server.shutdown()

    assert done.returncode == code
    assert Probed.paths == ([] if status is None else ["/health/live"])


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "all_proxy"])
def test_health_check_asks_this_server_whatever_proxy_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Probed, "status", 200)
    monkeypatch.setattr(Probed, "paths", [])
    with HTTPServer(("127.0.0.1", 0), Probed) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        environment = {"PORT": str(server.server_port), name: "http://127.0.0.1:9"}
        done = subprocess.run(
            [sys.executable, DEPLOY / "healthy.py"], env=environment, capture_output=True, check=False
        )
        server.shutdown()

    assert (done.returncode, Probed.paths) == (0, ["/health/live"])


@pytest.mark.parametrize(
    ("variables", "is_told"),
    [
        ({"HOST": "0.0.0.0"}, True),
        ({"HOST": "::"}, True),
        ({"HOST": "192.0.2.7", "PUBLIC_URL": "http://book.example.com"}, True),
        ({"HOST": "0.0.0.0", "PUBLIC_URL": "https://book.example.com"}, False),
        ({"HOST": "127.0.0.1"}, False),
        ({}, False),
    ],
)
def test_server_that_others_reach_says_loudly_that_it_is_in_local_mode(
    variables: dict[str, str], is_told: bool, tmp_path: Path
) -> None:
    """As a container starts it; what serves, and what looks for demo accounts, is replaced here."""
    for name in ("_setup.sh", "web"):
        (tmp_path / "script").mkdir(exist_ok=True)
        shutil.copy(ROOT / "script" / name, tmp_path / "script" / name)
    (tmp_path / ".venv/bin").mkdir(parents=True)
    program = tmp_path / ".venv/bin/python"
    program.write_text('#!/bin/sh\n[ "$2" != server_lib.web ] || echo serving\n')
    program.chmod(0o755)
    environment = {"PATH": os.environ["PATH"], "ENV_FILE": os.devnull, **variables}

    done = subprocess.run([tmp_path / "script/web"], env=environment, capture_output=True, text=True, check=True)

    assert done.stdout == "serving\n"
    assert ("LOCAL MODE" in done.stderr, "PUBLIC_URL=https://" in done.stderr) == (is_told, is_told)
