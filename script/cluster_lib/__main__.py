"""The command line of script/cluster: breaks each part while simulated staff work, and reports what failed and what was lost."""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cluster_lib.simulated_user import NO_ANSWER, UNSEEN_WRITE
from cluster_lib.site import RESTART_SECONDS, Site
from tests.servers import ROOT, scratch

BEGAN: Final = time.monotonic()
OUTAGE_SECONDS: Final = 1.0
RECOVERED_SECONDS: Final = 1.0
"""The system has recovered once no request has failed for that long."""
PROXY_RETRY_SECONDS: Final = 2.5
"""After that time the proxy tries a web server again that did not answer."""
MAX_RECOVERY_SECONDS: Final = 30.0


@dataclass(frozen=True)
class Size:
    stations: int
    bookings: int
    people: int
    rounds: int
    warm_up: float
    crashes: bool


SHORT: Final = Size(stations=2, bookings=30, people=8, rounds=1, warm_up=1, crashes=False)
LONG: Final = Size(stations=4, bookings=60, people=16, rounds=4, warm_up=10, crashes=True)


@dataclass(frozen=True)
class Fault:
    """Something that breaks and recovers."""

    name: str
    strike: Callable[[Site], None]


def _kill_web(site: Site) -> None:
    site.processes["web1"].kill()
    time.sleep(RESTART_SECONDS)
    site.processes["web1"].start()
    site.wait_for("web1")


def _restart_in_turn(site: Site) -> None:
    for name in ("web1", "web2"):
        site.processes[name].end()
        site.processes[name].start()
        site.wait_for(name)
        time.sleep(PROXY_RETRY_SECONDS)


def _stop_replica(site: Site) -> None:
    site.replica.stop()
    time.sleep(OUTAGE_SECONDS)
    site.replica.start()


def _restart_pgbouncer(site: Site) -> None:
    site.program("pgbouncer").stop(signal.SIGTERM)
    site.program("pgbouncer").start()


def _restart_postgres(site: Site) -> None:
    site.primary.stop("fast")
    site.primary.start()


def _crash_postgres(site: Site) -> None:
    site.primary.stop("immediate")
    site.primary.start()


def _stop_redis(site: Site) -> None:
    site.program("redis").stop(signal.SIGKILL)
    time.sleep(OUTAGE_SECONDS)
    site.program("redis").start()


def _kill_worker(site: Site) -> None:
    site.processes["worker1"].kill()
    time.sleep(RESTART_SECONDS)
    site.processes["worker1"].start()


CRASH: Final = "PostgreSQL crashes"
FAULTS: Final = (
    Fault("a web server is killed", _kill_web),
    Fault("web servers are restarted in turn", _restart_in_turn),
    Fault("the replica stops", _stop_replica),
    Fault("PgBouncer restarts", _restart_pgbouncer),
    Fault("PostgreSQL restarts", _restart_postgres),
    Fault(CRASH, _crash_postgres),
    Fault("Redis goes away", _stop_redis),
    Fault("a worker is killed", _kill_worker),
)
MUST_LOSE_NO_REQUEST: Final = ("web servers are restarted in turn", "the replica stops", "a worker is killed")


@dataclass(frozen=True)
class FaultPeriod:
    """When a fault may have caused failures, in seconds since 1970."""

    name: str
    began: float
    ended: float


class Staff:
    """Simulated staff, in a process of their own."""

    def __init__(self, site: Site, plan: dict[str, Any]) -> None:
        self.notes = site.folder / "notes"
        path = site.folder / "plan.json"
        path.write_text(json.dumps({**plan, "address": site.address}))
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / "script/cluster_lib/simulate_staff.py"), str(path), str(self.notes)],
            env={**os.environ, "PYTHONPATH": str(ROOT / "script")},
        )

    def read_notes(self) -> list[dict[str, Any]]:
        if not self.notes.exists():
            return []
        text = self.notes.read_text()
        return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(MAX_RECOVERY_SECONDS * 2)


def failed(note: dict[str, Any]) -> bool:
    return bool(note["status"] == NO_ANSWER or note["status"] >= 500)


def ended_at(note: dict[str, Any]) -> float:
    return float(note["at"]) + float(note["ms"]) / 1000


