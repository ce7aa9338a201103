"""`script/cluster --people N`: that many signed-in users at once, in steps, with response times and processor load."""

import json
import os
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import psutil

from cluster_lib.simulated_user import NO_ANSWER, UNSEEN_WRITE
from cluster_lib.site import Site, processor_use
from tests.servers import ROOT, scratch

STEPS: Final = (50, 100, 200, 400, 700, 1000, 1500, 2000)
PEOPLE_A_STATION: Final = 20
BOOKINGS: Final = 80
"""At each station, in the week shown."""
SLOW_MS: Final = 1000
"""The system is overloaded when one request in twenty takes longer, or one in a hundred fails."""


@dataclass
class Step:
    people: int
    began: float
    ended: float = 0
    busy: dict[str, float] | None = None

    def of(self, notes: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        return [note for note in notes if self.began <= note["at"] < self.ended and note["what"] != UNSEEN_WRITE]


def quantile(sorted_ms: Sequence[float], share: float) -> float:
    return sorted_ms[min(int(len(sorted_ms) * share), len(sorted_ms) - 1)] if sorted_ms else 0


def failed(note: dict[str, Any]) -> bool:
    return bool(note["status"] == NO_ANSWER or note["status"] >= 500)


def line(name: str, notes: Sequence[dict[str, Any]], seconds: float) -> str:
    """Requests per second, share of failures, and quantiles of the duration of the others."""
    times = sorted(float(note["ms"]) for note in notes if not failed(note))
    failures = sum(map(failed, notes))
    p50, p95, p99 = (quantile(times, share) for share in (0.5, 0.95, 0.99))
    rate = len(notes) / seconds
    return f"{name:32}{rate:9.1f}{failures / max(len(notes), 1):8.2%}{p50:8.0f}{p95:8.0f}{p99:8.0f}"


def is_overloaded(notes: Sequence[dict[str, Any]]) -> bool:
    times = sorted(float(note["ms"]) for note in notes if not failed(note))
    return sum(map(failed, notes)) > len(notes) / 100 or quantile(times, 0.95) > SLOW_MS


def measure(site: Site, plan: dict[str, Any], wanted: Sequence[int]) -> list[Step]:
    path = site.folder / "plan.json"
    path.write_text(json.dumps({**plan, "address": site.address}))
    command = [sys.executable, str(ROOT / "script/cluster_lib/simulate_load.py"), str(path), str(site.folder / "notes")]
    people = subprocess.Popen(
        [*command, *map(str, wanted)],
        env={**os.environ, "PYTHONPATH": str(ROOT / "script")},
        stdout=subprocess.PIPE,
        text=True,
    )
    steps: list[Step] = []
    before: dict[str, float] = {}
    for said in people.stdout or ():
        now, spent = time.time(), {**site.processor_seconds(), "those who ask": _of(people.pid)}
        if steps:
            steps[-1].ended, steps[-1].busy = now, processor_use(spent, before, steps[-1].began)
        if int(said):
            print(f"{said.strip()} people", file=sys.stderr, flush=True)
            steps.append(Step(int(said), now))
            before = {**site.processor_seconds(), "those who ask": _of(people.pid)}
    people.wait()
    return steps


def _of(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def run_load_test(most: int) -> int:
    wanted = [*(step for step in STEPS if step < most), most]
    with scratch() as folder, Site(folder) as site:
        plan = site.run("cluster_lib/seed.py", str(max(most // PEOPLE_A_STATION, 1)), str(BOOKINGS), str(most))
        site.open()
        steps = measure(site, plan, wanted)
        used = ", ".join(f"{size:.0f} MB" for size in site.memory())
        notes = [json.loads(text) for text in (folder / "notes").read_text().splitlines()]
        checked = site.run("cluster_lib/consistency_checks.py", str(folder / "notes"), str(site.mails))
    memory = psutil.virtual_memory().total / 2**30
    print(f"Of one machine with {os.cpu_count()} processors and {memory:.0f} GB, those who ask on it as well.")
    print(f"{'':32}{'a second':>9}{'failed':>8}{'p50 ms':>8}{'p95 ms':>8}{'p99 ms':>8}")
    for step in steps:
        show(step, step.of(notes))
    print(f"Memory of the web servers' processes at the end: {used}.")
    unseen = sum(note["what"] == UNSEEN_WRITE for note in notes)
    first = next((step.people for step in steps if is_overloaded(step.of(notes))), None)
    print(f"Too much from {first} people on." if first else f"{most} people are not too much.")
    print(
        f"ProductProcess writes unseen: {unseen}. " + "; ".join(f"{name}: {n}" for name, n in checked["counts"].items())
    )
    print("\n".join(checked["wrong"]) or "Bookings, ledger, trail and mails agree with what people were told.")
    return 1 if unseen or checked["wrong"] else 0


def show(step: Step, notes: Sequence[dict[str, Any]]) -> None:
    seconds = max(step.ended - step.began, 1)
    print(line(f"{step.people} people", notes, seconds))
    kinds: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for note in notes:
        kinds[note["what"]].append(note)
    for name in sorted(kinds):
        print(line(f"  {name}", kinds[name], seconds))
    busy = sorted((step.busy or {}).items(), key=lambda one: -one[1])
    print("  processors kept busy: " + ", ".join(f"{name} {share:.2f}" for name, share in busy if share >= 0.01))
