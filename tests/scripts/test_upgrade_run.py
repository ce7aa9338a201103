"""script/upgrade in a clone whose server runs. The tests share the clone and stand in the order of its life."""

import re
import shutil
import subprocess
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from upgrade_lib.health import get_json

from tests.scripts.product import TIMEOUT_SECONDS, Product, Server
from tests.scripts.repositories import commit, git
from tests.servers import free_port

# The clone has SQLite, whatever the tests themselves have.
pytestmark = [pytest.mark.xdist_group("server"), pytest.mark.looks, pytest.mark.long]

BRIEFLY = ("--no-backup", "--no-preflight")
UNWELL_IN_THE_CHECKOUT = """

from django.conf import settings as _settings

if (_settings.BASE_DIR / ".git").is_dir():
    def _unwell(request: HttpRequest) -> HttpResponse:
        return _json_response({"colour": Check(False, "The colour is wrong.")})

    VIEWS = {**VIEWS, "/health/web": _unwell}
"""
MIGRATION = """
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("stations", "%s")]
    operations = []
"""


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def release(folder: Path, version: str) -> None:
    text = (folder / "pyproject.toml").read_text()
    (folder / "pyproject.toml").write_text(re.sub(r'^version = "[^"]+"', f'version = "{version}"', text, flags=re.M))
    commit(folder, f"Release {version}")
    git(folder, "tag", f"v{version}")


@pytest.fixture(scope="module")
def installed(product: Product, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """With its settings and data outside the checkout."""
    etc, data = tmp_path_factory.mktemp("etc"), tmp_path_factory.mktemp("data")
    yield Product(product.folder, {**product.variables, "ENV_FILE": str(etc / "env"), "DATA_DIR": str(data)})
    for metrics in (data / "metrics").glob("*"):  # in memory
        shutil.rmtree(metrics.resolve())


@pytest.fixture(scope="module")
def clone(product: Product) -> Path:
    """A checkout at 1.0.0 that knows later releases: 1.1.0 migrates, 1.2.0 is unwell once it serves from the checkout, and
    1.2.1 cannot serve at all."""
    folder = product.folder
    git(folder, "init", "--quiet", "--initial-branch=main")
    change(folder / ".gitignore", ".venv/", ".venv")
    release(folder, "1.0.0")
    migrations = folder / "stations/migrations"
    newest = max(path.stem for path in migrations.glob("0*.py"))
    (migrations / "0099_nothing.py").write_text(textwrap.dedent(MIGRATION % newest))
    release(folder, "1.1.0")
    with (folder / "config/observability/health.py").open("a") as file:
        file.write(UNWELL_IN_THE_CHECKOUT)
    release(folder, "1.2.0")
    (folder / "config/rsgi.py").write_text("raise RuntimeError\n")
    release(folder, "1.2.1")
    git(folder, "checkout", "--quiet", "v1.0.0")
    return folder


@dataclass
class Upgrading:
    product: Product
    server: Server
    address: str

    @property
    def data(self) -> Path:
        return Path(self.product.variables["DATA_DIR"])

    def upgrade(self, *arguments: str) -> tuple[int, str]:
        done = subprocess.run(
            ["script/upgrade", *arguments],
            cwd=self.product.folder,
            env=self.product.variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TIMEOUT_SECONDS * 4,
            check=False,
        )
        return done.returncode, done.stdout

    def state(self) -> tuple[str, Any, int | None]:
        """What the checkout is at, as what the server answers, and whether pages can be served."""
        version = get_json(f"{self.address}/health/live")[1].get("version")
        return git(self.product.folder, "describe", "--tags"), version, get_json(f"{self.address}/health/web")[0]


@pytest.fixture(scope="module")
def upgrading(installed: Product, clone: Path) -> Iterator[Upgrading]:
    port = free_port()
    with installed.serving(PORT=str(port), DEMO="0", WEB_CONCURRENCY="1") as server:
        yield Upgrading(installed, server, f"http://127.0.0.1:{port}")


def test_upgrade_takes_a_running_server_to_the_release_that_is_named(upgrading: Upgrading) -> None:
    assert upgrading.state() == ("v1.0.0", "1.0.0", 200)

    status, output = upgrading.upgrade("1.1.0")

    assert status == 0, output
    assert upgrading.state() == ("v1.1.0", "1.1.0", 200)
    assert "Preflight of the new release:\nAll is well.\n" in output
    assert "Applying stations.0099_nothing... OK" in output
    assert output.endswith("This is release 1.1.0. To return to 1.0.0: script/upgrade --back\n")
    [backup] = (upgrading.data / "backups").iterdir()
    assert (backup / "manifest.json").is_file()


def test_upgrade_leaves_settings_and_data_outside_the_checkout(upgrading: Upgrading) -> None:
    inside = (".env", "var/stationbook.sqlite3", "var/server.lock", "var/backups")

    assert [name for name in inside if (upgrading.product.folder / name).exists()] == []
    assert (upgrading.data / "stationbook.sqlite3").is_file()


def test_upgrade_that_leaves_out_a_minor_release_is_refused_while_the_server_runs(upgrading: Upgrading) -> None:
    git(upgrading.product.folder, "checkout", "--quiet", "v1.0.0")
    status, output = upgrading.upgrade("1.2.0")
    git(upgrading.product.folder, "checkout", "--quiet", "v1.1.0")

    assert (status, output) == (
        1,
        "1.2.0 does not run beside 1.0.0. Upgrade to one minor release after the other, or stop all that runs from this "
        "checkout first.\n",
    )


def test_upgrade_to_the_same_release_changes_nothing(upgrading: Upgrading) -> None:
    assert upgrading.upgrade("1.1.0") == (0, "This is release 1.1.0 already.\n")


def test_upgrade_to_a_release_that_is_not_healthy_goes_back(upgrading: Upgrading) -> None:
    status, output = upgrading.upgrade("1.2.0", *BRIEFLY, "--patience", "20")

    assert status == 1
    assert "answers /health/web with 503: The colour is wrong." in output
    assert output.endswith("1.2.0 is not healthy. 1.1.0 runs again; the database stays as it is.\n")
    assert upgrading.state() == ("v1.1.0", "1.1.0", 200)


def test_upgrade_to_a_release_that_cannot_serve_touches_nothing_that_runs(upgrading: Upgrading) -> None:
    before = upgrading.server.family()

    status, output = upgrading.upgrade("1.2.1", *BRIEFLY)

    assert status == 1
    assert "The smoke test of 1.2.1 failed: " in output
    assert "Switching" not in output
    assert upgrading.state() == ("v1.1.0", "1.1.0", 200)
    assert upgrading.server.family() == before
    assert git(upgrading.product.folder, "worktree", "list").count("\n") == 0


def test_upgrade_is_taken_back_by_hand(upgrading: Upgrading) -> None:
    upgrading.upgrade("1.1.0")  # already there: what can be taken back is the last upgrade that went well
    git(upgrading.product.folder, "checkout", "--quiet", "v1.0.0")
    upgrading.upgrade("1.1.0", *BRIEFLY)

    status, output = upgrading.upgrade("--back")

    assert (status, output.splitlines()[-1]) == (0, "This is release 1.0.0 again.")
    assert upgrading.state() == ("v1.0.0", "1.0.0", 200)


def test_upgrade_refuses_files_that_were_changed(upgrading: Upgrading) -> None:
    readme = upgrading.product.folder / "README.md"
    text = readme.read_text()
    readme.write_text("changed\n")
    status, output = upgrading.upgrade("1.1.0")
    readme.write_text(text)

    assert (status, output.splitlines()[0]) == (1, "Files of this checkout were changed:")
