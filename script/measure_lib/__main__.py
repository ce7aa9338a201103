"""The command line of script/measure."""

import io
import shutil
import subprocess
import sys
import tarfile
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from measure_lib.figures import details, figures

ROOT: Final = Path(__file__).resolve().parents[2]


@contextmanager
def exported(revision: str) -> Iterator[Path]:
    """The source of a git revision in a temporary folder. Ends the program if there is no such revision."""
    git = shutil.which("git") or "git"
    done = subprocess.run([git, "archive", revision], cwd=ROOT, capture_output=True, check=False)
    if done.returncode:
        sys.exit(f"git archive {revision} failed: {done.stderr.decode().strip()}")
    with TemporaryDirectory() as folder:
        with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
            archive.extractall(folder, filter="data")
        yield Path(folder)


def print_table(columns: dict[str, dict[str, str]]) -> None:
    """A column for each source tree, headed by its name."""
    names = list(next(iter(columns.values())))
    table = [["", *columns], *([name, *(column[name] for column in columns.values())] for name in names)]
    widths = [max(map(len, cells)) for cells in zip(*table, strict=True)]
    for row in table:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


parser = ArgumentParser("script/measure", description="Figures that describe the source code. They fail nothing.")
parser.add_argument("--against", metavar="REVISION", help="a git revision whose figures are printed beside today's")
parser.add_argument("--details", action="store_true", help="list what stands behind the figures that should be low")
wanted = parser.parse_args()
columns: dict[str, dict[str, str]] = {}
if wanted.against:
    with exported(wanted.against) as folder:
        columns[wanted.against] = figures(folder)
columns["now"] = figures(ROOT)
print_table(columns)
if wanted.details:
    for heading, lines in details(ROOT).items():
        print(f"\n{heading}:", *(lines or ["none"]), sep="\n  ")
