"""The parts of script/upgrade: the checkout, units of systemd, and what counts as well."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from django.conf import settings
from upgrade_lib import checkout, services
from upgrade_lib.errors import UnhealthyError, UpgradeError
from upgrade_lib.health import wait_until_healthy

from tests.scripts.repositories import commit, git


@pytest.fixture
def releases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout at 1.9.0 that knows 1.10.0, which requires something else."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    monkeypatch.setattr(checkout, "ROOT", folder)
    monkeypatch.setattr(checkout, "WORK", folder / "var/upgrade")
    monkeypatch.setattr(checkout, "PREVIOUS_VENV", folder / "var/upgrade/previous-venv")
    git(folder, "init", "--quiet", "--initial-branch=main")
    for version in ("1.9.0", "1.10.0"):
        (folder / "pyproject.toml").write_text(f'[project]\nversion = "{version}"\n')
        (folder / "requirements.txt").write_text(version)
        commit(folder, f"Release {version}")
        git(folder, "tag", f"v{version}")
    git(folder, "tag", "v2-plans")
    git(folder, "checkout", "--quiet", "v1.9.0")
    for venv in (".venv", "var/upgrade/release/.venv"):
        (folder / venv).mkdir(parents=True)
        (folder / venv / "path").write_text(venv)
    return folder


def test_newest_release_is_the_highest_number(releases: Path) -> None:
    assert checkout.find_release(None) == checkout.Release("v1.10.0", "1.10.0")
    assert checkout.current().version == "1.9.0"


def test_release_that_there_is_not_is_refused(releases: Path) -> None:
    with pytest.raises(UpgradeError, match=r"^There is no release 1\.11\.0: git knows no tag v1\.11\.0\.$"):
        checkout.find_release("1.11.0")


def test_switch_there_and_back_keeps_both_virtual_environments(releases: Path) -> None:
    old, new = checkout.current(), checkout.find_release(None)

    checkout.switch(new, releases / "var/upgrade/release/.venv")
    there = (releases / "requirements.txt").read_text(), (releases / ".venv/path").read_text()
    checkout.switch(old, checkout.PREVIOUS_VENV)
    back = (releases / "requirements.txt").read_text(), (releases / ".venv/path").read_text()

    assert there == ("1.10.0", "var/upgrade/release/.venv")
    assert back == ("1.9.0", ".venv")


def test_release_beside_the_checkout_is_removed_afterwards(releases: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed: list[Path] = []
    monkeypatch.setattr(checkout, "_install", installed.append)

    with checkout.worktree(checkout.find_release(None)) as folder:
        inside = (folder / "requirements.txt").read_text(), (releases / "requirements.txt").read_text()

    assert (inside, installed, folder.exists()) == (("1.10.0", "1.9.0"), [folder], False)
    assert git(releases, "worktree", "list").count("\n") == 0


SYSTEMCTL = """#!/bin/sh
echo "$@" >> {log}
case "$*" in
list-units*)
    echo "stationbook-worker@1.service loaded active running a worker"
    echo "stationbook-web@8002.service loaded active running a web server"
    echo "stationbook-web@8001.service loaded active running a web server"
    echo "stationbook-web@9001.service loaded active running of another checkout" ;;
*WorkingDirectory*9001*) echo /srv/other ;;
*WorkingDirectory*) echo {root} ;;
*ActiveState*) echo {state} ;;
restart*8002*) echo "it is masked" >&2; exit 1 ;;
esac
"""


@pytest.fixture
def systemctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The commands that it got; units restart, but for the second web server."""
    log, program = tmp_path / "log", tmp_path / "systemctl"
    program.write_text(SYSTEMCTL.format(log=log, root=settings.BASE_DIR, state="failed"))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(services, "WORKER_SECONDS", 0)
    return log


def test_units_of_this_checkout_are_found_web_servers_first(systemctl: Path) -> None:
    assert [unit.name for unit in services.units()] == [
        "stationbook-web@8001.service",
        "stationbook-web@8002.service",
        "stationbook-worker@1.service",
    ]


def test_unit_is_asked_at_its_port_after_it_was_restarted(systemctl: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str, float]] = []
    monkeypatch.setattr(services, "wait_until_healthy", lambda *arguments, is_running: asked.append(arguments))

    services.units()[0].restart("1.1.0", 5)

    assert systemctl.read_text().splitlines()[-1] == "restart stationbook-web@8001.service"
    assert asked == [("http://127.0.0.1:8001", "1.1.0", 5)]


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (1, "systemctl restart stationbook-web@8002.service failed: it is masked"),
        (2, "stationbook-worker@1.service does not keep running."),
    ],
)
def test_unit_that_does_not_restart_is_unhealthy(systemctl: Path, number: int, sentence: str) -> None:
    with pytest.raises(UnhealthyError) as raised:
        services.units()[number].restart("1.1.0", 5)

    assert str(raised.value) == sentence


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of release 1.1.0, whose migrations are not applied."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            is_live = self.path == "/health/live"
            checks = {"migrations": {"ok": False, "says": "2 migrations are not applied."}}
            self.send_response(200 if is_live else 503)
            self.end_headers()
            self.wfile.write(json.dumps({"version": "1.1.0"} if is_live else {"checks": checks}).encode())

        def log_message(self, *arguments: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Handler) as made:
        thread = threading.Thread(target=made.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{made.server_port}"
        made.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("version", "fault"),
    [
        ("1.1.0", "answers /health/web with 503: 2 migrations are not applied."),
        ("1.2.0", "answers as release 1.1.0, not 1.2.0."),
    ],
)
def test_server_that_is_not_well_is_named_with_its_fault(server: str, version: str, fault: str) -> None:
    with pytest.raises(UnhealthyError) as raised:
        wait_until_healthy(server, version, 0, is_running=lambda: True)

    assert str(raised.value) == f"{server} {fault}"


def test_server_that_has_ended_is_not_waited_for() -> None:
    with pytest.raises(UnhealthyError, match="does not answer"):
        wait_until_healthy("http://127.0.0.1:1", "1.1.0", 600, is_running=lambda: False)
