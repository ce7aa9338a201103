import subprocess
import sys
import tomllib

import pytest
from django.conf import settings

from core.version import VERSION, released_versions


def test_version_is_that_of_the_project_file() -> None:
    project = tomllib.loads((settings.BASE_DIR / "pyproject.toml").read_text())["project"]

    assert project["version"] == VERSION


def test_released_versions_are_those_that_tags_name() -> None:
    tags = "1.4.0 v1.10.0 v1.2 v1.9.0 v1.9.0-rc1 v01.3.0 v2-plans w1.0.0"

    assert released_versions(tags) == ["1.10.0", "1.9.0"]


@pytest.mark.parametrize("argument", ["version", "--version"])
def test_manage_prints_the_version_of_the_product_without_any_setting(argument: str) -> None:
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), argument]
    done = subprocess.run(command, env={"ENV_FILE": "/dev/null"}, capture_output=True, text=True, check=True)

    assert done.stdout == f"Stationbook {VERSION}\n"
