"""Clients that generators make of the served description: each is compiled, and lives one story against a server.

Their generators stand in an environment of their own (`script/test --long` makes it): CLIENT_GENERATORS names it.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from urllib.request import urlopen

import pytest

from accounts.customers import Contact
from accounts.models import User
from bookings.models import Booking
from bookings.models.status import Status
from stations.models import Station
from tests.factories import FRIDAY, PASSWORD, SATURDAY, booking

pytestmark = [pytest.mark.long, pytest.mark.looks, pytest.mark.django_db(transaction=True)]

ROOT: Final = Path(__file__).resolve().parents[2]
HERE: Final = Path(__file__).parent
STORIES: Final = HERE / "stories"
GENERATORS: Final = Path(os.environ.get("CLIENT_GENERATORS", ROOT / "var/clients/venv"))
MODULES: Final = HERE / "node_modules/.bin"


def run(*command: object, folder: Path, **variables: str) -> str:
    """What a command printed; where it fails, all that it said is the test's failure."""
    search = os.pathsep.join([f"{GENERATORS / 'bin'}", f"{Path(sys.prefix) / 'bin'}", os.environ["PATH"]])
    done = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env={**os.environ, "PATH": search, **variables},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout


def generate(generator: str, folder: Path, *options: str) -> None:
    command = ["openapi-generator-cli", "generate", "-i", "schema.json", "-g", generator, "-o", "client", *options]
    run(*command, folder=folder)


def by_python(folder: Path) -> list[object]:
    generate("python", folder, "--package-name", "stationbook")
    shutil.move(folder / "client/stationbook", folder / "stationbook")
    return [GENERATORS / "bin/python", STORIES / "openapi_generator_python.py"]


def by_python_client(folder: Path) -> list[object]:
    run(
        "openapi-python-client",
        "generate",
        "--path",
        "schema.json",
        "--meta",
        "none",
        "--output-path",
        "stationbook",
        folder=folder,
    )
    return [GENERATORS / "bin/python", STORIES / "openapi_python_client.py"]


def by_typescript(folder: Path) -> list[object]:
    generate("typescript-fetch", folder, "--additional-properties=importFileExtension=.js")
    shutil.copy(STORIES / "story.ts", folder)
    (folder / "package.json").write_text('{"type": "module"}')
    options = ["--strict", "--target", "es2022", "--module", "esnext", "--moduleResolution", "bundler"]
    run(MODULES / "tsc", *options, "--lib", "es2022,dom,dom.iterable", "story.ts", folder=folder)
    return ["node", "story.js"]


def by_java(folder: Path) -> list[object]:
    """Compiled with the libraries that the generator itself brings: those of its clients are among them."""
    options = "openApiNullable=false,hideGenerationTimestamp=true"
    generate("java", folder, "--library", "native", f"--additional-properties={options}")
    [libraries] = GENERATORS.glob("lib/python*/site-packages/openapi_generator_cli/openapi-generator.jar")
    sources = [*(folder / "client/src/main/java").rglob("*.java"), *STORIES.rglob("*.java")]
    run("javac", "-proc:none", "-cp", libraries, "-d", "classes", *sources, folder=folder)
    return ["java", "-cp", f"{libraries}{os.pathsep}classes", "Story"]


@pytest.fixture
def folder(tmp_path: Path, live_server: Any) -> Path:
    """With the description, as it is served to anybody."""
    with urlopen(f"{live_server.url}/api/schema/") as answer:
        (tmp_path / "schema.json").write_bytes(answer.read())
    return tmp_path


@pytest.mark.parametrize("make", [by_python, by_typescript, by_java, by_python_client])
def test_generated_client_lives_a_story(
    folder: Path, live_server: Any, staff: User, station: Station, make: Callable[[Path], list[object]]
) -> None:
    others = [
        booking(station, day, status=Status.CONFIRMED, customer=Contact("Bo Li")) for day in (FRIDAY, SATURDAY) * 2
    ]
    pending = booking(station, status=Status.PENDING)

    command = make(folder)
    told = json.loads(run(*command, live_server.url, staff.email, PASSWORD, folder=folder, PYTHONPATH=str(folder)))

    made = Booking.objects.exclude(pk__in=[pending.pk, *(one.pk for one in others)]).get()
    assert told == {
        "booking": str(made.pk),
        "moved": 2,
        "stale": [412, "stale", 2],
        "steps": ["confirmed", "cancelled"],
        "guests": 3,
        "listed": [*(str(one.pk) for one in others), str(made.pk)],
        "found": ["Ana García"],
    }
    assert (made.status, made.date, made.party_kids) == (Status.CANCELLED, SATURDAY, 1)


def test_description_is_accepted_by_a_linter(folder: Path) -> None:
    run(MODULES / "redocly", "lint", "--config", HERE / "redocly.yaml", "schema.json", folder=folder)
