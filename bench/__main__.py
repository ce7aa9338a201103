"""The command line of script/bench: prints the lines of each section and keeps them in var/bench/results.json."""

import argparse
import json
import os
import platform
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from bench import browser, large
from bench.cases import MONTH, WEEK, Cases
from bench.measurement import Ratio
from bench.testbed import BOOKINGS_PER_DAY, ROOT, STATIONS, YARDSTICK_PYTHON, Testbed

RESULTS: Final = ROOT / "var" / "bench" / "results.json"
Section = Callable[[Testbed, Cases, argparse.Namespace], Iterator[Ratio]]


def read(testbed: Testbed, cases: Cases, wanted: argparse.Namespace) -> Iterator[Ratio]:
    yield cases.json(MONTH, 4)
    yield cases.json(WEEK, 2.5)
    yield cases.unchanged()
    yield cases.inside()


def pages(testbed: Testbed, cases: Cases, wanted: argparse.Namespace) -> Iterator[Ratio]:
    yield cases.page("week")
    yield cases.page("month")


def write(testbed: Testbed, cases: Cases, wanted: argparse.Namespace) -> Iterator[Ratio]:
    testbed.reset()
    yield cases.reschedule()
    testbed.reset()
    yield cases.contended()
    testbed.reset()


def import_rows(testbed: Testbed, cases: Cases, wanted: argparse.Namespace) -> Iterator[Ratio]:
    yield from cases.importing(wanted.rows)


def look(testbed: Testbed, cases: Cases, wanted: argparse.Namespace) -> Iterator[Ratio]:
    testbed.reset()
    yield from browser.measure_page(testbed, drops=2 if wanted.brief else 9)
    testbed.reset()


def compare_at_size(testbed: Testbed, cases: Cases, wanted: argparse.Namespace) -> Iterator[Ratio]:
    curve = cases.curves["month and search by bookings in the database"] if wanted.plots else None
    yield from large.compare_at_size(testbed, wanted.bookings, wanted.rounds, curve)


SECTIONS: Final[dict[str, Section]] = {
    "read": read, "pages": pages, "write": write, "import": import_rows, "look": look, "large": compare_at_size,
}  # fmt: skip


def main() -> None:
    wanted = _wanted()
    sizes = {"per_day": 3, "stations": 3} if wanted.brief else {"per_day": BOOKINGS_PER_DAY, "stations": STATIONS}
    kept: list[dict[str, Any]] = []
    print(json.dumps(machine()), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        testbed = Testbed(Path(folder), **sizes)
        cases = Cases(testbed, seconds=wanted.seconds, rounds=wanted.rounds)
        try:
            testbed.prepare()
            testbed.start()
            for name in wanted.sections:
                for ratio in SECTIONS[name](testbed, cases, wanted):
                    print(ratio.line(judged=not wanted.brief), flush=True)
                    kept.append(ratio.as_dict())
            if wanted.plots:
                cases.draw()
        finally:
            testbed.stop()
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps({"machine": machine(), "ratios": kept, "curves": cases.curves}, indent=1))
    if wanted.plots:
        subprocess.run(
            [YARDSTICK_PYTHON, ROOT / "bench" / "plots.py", RESULTS, ROOT / "docs" / "performance"], check=True
        )


def _wanted() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="script/bench", description="What things cost, as ratios. It fails nothing.")
    parser.add_argument("sections", nargs="*", metavar="|".join(SECTIONS), help="unset: all but large")
    parser.add_argument("--large", action="store_true", help="the lines of a million bookings too")
    parser.add_argument("--brief", action="store_true", help="as short as it gets, to see that it runs")
    parser.add_argument(
        "--plots",
        action="store_true",
        help="draw docs/performance/*.svg again; with --large that by the database's size, too",
    )
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=20_000, help="of the import; the table's bound is for 100,000")
    parser.add_argument("--bookings", type=int, default=1_000_000, help="of the large database")
    wanted = parser.parse_args()
    if unknown := set(wanted.sections) - set(SECTIONS):
        parser.error(f"There is no section {', '.join(sorted(unknown))}: choose of {', '.join(SECTIONS)}.")
    wanted.sections = wanted.sections or [name for name in SECTIONS if name != "large" or wanted.large]
    if wanted.brief:
        wanted.seconds, wanted.rounds, wanted.rows, wanted.bookings = 1, 1, 400, 5_000
    return wanted


def machine() -> dict[str, Any]:
    """What was measured on."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 1024**3
    packages = {name: version(name) for name in ("Django", "djangorestframework", "granian", "psycopg")}
    return {"cores": os.cpu_count(), "memory_gib": memory, "python": platform.python_version(), **packages}


main()
