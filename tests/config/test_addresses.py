"""Addresses of servers in the environment: what is read from them, and that a mistake never repeats a password."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from tests.config.test_settings import WHOLE, read, refusal

PASSWORD = "Qx7zUvWk"
"""No part of it, of three letters or more, stands in any sentence."""
PIECES = {PASSWORD[start : start + 3].lower() for start in range(len(PASSWORD) - 2)}
GOOD_PRIMARY = "postgres://me:secret@db.example.com/book"

MALFORMED = [
    f"postgres://me:{PASSWORD[:4]}#{PASSWORD[4:]}@db.example.com/book",
    f"postgres://me:{PASSWORD[:4]}/{PASSWORD[4:]}@db.example.com/book",
    f"postgres://me:{PASSWORD[:4]}?{PASSWORD[4:]}@db.example.com/book",
    f"postgres://me:12/{PASSWORD}@db.example.com/book",
    f"postgres://me:12?{PASSWORD}@db.example.com/book",
    f"postgres://me:12#{PASSWORD}@db.example.com/book",
    f"postgres://me:[{PASSWORD}@db.example.com/book",
    f"postgres://me:]{PASSWORD}@db.example.com/book",
    f"postgres://me:{PASSWORD}@db.example.com:port/book",
    f"postgres://me:{PASSWORD}@db.example.com:99999/book",
    f"postgres://me:{PASSWORD}",
    f"postgres//me:{PASSWORD}@db.example.com/book",
    f"postgres:/me:{PASSWORD}@db.example.com/book",
    f"me:{PASSWORD}@db.example.com/book",
    PASSWORD,
]


def names_no_piece(sentence: str) -> bool:
    return not any(piece in sentence.lower() for piece in PIECES)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("url", MALFORMED)
@pytest.mark.parametrize("name", ["DATABASE_URL", "REPLICA_URL", "EMAIL_URL", "REDIS_URL"])
def test_malformed_address_is_refused_without_a_letter_of_its_password(name: str, url: str) -> None:
    scheme = {"EMAIL_URL": "smtp", "REDIS_URL": "redis"}.get(name, "postgres")
    given = {**WHOLE, "DATABASE_URL": GOOD_PRIMARY, name: url.replace("postgres", scheme, 1)}

    sentence = refusal(**given)

    assert sentence.startswith(f"{name} is not the URL of a ")
    assert f"Write it like {scheme}" in sentence
    assert names_no_piece(sentence)


@pytest.mark.parametrize("name", ["DATABASE_URL", "REPLICA_URL"])
def test_address_of_another_database_is_refused_without_its_password(name: str) -> None:
    given = {**WHOLE, "DATABASE_URL": GOOD_PRIMARY, name: f"mysql://me:{PASSWORD}@db.example.com/book"}

    sentence = refusal(**given)

    assert sentence == f"{name} is neither PostgreSQL (postgres://…) nor SQLite (sqlite:///…)."


def test_process_that_is_given_a_malformed_address_prints_nothing_of_it(tmp_path: Path) -> None:
    environment = {**os.environ, **WHOLE, "ENV_FILE": os.devnull, "DATABASE_URL": MALFORMED[0]}
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    command = [sys.executable, "manage.py", "check"]
    done = subprocess.run(command, cwd=settings.BASE_DIR, env=environment, capture_output=True, text=True, check=False)

    assert done.returncode != 0
    assert "DATABASE_URL is not the URL of a database." in done.stderr
    assert names_no_piece(done.stdout + done.stderr)


@pytest.mark.parametrize(
    ("url", "reached"),
    [
        ("postgres://me:secret@db.example.com:5433/book", ("me", "secret", "db.example.com", 5433, "book")),
        ("postgresql://me:p%40ss%2Fword@db/book", ("me", "p@ss/word", "db", "", "book")),
        ("postgres://me:p@ss@db/book", ("me", "p@ss", "db", "", "book")),
        ("postgres://me@[2001:db8::1]:5432/book", ("me", "", "2001:db8::1", 5432, "book")),
        ("postgres://me@/book", ("me", "", "", "", "book")),
        ("postgres:///book", ("", "", "", "", "book")),
        ("postgres://me@%2Fvar%2Frun%2Fpostgresql/book", ("me", "", "/var/run/postgresql", "", "book")),
        ("postgres://me:secret@%2FUsers%2FAna%2Frun:5433/book", ("me", "secret", "/Users/Ana/run", "5433", "book")),
        ("postgres://me@%2fvar%2frun/book", ("me", "", "/var/run", "", "book")),
        ("postgres://me:secret@one:5432,two:5433/book", ("me", "secret", "one,two", "5432,5433", "book")),
    ],
)
def test_database_is_reached_as_its_address_says(url: str, reached: tuple[Any, ...]) -> None:
    found = read(**WHOLE, DATABASE_URL=url)["DATABASES"]["default"]

    assert tuple(found[name] for name in ("USER", "PASSWORD", "HOST", "PORT", "NAME")) == reached
    assert found["ENGINE"] == "core.db.postgresql"


def test_replica_is_reached_by_a_socket_as_well() -> None:
    found = read(**WHOLE, DATABASE_URL=GOOD_PRIMARY, REPLICA_URL="postgres://me@%2Fvar%2Frun/book")

    assert found["DATABASES"]["replica"]["HOST"] == "/var/run"


@pytest.mark.parametrize(
    ("url", "name"), [("sqlite:////srv/book.sqlite3", "/srv/book.sqlite3"), ("sqlite:////home/a@b/c", "/home/a@b/c")]
)
def test_file_of_sqlite_is_named_by_its_path(url: str, name: str) -> None:
    assert read(**WHOLE, DATABASE_URL=url)["DATABASES"]["default"]["NAME"] == name


@pytest.mark.parametrize(
    "url", ["redis://localhost:6379/0", "rediss://:p%40ss@redis.example.com/1", "redis+unix:///run/redis.sock", ""]
)
def test_redis_is_named_by_its_address(url: str) -> None:
    assert read(**WHOLE, REDIS_URL=url)["REDIS_URL"] == url


@pytest.mark.parametrize("rate", ["", "100", "many/minute", "0/minute", "-5/minute", "100/fortnight"])
@pytest.mark.parametrize("name", ["RATE_LIMIT", "PAGE_RATE_LIMIT", "CODE_RATE_LIMIT"])
def test_rate_limit_that_is_none_is_refused_at_the_start(name: str, rate: str) -> None:
    assert refusal(**WHOLE, **{name: rate}).startswith(f"{name} is not a rate. Write it like ")
