"""The folder in which processes count together: there before anything counts, and the same for all of them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings

from tests.servers import fresh_keys

ROOT = Path(settings.BASE_DIR)
COUNTED = "from core.process_metrics import RESTARTS; RESTARTS.labels('worker').inc()"


def keys_with(folder: Path, **variables: str) -> Path:
    """A settings file with fresh keys."""
    path = folder / "env"
    path.write_text(fresh_keys() + "".join(f"{name}={value}\n" for name, value in variables.items()))
    return path


@pytest.mark.slow
@pytest.mark.parametrize("place", ["settings file", "environment"])
def test_commands_count_in_the_folder_wherever_it_is_named(place: str, tmp_path: Path) -> None:
    folder = str(tmp_path / "not/there/yet")
    variables = {"DATABASE_URL": f"sqlite:///{tmp_path}/none.sqlite3"}
    named = {"PROMETHEUS_MULTIPROC_DIR": folder}
    file = keys_with(tmp_path, **variables, **(named if place == "settings file" else {}))
    environment = {"PATH": os.environ["PATH"], "ENV_FILE": str(file), **(named if place == "environment" else {})}
    command = [sys.executable, "manage.py", "shell", "--no-imports", "-v", "0", "-c", COUNTED]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert [
        path for path in Path(folder).glob("counter_*.db") if b"stationbook_restarts_total" in path.read_bytes()
    ] != []


def test_command_says_why_the_folder_cannot_be_made(tmp_path: Path) -> None:
    file = keys_with(tmp_path, PROMETHEUS_MULTIPROC_DIR=f"{tmp_path}/env/metrics")
    command = [sys.executable, "manage.py", "check"]
    environment = {"PATH": os.environ["PATH"], "ENV_FILE": str(file)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (
        1,
        "The settings are not complete: "
        f"PROMETHEUS_MULTIPROC_DIR is {tmp_path}/env/metrics, which cannot be created: Not a directory.\n",
    )


@pytest.mark.parametrize(("words", "is_emptied"), [([], True), (["--supervisor", "1"], False)])
def test_web_server_begins_with_an_empty_folder_but_under_a_supervisor(
    words: list[str], is_emptied: bool, tmp_path: Path
) -> None:
    """Whose worker counts in it already."""
    (tmp_path / "script").mkdir()
    for name in ("_setup.sh", "web"):
        shutil.copy(ROOT / "script" / name, tmp_path / "script" / name)
    program = tmp_path / ".venv/bin/python"
    program.parent.mkdir(parents=True)
    program.write_text('#!/bin/sh\n[ "$2" != server_lib.web ] || echo "$PROMETHEUS_MULTIPROC_DIR"\n')
    program.chmod(0o755)
    left = tmp_path / "metrics/counter_1.db"
    left.parent.mkdir()
    left.touch()
    (tmp_path / "env").write_text(f"PROMETHEUS_MULTIPROC_DIR={left.parent}\n")
    environment = {"PATH": os.environ["PATH"], "ENV_FILE": str(tmp_path / "env")}
    if words:
        environment["PROMETHEUS_MULTIPROC_DIR"] = str(left.parent)
    done = subprocess.run(
        [tmp_path / "script/web", *words], env=environment, capture_output=True, text=True, check=True
    )

    assert (done.stdout, left.exists()) == (f"{left.parent}\n", not is_emptied)


def test_compose_and_units_give_each_web_server_a_folder_in_memory_and_the_token() -> None:
    services: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "deploy/compose.yaml").read_text())["services"]
    unit = (ROOT / "deploy/systemd/stationbook-web@.service").read_text()

    for name in ("web1", "web2"):
        assert services[name]["environment"]["PROMETHEUS_MULTIPROC_DIR"] == "/tmp/metrics"  # a tmpfs of its own
        assert services[name]["environment"]["METRICS_TOKEN_FILE"] == "/run/secrets/metrics_token"
    assert "\nRuntimeDirectory=stationbook-web-%i\n" in unit
    assert "METRICS_TOKEN_FILE=%d/metrics_token PROMETHEUS_MULTIPROC_DIR=%t/stationbook-web-%i\n" in unit


def test_prometheus_asks_the_web_servers_where_they_listen() -> None:
    folder = ROOT / "deploy/prometheus"
    asked = {path.name: yaml.safe_load(path.read_text())[0]["targets"] for path in sorted(folder.glob("targets.*.yml"))}
    [job] = yaml.safe_load((folder / "prometheus.yml").read_text())["scrape_configs"]
    ports = (ROOT / "deploy/systemd/stationbook-web@.service").read_text().partition("\n")[0]

    assert asked == {
        "targets.compose.yml": ["web1:8000", "web2:8000"],
        "targets.systemd.yml": ["127.0.0.1:8001", "127.0.0.1:8002"],
    }
    assert "stationbook-web@8001 stationbook-web@8002" in ports
    assert job["file_sd_configs"] == [{"files": ["targets.*.yml"]}]
