import os
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from django.conf import settings
from django.db import connections

from tests.scripts.product import Product
from tests.servers import environment

NOT_CLONED = (".git", ".venv", ".env", "var", "__pycache__", ".*_cache", ".hypothesis")


@contextmanager
def empty_database() -> Iterator[dict[str, str]]:
    """Variables that name an empty database: the product's own on SQLite, or a new one beside the tests'."""
    reached = connections.settings["default"]
    if reached["ENGINE"] == "django.db.backends.sqlite3":
        yield {}
        return
    name = f"served_{os.getpid()}"
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
        yield {"DATABASE_URL": re.sub(r"/[^/?@]*(\?|$)", rf"/{name}\1", os.environ["DATABASE_URL"], count=1)}
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    folder = tmp_path_factory.mktemp("clone") / "stationbook"
    shutil.copytree(settings.BASE_DIR, folder, ignore=shutil.ignore_patterns(*NOT_CLONED))
    (folder / ".venv").symlink_to(sys.prefix)
    with empty_database() as variables:
        yield Product(folder, {**environment(), **variables})
    for metrics in (folder / "var/metrics").glob("*"):  # in memory
        shutil.rmtree(metrics.resolve())