def strike(site: Site, staff: Staff, fault: Fault) -> FaultPeriod:
    """Cause the fault, and wait until the system has recovered."""
    print_step(fault.name)
    began = time.time()
    fault.strike(site)
    until = time.time() + MAX_RECOVERY_SECONDS
    back = time.time()
    while time.time() < until:
        failures = [ended_at(note) for note in staff.read_notes() if failed(note) and ended_at(note) >= began]
        if time.time() - max([back, *failures]) >= RECOVERED_SECONDS:
            break
        time.sleep(0.2)
    return FaultPeriod(fault.name, began, time.time())


def report(notes: Sequence[dict[str, Any]], periods: Sequence[FaultPeriod]) -> list[str]:
    """A line for each fault: the share of requests that failed, and when the last one did."""
    lines = [f"{'while':36}{'requests':>9}{'failed':>8}{'share':>8}{'recovered after':>17}  of which"]
    for one in periods:
        during = [note for note in notes if one.began <= ended_at(note) < one.ended and note["what"] != UNSEEN_WRITE]
        failures = [note for note in during if failed(note)]
        after = max((ended_at(note) for note in failures), default=one.began) - one.began
        share = len(failures) / max(len(during), 1)
        kinds = Counter(str(note["status"] or "no answer") for note in failures)
        told = ", ".join(f"{count} × {status}" for status, count in sorted(kinds.items()))
        lines.append(f"{one.name:36}{len(during):9}{len(failures):8}{share:8.1%}{after:15.1f} s  {told}")
    return lines


def unexpected_failures(notes: Sequence[dict[str, Any]], periods: Sequence[FaultPeriod]) -> list[str]:
    """Failures and unseen writes that no fault explains."""
    found = [f"{note['booking']}: {UNSEEN_WRITE}" for note in notes if note["what"] == UNSEEN_WRITE]
    faulty = [(one.began - 0.1, one.ended) for one in periods if one.name not in MUST_LOSE_NO_REQUEST]
    failures = [note for note in notes if note["what"] != UNSEEN_WRITE and failed(note)]
    noticed = [note for note in failures if not any(a <= ended_at(note) < b for a, b in faulty)]
    return found + [f"{note['what']} answered {note['status']} where nothing should be noticed" for note in noticed]


def print_step(words: str) -> None:
    """Print progress to stderr."""
    print(f"{time.monotonic() - BEGAN:6.1f} s  {words}", file=sys.stderr, flush=True)


def break_everything(size: Size) -> int:
    print_step("starting servers")
    with scratch() as folder, Site(folder) as site:
        print_step("filling the database")
        plan = site.run("cluster_lib/seed.py", str(size.stations), str(size.bookings), str(size.people))
        print_step("starting the product")
        site.open()
        print_step("staff work")
        staff = Staff(site, plan)
        try:
            time.sleep(size.warm_up)
            faults = [fault for fault in FAULTS if size.crashes or fault.name != CRASH]
            periods = [strike(site, staff, fault) for _round in range(size.rounds) for fault in faults]
            time.sleep(RECOVERED_SECONDS)
        finally:
            staff.stop()
        notes = staff.read_notes()
        print_step("checking")
        checked = site.run("cluster_lib/consistency_checks.py", str(staff.notes), str(site.mails))
        _show_logs(site)
    asked = [note for note in notes if note["what"] != UNSEEN_WRITE]
    print("\n".join(report(notes, periods)))
    print(f"In all: {len(asked)} requests, {sum(map(failed, asked))} failed; none was asked again by its caller.")
    print("; ".join(f"{name}: {count}" for name, count in checked["counts"].items()))
    wrong = [*unexpected_failures(notes, periods), *checked["wrong"]]
    print(
        "\n".join(wrong)
        if wrong
        else "No booking lost or doubled, no slot overfull, no mail lost, every own write seen."
    )
    return 1 if wrong else 0


def _show_logs(site: Site) -> None:
    """Copy all logs to the folder that CLUSTER_LOGS names, if it is set."""
    if kept := os.environ.get("CLUSTER_LOGS"):
        for path in site.folder.rglob("*log"):
            (Path(kept) / "-".join(path.relative_to(site.folder).parts)).write_bytes(path.read_bytes())


def main() -> int:
    parser = argparse.ArgumentParser(prog="script/cluster", description=__doc__)
    parser.add_argument("--long", action="store_true", help="for minutes, each fault several times")
    parser.add_argument(
        "--people", type=int, metavar="N", help="so many signed-in people at once, in steps, without faults"
    )
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(1))
    if asked.people:
        from cluster_lib.load_test import run_load_test  # it is no part of the faults

        return run_load_test(asked.people)
    return break_everything(LONG if asked.long else SHORT)


if __name__ == "__main__":
    sys.exit(main())
