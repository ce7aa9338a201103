"""The lines of the table that are measured over HTTP, and those of the import. Each is in turn with what it is held against."""

import json
import random
import subprocess
import sys
import time
from collections import defaultdict
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from bench.ground import DAYS, ROOT, Ground, Side
from bench.measuring import Load, Ratio, at_least, at_most, versus, wrk

WEEK: Final = 7
MONTH: Final = 30
READERS: Final = 32
WRITERS: Final = 16
LUA: Final = """
local moves = {%s}
local n = 0
request = function()
  n = n %% #moves + 1
  wrk.headers["Content-Type"] = "application/json"
  return wrk.format("PATCH", "/api/bookings/admin/" .. moves[n][1], nil, moves[n][2])
end
"""


BETWEEN_LOOKS: Final = 0.25
Curve = dict[str, list[tuple[int, float]]]
"""Its lines by their names: how many, and milliseconds a request."""


def resident_mb(pid: int) -> float:
    """What a process has in memory now; 0 for one that is gone. What the system keeps as its most begins with what its parent
    had when it was made, and this one holds whole tables."""
    said = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], check=False, capture_output=True, text=True).stdout
    return int(said or 0) / 1024


class Cases:
    def __init__(self, ground: Ground, *, seconds: float, rounds: int) -> None:
        self.ground, self.seconds, self.rounds = ground, seconds, rounds
        self.rounds_of_changes = 2 * rounds - 1
        """More than of reads, for what else the machine does shows most where one waits for another."""
        self.curves: dict[str, Curve] = defaultdict(lambda: defaultdict(list))
        """By what they are called: “what by what”."""

    def burst(self, side: Side, path: str, connections: int = READERS, *more: str, script: Path | None = None) -> Load:
        return wrk(side, path, self.seconds, connections, *more, script=script)

    # --- reads ---------------------------------------------------------------------------------------------------------

    def json(self, days: int, bound: float) -> Ratio:
        ground, path = self.ground, self.ground.range(days)
        ground.sign_in()
        count = self.same_rows(path)
        name = f"{'month' if days > WEEK else 'week'} of {count}, JSON, against the yardstick"
        return versus(
            name,
            bound,
            self.rounds,
            lambda: self.burst(ground.product, path),
            lambda: self.burst(ground.yardstick, path),
        )

    def same_rows(self, path: str) -> int:
        counts = {side.name: side.ask(path)[0]["total_count"] for side in (self.ground.product, self.ground.yardstick)}
        if len(set(counts.values())) > 1:
            raise SystemExit(f"The two do not hold the same rows: {counts}")
        return int(counts["product"])

    def unchanged(self) -> Ratio:
        ground, path = self.ground, self.ground.range(MONTH)
        ground.sign_in()
        tag = ground.product.ask(path)[1]["ETag"]
        if wrk(ground.product, path, 1, 1, "-H", f"If-None-Match: {tag}").bad:
            raise SystemExit("A month that nobody changed was not answered by 304.")
        return versus(
            "month that has not changed, against the stations", 0.9, self.rounds,
            lambda: self.burst(ground.product, path, READERS, "-H", f"If-None-Match: {tag}"),
            lambda: self.burst(ground.product, "/api/stations/"),
        )  # fmt: skip

    def page(self, kind: str) -> Ratio:
        """A page against the yardstick's JSON of as many bookings: a month page shows whole weeks, here as many as there are."""
        ground = self.ground
        session = Side("product", ground.product.port, "product", server=ground.product.server)
        cookie = "Cookie: {}={}".format(*ground.session())
        address = f"/calendar/{kind}/?station=S001&date={ground.first}"
        path = ground.range(WEEK) if kind == "week" else ground.range(self.days_on_page())
        return versus(
            f"{kind} page, against the yardstick's JSON", 1, self.rounds,
            lambda: self.burst(session, address, READERS, "-H", cookie, "-H", "Accept-Encoding: gzip"),
            lambda: self.burst(ground.yardstick, path),
        )  # fmt: skip

    def days_on_page(self) -> int:
        """From the first of the month to the end of its last week; the days before hold nothing."""
        following = (self.ground.first + timedelta(days=31)).replace(day=1)
        return min(DAYS, (following - self.ground.first).days + (6 - (following.weekday() + 1) % 7 + 1) % 7)

    # --- writes --------------------------------------------------------------------------------------------------------

    def moves(self, side: Side, stations: int, seed: int) -> Path:
        """What wrk moves about: every booking of these stations, to somewhere in the month."""
        draw, path = random.Random(seed), self.ground.range(MONTH)  # noqa: S311  # nosec B311
        found = side.ask(path)[0]["data"]
        wanted = set(self.ground.codes(stations))
        live = [
            row["booking_id"] for row in found
            if row["status"] in ("pending", "confirmed") and row.get("station", "S001") in wanted
        ]  # fmt: skip
        moves = [self.move(draw, booking) for booking in live for _time in range(4)]
        draw.shuffle(moves)
        script = self.ground.scratch / f"moves-{side.name}-{stations}-{seed}.lua"
        script.write_text(LUA % ",".join(moves))
        return script

    def move(self, draw: random.Random, booking: str) -> str:
        day = self.ground.first + timedelta(days=draw.randrange(MONTH))
        body = json.dumps({"date": day.isoformat(), "slot": f"{draw.randrange(11, 22)}:00"})
        return f"{{'{booking}', '{body}'}}"

    def reschedule(self) -> Ratio:
        ground = self.ground
        ground.sign_in()
        mine, theirs = (self.moves(side, 1, seed) for seed, side in enumerate((ground.product, ground.yardstick)))
        return versus(
            "PATCH at one station, against the yardstick", 0.3, self.rounds_of_changes,
            lambda: self.burst(ground.product, "/", WRITERS, script=mine),
            lambda: self.burst(ground.yardstick, "/", WRITERS, script=theirs),
        )  # fmt: skip

    def contended(self) -> Ratio:
        ground = self.ground
        ground.sign_in("many@example.com")
        one, many = self.moves(ground.product, 1, 7), self.moves(ground.product, min(16, ground.stations), 8)
        return versus(
            "PATCH at one station, against sixteen", 0.5, self.rounds_of_changes,
            lambda: self.burst(ground.product, "/", WRITERS, script=one),
            lambda: self.burst(ground.product, "/", WRITERS, script=many),
        )  # fmt: skip

    # --- in process ----------------------------------------------------------------------------------------------------

    def inside(self) -> Ratio:
        """One month from view to bytes, in a process of its own, beside the floor in another: wall time."""
        ground = self.ground
        last = ground.first + timedelta(days=MONTH - 1)
        environment = {
            **ground.environment,
            "DATABASE_URL": ground.url("product"),
            "DJANGO_SETTINGS_MODULE": "config.settings",
        }
        pairs = []
        for _round in range(self.rounds):
            command = [sys.executable, "-m", "bench.inside", ground.range(MONTH)]
            done = subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True)
            floor = ground.peers(
                "floor.py", ground.url("yardstick", "postgresql"), ground.yard_station, str(ground.first), str(last)
            )
            told = dict(part.split("=") for part in floor.split())
            pairs.append((float(done.stdout.split()[-1]), float(told["total_ms"])))
        return at_most("one month in process, against the floor", 1.8, pairs, "ms")

    # --- import --------------------------------------------------------------------------------------------------------

    def importing(self, rows: int) -> list[Ratio]:
        """Rows a second, against plain INSERTs of the very same rows; and memory, against a tenth as many."""
        small, _table = self._imported(max(rows // 10, 100))
        large, tables = self._imported(rows)
        again = self._inserted(tables)
        ratio = at_least(f"import of {rows:,} rows, against INSERT", 0.35, [(rows / large[0], rows / again)], "rows/s")
        memory = at_most("memory of it, against a tenth of the rows", 1.2, [(large[1], small[1])], "MB")
        return [ratio, memory]

    def _imported(self, rows: int) -> tuple[tuple[float, float], dict[str, tuple[str, list[Any]]]]:
        ground = self.ground
        per_day = max(1, rows // (20 * 100))
        days = max(1, rows // (20 * per_day))
        ground.write_rows(ground.scratch / "import.csv", 20, days, per_day)
        ground.copy("empty", "imported")
        ground.settle("imported")
        environment = {**ground.environment, "DATABASE_URL": ground.url("imported")}
        words = ("import_bookings", str(ground.scratch / "import.csv"), "--create-stations", "--set", "capacity=60")
        before = self._rows("imported")
        began = time.perf_counter()
        child = subprocess.Popen(
            [sys.executable, "manage.py", *words], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL
        )
        peak = 0.0
        while child.poll() is None:
            peak = max(peak, resident_mb(child.pid))
            with suppress(subprocess.TimeoutExpired):
                child.wait(BETWEEN_LOOKS)
        took = time.perf_counter() - began
        if child.returncode:
            raise SystemExit("The import failed.")
        after = self._rows("imported")
        written = {
            name: (columns, found) for name, (columns, found) in after.items() if len(found) > len(before[name][1])
        }
        return (took, peak), written

    def _rows(self, database: str) -> dict[str, tuple[str, list[Any]]]:
        """What an import writes, by table, in the order in which it can be written again."""
        tables = (
            "stations_station", "stations_opening", "accounts_auditchain", "accounts_customer", "accounts_blindindex",
            "bookings_booking", "bookings_hold", "bookings_importedrow", "accounts_auditentry",
        )  # fmt: skip
        found = {}
        with self.ground.admin(database) as admin:
            for table in tables:
                cursor = admin.execute(f"SELECT * FROM {table}")
                names = ", ".join(f'"{column.name}"' for column in cursor.description or ())
                found[table] = (names, cursor.fetchall())
        return found

    def _inserted(self, tables: dict[str, tuple[str, list[Any]]]) -> float:
        """Seconds for INSERTs of a thousand rows each, a commit after each, into the empty database."""
        self.ground.copy("empty", "inserted")
        self.ground.settle("inserted")
        import psycopg
        from psycopg.types.json import Jsonb

        ready = []
        for table, (names, rows) in tables.items():
            whole = [[Jsonb(value) if isinstance(value, dict | list) else value for value in row] for row in rows]
            width = names.count('", "') + 1
            at_once = max(1, min(1000, 65_000 // width))
            for begin in range(0, len(whole), at_once):
                part = whole[begin : begin + at_once]
                places = ", ".join(["(" + ", ".join(["%s"] * width) + ")"] * len(part))
                flat = [value for row in part for value in row]
                ready.append((f"INSERT INTO {table} ({names}) VALUES {places} ON CONFLICT DO NOTHING", flat))
        with psycopg.connect(self.ground.url("inserted", "postgresql"), autocommit=True) as connection:
            began = time.perf_counter()
            for statement, values in ready:
                connection.execute(statement, values)
            return time.perf_counter() - began

    # --- curves --------------------------------------------------------------------------------------------------------

    def draw(self) -> None:
        """A week by connections, and ranges by their bookings over one connection; of product and yardstick."""
        self.ground.sign_in()
        week = self.ground.range(WEEK)
        for count in (1, 4, 16, 64):
            self._point("week by connections", count, week, count)
        for path in map(self.ground.range, (1, 3, 7, 14, 30, 42)):
            self._point("range by bookings", self.same_rows(path), path, 1)

    def _point(self, curve: str, at: int, path: str, connections: int) -> None:
        for side in (self.ground.product, self.ground.yardstick):
            rate = self.burst(side, path, connections).rate
            self.curves[curve][side.name].append((at, connections * 1000 / rate))
