"""`script/cluster`: breaks each part of the set-up while staff work, and says what they noticed and whether anything was lost."""

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

from cluster_lib.person import NO_ANSWER, UNSEEN
from cluster_lib.site import RESTART_SECONDS, Site
from tests.servers import ROOT, scratch

BEGAN: Final = time.monotonic()
AWAY_SECONDS: Final = 1.0
CALM_SECONDS: Final = 1.0
"""Without an error for so long, the set-up has recovered."""
BELIEVED_SECONDS: Final = 2.5
"""Before the proxy asks a web server again that did not answer."""
LONGEST_SECONDS: Final = 30.0


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
    """Something that breaks, and comes back by itself or is brought back."""

    name: str
    strike: Callable[[Site], None]


def _kill_web(site: Site) -> None:
    site.own["web1"].kill()
    time.sleep(RESTART_SECONDS)
    site.own["web1"].start()
    site.wait_for("web1")


def _roll(site: Site) -> None:
    for name in ("web1", "web2"):
        site.own[name].end()
        site.own[name].start()
        site.wait_for(name)
        time.sleep(BELIEVED_SECONDS)


def _lose_replica(site: Site) -> None:
    site.replica.stop()
    time.sleep(AWAY_SECONDS)
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


def _lose_redis(site: Site) -> None:
    site.program("redis").stop(signal.SIGKILL)
    time.sleep(AWAY_SECONDS)
    site.program("redis").start()


def _kill_worker(site: Site) -> None:
    site.own["worker1"].kill()
    time.sleep(RESTART_SECONDS)
    site.own["worker1"].start()


CRASH: Final = "PostgreSQL crashes"
FAULTS: Final = (
    Fault("a web server is killed", _kill_web),
    Fault("web servers are restarted in turn", _roll),
    Fault("the replica stops", _lose_replica),
    Fault("PgBouncer restarts", _restart_pgbouncer),
    Fault("PostgreSQL restarts", _restart_postgres),
    Fault(CRASH, _crash_postgres),
    Fault("Redis goes away", _lose_redis),
    Fault("a worker is killed", _kill_worker),
)
WITHOUT_A_REQUEST_LOST: Final = ("web servers are restarted in turn", "the replica stops", "a worker is killed")


@dataclass(frozen=True)
class Struck:
    """A fault as it was: from when to when (seconds since 1970) it is the one that people may have noticed."""

    name: str
    began: float
    ended: float


class Staff:
    """Those who work meanwhile, in a process of their own."""

    def __init__(self, site: Site, plan: dict[str, Any]) -> None:
        self.notes = site.folder / "notes"
        path = site.folder / "plan.json"
        path.write_text(json.dumps({**plan, "address": site.address}))
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / "script/cluster_lib/staff.py"), str(path), str(self.notes)],
            env={**os.environ, "PYTHONPATH": str(ROOT / "script")},
        )

    def noted(self) -> list[dict[str, Any]]:
        if not self.notes.exists():
            return []
        text = self.notes.read_text()
        return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(LONGEST_SECONDS * 2)


def failed(note: dict[str, Any]) -> bool:
    return bool(note["status"] == NO_ANSWER or note["status"] >= 500)


def ended_at(note: dict[str, Any]) -> float:
    return float(note["at"]) + float(note["ms"]) / 1000


def strike(site: Site, staff: Staff, fault: Fault) -> Struck:
    """Break it, and wait until nobody has noticed anything for a while."""
    print_step(fault.name)
    began = time.time()
    fault.strike(site)
    until = time.time() + LONGEST_SECONDS
    back = time.time()
    while time.time() < until:
        failures = [ended_at(note) for note in staff.noted() if failed(note) and ended_at(note) >= began]
        if time.time() - max([back, *failures]) >= CALM_SECONDS:
            break
        time.sleep(0.2)
    return Struck(fault.name, began, time.time())


def report(notes: Sequence[dict[str, Any]], struck: Sequence[Struck]) -> list[str]:
    """A line for each fault: what share of the requests failed while it lasted, and when the last of them did."""
    lines = [f"{'while':36}{'requests':>9}{'failed':>8}{'share':>8}{'recovered after':>17}  of which"]
    for one in struck:
        during = [note for note in notes if one.began <= ended_at(note) < one.ended and note["what"] != UNSEEN]
        failures = [note for note in during if failed(note)]
        after = max((ended_at(note) for note in failures), default=one.began) - one.began
        share = len(failures) / max(len(during), 1)
        kinds = Counter(str(note["status"] or "no answer") for note in failures)
        told = ", ".join(f"{count} × {status}" for status, count in sorted(kinds.items()))
        lines.append(f"{one.name:36}{len(during):9}{len(failures):8}{share:8.1%}{after:15.1f} s  {told}")
    return lines


def wrong_with(notes: Sequence[dict[str, Any]], struck: Sequence[Struck]) -> list[str]:
    """What people should not have noticed."""
    found = [f"{note['booking']}: {UNSEEN}" for note in notes if note["what"] == UNSEEN]
    faulty = [(one.began - 0.1, one.ended) for one in struck if one.name not in WITHOUT_A_REQUEST_LOST]
    failures = [note for note in notes if note["what"] != UNSEEN and failed(note)]
    noticed = [note for note in failures if not any(a <= ended_at(note) < b for a, b in faulty)]
    return found + [f"{note['what']} answered {note['status']} where nothing should be noticed" for note in noticed]


def print_step(words: str) -> None:
    """What goes on, for whoever waits."""
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
            struck = [strike(site, staff, fault) for _round in range(size.rounds) for fault in faults]
            time.sleep(CALM_SECONDS)
        finally:
            staff.stop()
        notes = staff.noted()
        print_step("checking")
        checked = site.run("cluster_lib/checks.py", str(staff.notes), str(site.mails))
        _show_logs(site)
    asked = [note for note in notes if note["what"] != UNSEEN]
    print("\n".join(report(notes, struck)))
    print(f"In all: {len(asked)} requests, {sum(map(failed, asked))} failed; none was asked again by its caller.")
    print("; ".join(f"{name}: {count}" for name, count in checked["counts"].items()))
    wrong = [*wrong_with(notes, struck), *checked["wrong"]]
    print(
        "\n".join(wrong)
        if wrong
        else "No booking lost or doubled, no slot overfull, no mail lost, every own write seen."
    )
    return 1 if wrong else 0


def _show_logs(site: Site) -> None:
    """Where CLUSTER_LOGS names a folder, what every part said is kept there."""
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
        from cluster_lib.people import crowd  # it is no part of the faults

        return crowd(asked.people)
    return break_everything(LONG if asked.long else SHORT)


if __name__ == "__main__":
    sys.exit(main())
