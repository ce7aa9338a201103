"""Runs management commands as the command line does."""

import csv
import json
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

from django.core.management import CommandError, call_command

HEADER = "station,date,slot"


@dataclass(frozen=True)
class Run:
    """The exit status and output of a command; `summary` is its last line, parsed as JSON."""

    status: int
    out: str
    err: str

    @property
    def summary(self) -> dict[str, int]:
        found: dict[str, int] = json.loads(self.out.strip().splitlines()[-1])
        return found


def run(name: str, *arguments: Any) -> Run:
    out, err = StringIO(), StringIO()
    status = 0
    try:
        call_command(name, *map(str, arguments), stdout=out, stderr=err)
    except SystemExit as end:
        status = int(end.code or 0)
    except CommandError as error:
        status = error.returncode
        err.write(str(error))
    return Run(status, out.getvalue(), err.getvalue())


def import_file(file: Path, *arguments: Any) -> Run:
    return run("import_bookings", file, *arguments)


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def counts(created: int = 0, updated: int = 0, unchanged: int = 0, refused: int = 0) -> dict[str, int]:
    rows = created + updated + unchanged + refused
    return {"rows": rows, "created": created, "updated": updated, "unchanged": unchanged, "refused": refused}
