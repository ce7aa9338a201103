"""Measurements as ratios between two systems that take turns, with the processor time per request of each."""

import os
import re
import statistics
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from bench.testbed import Side

TICK_MS: Final = 1000 / os.sysconf("SC_CLK_TCK")


@dataclass
class Load:
    """One burst: requests per second, core-milliseconds per request (None where the system does not report it), failures."""

    rate: float
    core_ms: float | None
    bad: int


@dataclass
class Ratio:
    """One line of the table."""

    name: str
    bound: str
    reached: bool
    median: float
    least: float
    most: float
    product: str
    against: str
    bad: int = 0
    load: float = field(default_factory=lambda: os.getloadavg()[0])

    def line(self, *, judged: bool = True) -> str:
        mark = ("reached" if self.reached else "MISSED") if judged else "(too short to tell)"
        return (
            f"{self.name:46} {self.median:6.2f} ({self.least:.2f} to {self.most:.2f})  bound {self.bound:8} {mark:8}"
            f" {self.product} against {self.against}{f'; {self.bad} failed' if self.bad else ''}; load {self.load:.1f}"
        )

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def at_least(name: str, bound: float, pairs: Sequence[tuple[float, float]], unit: str, **more: Any) -> Ratio:
    ratios = [mine / theirs for mine, theirs in pairs]
    return _ratio(name, f">= {bound:g}", statistics.median(ratios) >= bound, ratios, pairs, unit, **more)


def at_most(name: str, bound: float, pairs: Sequence[tuple[float, float]], unit: str, **more: Any) -> Ratio:
    ratios = [mine / theirs for mine, theirs in pairs]
    return _ratio(name, f"<= {bound:g}", statistics.median(ratios) <= bound, ratios, pairs, unit, **more)


def _ratio(
    name: str,
    bound: str,
    reached: bool,
    ratios: list[float],
    pairs: Sequence[tuple[float, float]],
    unit: str,
    **more: Any,
) -> Ratio:
    mine, theirs = (statistics.median(one[side] for one in pairs) for side in (0, 1))
    shown = [f"{value:.4g} {unit}" for value in (mine, theirs)]
    return Ratio(name, bound, reached, statistics.median(ratios), min(ratios), max(ratios), shown[0], shown[1], **more)


def wrk(side: Side, path: str, seconds: float, connections: int, *more: str, script: Path | None = None) -> Load:
    """A burst of one thread's; the first second warms up."""
    who = ["-H", f"Authorization: Bearer {side.token}"] if side.token else []
    words = ["wrk", "-t1", f"-c{connections}", *who, "-H", "Accept: application/json", *more]
    words += ["-s", str(script)] if script else []
    subprocess.run([*words, "-d1s", side.url + path], check=True, capture_output=True)
    before = spent(side)
    out = subprocess.run(
        [*words, f"-d{seconds:g}s", side.url + path], check=True, capture_output=True, text=True
    ).stdout
    after = spent(side)
    count, rate = re.search(r"(\d+) requests in", out), re.search(r"Requests/sec:\s+([\d.]+)", out)
    if not count or not rate or int(count[1]) == 0:
        raise SystemExit(f"wrk told nothing of {side.url}{path}:\n{out}")
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", out)
    cost = None if before is None or after is None else (after - before) / int(count[1])
    return Load(float(rate[1]), cost, int(bad[1]) if bad else 0)


def versus(name: str, bound: float, rounds: int, mine: Callable[[], Load], theirs: Callable[[], Load]) -> Ratio:
    bursts = [(mine(), theirs()) for _round in range(rounds)]
    costs = [[burst[side].core_ms for burst in bursts] for side in (0, 1)]
    found = at_least(name, bound, [(one.rate, other.rate) for one, other in bursts], "/s")
    found.bad = sum(one.bad + other.bad for one, other in bursts)
    if None not in (*costs[0], *costs[1]):
        one, other = (statistics.median(float(cost or 0) for cost in side) for side in costs)
        found.product += f" ({one:.2f} core-ms)"
        found.against += f" ({other:.2f} core-ms)"
    return found


def spent(side: Side) -> float | None:
    """Processor time so far, in milliseconds, of the side's server and of the database's processes that serve it."""
    if not Path("/proc").is_dir() or side.server is None:
        return None
    known = dict(_processes())
    total = 0.0
    for pid, (parent, command, ticks) in known.items():
        of_database = re.match(rf"postgres: \S+ {side.database} ", command)
        if of_database or side.server.pid in _line(pid, parent, known):
            total += ticks * TICK_MS
    return total


def _processes() -> Any:
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_text().replace("\0", " ")
            values = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        yield int(folder.name), (int(values[1]), command, int(values[11]) + int(values[12]))


def _line(pid: int, parent: int, known: dict[int, tuple[int, str, int]]) -> set[int]:
    """A process and those it came from."""
    found = {pid}
    while parent in known and parent not in found:
        found.add(parent)
        parent = known[parent][0]
    return found
