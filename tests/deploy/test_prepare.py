"""deploy/prepare, as the instructions in deploy/compose.yaml call it."""

import base64
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings

from tests.config.test_settings import read

DEPLOY = Path(settings.BASE_DIR) / "deploy"
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
GIVEN = {
    "secrets/email_url": "smtp+tls://user:password@mail.example.com:587",
    "secrets/tls_fullchain.pem": "certificate",
    "secrets/tls_privkey.pem": "key",
    ".env": "BACKUP_REPOSITORY=s3:https://s3.example.com/bucket",
}
"""What no script can make."""


class Clone:
    """A copy of deploy/ as a clone under umask 077 has it."""

    def __init__(self, folder: Path) -> None:
        self.deploy = folder / "deploy"
        self.owners = folder / "owners"
        shutil.copytree(DEPLOY, self.deploy, ignore=shutil.ignore_patterns("secrets", ".env"))
        for path in (self.deploy, *self.deploy.rglob("*")):
            path.chmod(0o700 if path.is_dir() or os.access(path, os.X_OK) else 0o600)
        program = folder / "bin/chown"  # for whoever runs the tests may be nobody who can give files away
        program.parent.mkdir()
        program.write_text(f'#!/bin/sh\necho "$@" > {self.owners}\n')
        program.chmod(0o755)

    def prepare(self) -> "subprocess.CompletedProcess[str]":
        environment = {"PATH": f"{self.deploy.parent}/bin:{os.environ['PATH']}"}
        return subprocess.run([self.deploy / "prepare"], env=environment, capture_output=True, text=True, check=False)

    def give(self) -> None:
        for name, text in GIVEN.items():
            (self.deploy / name).write_text(f"{text}\n")

    def secrets(self) -> dict[str, str]:
        return {path.name: path.read_text().strip() for path in (self.deploy / "secrets").iterdir()}


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone(tmp_path)


@pytest.fixture
def ready(clone: Clone) -> Clone:
    clone.prepare()
    clone.give()
    assert clone.prepare().returncode == 0
    return clone


def test_prepare_names_each_file_that_it_cannot_make(clone: Clone) -> None:
    done = clone.prepare()

    assert done.returncode == 1
    assert [name for name in GIVEN if f"\n  deploy/{name}: " not in done.stderr] == []


def test_prepare_makes_every_secret_that_compose_names(ready: Clone) -> None:
    files = yaml.safe_load((ready.deploy / "compose.yaml").read_text())["secrets"].values()

    assert {Path(one["file"]).name for one in files} == {*ready.secrets()}
    assert [name for name, text in ready.secrets().items() if not text] == []


def test_prepared_secrets_are_read_by_their_group_alone(ready: Clone) -> None:
    modes = {path.name: path.stat().st_mode & 0o777 for path in (ready.deploy / "secrets").iterdir()}

    assert {*modes.values()} == {0o640}
    assert (ready.deploy / "secrets").stat().st_mode & 0o777 == 0o700
    assert re.fullmatch(r"0:10001( secrets/\S+)+", ready.owners.read_text().strip())
    assert ready.owners.read_text().count("secrets/") == len(modes)


@pytest.mark.parametrize("name", [name for name, one in SERVICES.items() if one.get("secrets")])
def test_containers_with_secrets_are_in_their_group_or_begin_as_root(name: str) -> None:
    """The image of the product and that of the copies run as 10001:10001; nginx's master is root."""
    service = SERVICES[name]

    starts_in_group = service["image"].startswith(("stationbook:", "stationbook-backup-copy"))
    assert starts_in_group or "10001" in service.get("group_add", []) or name == "proxy"


def test_files_that_are_mounted_are_readable_whatever_the_umask(ready: Clone) -> None:
    mounted = [one.partition(":")[0] for service in SERVICES.values() for one in service.get("volumes", [])]
    modes = {name: (ready.deploy / name).stat().st_mode for name in mounted if name.startswith("./")}

    assert len(modes) >= 3
    assert [name for name, mode in modes.items() if not mode & 0o004] == []


def test_prepare_again_changes_no_secret(ready: Clone) -> None:
    before = ready.secrets()

    assert ready.prepare().returncode == 0
    assert ready.secrets() == before


def test_prepared_secrets_are_what_production_takes(ready: Clone) -> None:
    secrets = ready.secrets()
    taken = (
        "secret_key",
        "jwt_key",
        "pii_keys",
        "index_keys",
        "audit_keys",
        "metrics_token",
        "database_url",
        "email_url",
    )
    found = read(PUBLIC_URL="https://book.example.com", **{name.upper(): secrets[name] for name in taken})

    assert found["PII_KEYS"] == [base64.b64decode(secrets["pii_keys"])]
    assert (found["DATABASES"]["default"]["HOST"], found["DATABASES"]["default"]["PORT"]) == ("pgbouncer", 6432)
    assert len({*secrets.values()}) == len(secrets)


def test_prepared_passwords_agree(ready: Clone) -> None:
    secrets = ready.secrets()
    password = secrets["database_password"]

    assert re.fullmatch(r"[A-Za-z0-9]{50,64}", password)
    assert secrets["pgbouncer_users"] == f'"stationbook" "{password}"'
    assert secrets["database_url"] == f"postgres://stationbook:{password}@pgbouncer:6432/stationbook"
    assert secrets["database_url_direct"] == f"postgres://stationbook:{password}@postgres:5432/stationbook"
