"""The cases measured over HTTP, and the import. Each takes turns with what it is compared with."""

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

from bench.measurement import Load, Ratio, at_least, at_most, versus, wrk
from bench.testbed import DAYS, ROOT, Side, Testbed

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


POLL_SECONDS: Final = 0.25
Curve = dict[str, list[tuple[int, float]]]
"""Its lines by their names: how many, and milliseconds a request."""


def resident_mb(pid: int) -> float:
    """What a process has in memory now; 0 for one that is gone. What the system keeps as its most begins with what its parent
    had when it was made, and this one holds whole tables."""
    said = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], check=False, capture_output=True, text=True).stdout
    return int(said or 0) / 1024


class Cases:
    def __init__(self, testbed: Testbed, *, seconds: float, rounds: int) -> None:
        self.testbed, self.seconds, self.rounds = testbed, seconds, rounds
        self.rounds_of_changes = 2 * rounds - 1
        """More than of reads, for what else the machine does shows most where one waits for another."""
        self.curves: dict[str, Curve] = defaultdict(lambda: defaultdict(list))
        """By what they are called: “what by what”."""

    def burst(self, side: Side, path: str, connections: int = READERS, *more: str, script: Path | None = None) -> Load:
        return wrk(side, path, self.seconds, connections, *more, script=script)

    # --- reads ---------------------------------------------------------------------------------------------------------

    def json(self, days: int, bound: float) -> Ratio:
        testbed, path = self.testbed, self.testbed.range(days)
        testbed.sign_in()
        count = self.same_rows(path)
        name = f"{'month' if days > WEEK else 'week'} of {count}, JSON, against the yardstick"
        return versus(
            name,
            bound,
            self.rounds,
            lambda: self.burst(testbed.product, path),
            lambda: self.burst(testbed.yardstick, path),
        )

    def same_rows(self, path: str) -> int:
        counts = {
            side.name: side.request(path)[0]["total_count"] for side in (self.testbed.product, self.testbed.yardstick)
        }
        if len(set(counts.values())) > 1:
            raise SystemExit(f"The two do not hold the same rows: {counts}")
        return int(counts["product"])

    def unchanged(self) -> Ratio:
        testbed, path = self.testbed, self.testbed.range(MONTH)
        testbed.sign_in()
        tag = testbed.product.request(path)[1]["ETag"]
        if wrk(testbed.product, path, 1, 1, "-H", f"If-None-Match: {tag}").bad:
            raise SystemExit("A month that nobody changed was not answered by 304.")
        return versus(
            "month that has not changed, against the stations", 0.9, self.rounds,
            lambda: self.burst(testbed.product, path, READERS, "-H", f"If-None-Match: {tag}"),
            lambda: self.burst(testbed.product, "/api/stations/"),
        )  # fmt: skip

    def page(self, kind: str) -> Ratio:
        """A page against the yardstick's JSON of as many bookings: a month page shows whole weeks, here as many as there are."""
        testbed = self.testbed
        session = Side("product", testbed.product.port, "product", server=testbed.product.server)
        cookie = "Cookie: {}={}".format(*testbed.session())
        address = f"/calendar/{kind}/?station=S001&date={testbed.first}"
        path = testbed.range(WEEK) if kind == "week" else testbed.range(self.days_on_page())
        return versus(
            f"{kind} page, against the yardstick's JSON", 1, self.rounds,
            lambda: self.burst(session, address, READERS, "-H", cookie, "-H", "Accept-Encoding: gzip"),
            lambda: self.burst(testbed.yardstick, path),
        )  # fmt: skip

    def days_on_page(self) -> int:
        """From the first of the month to the end of its last week; the days before hold nothing."""
        following = (self.testbed.first + timedelta(days=31)).replace(day=1)
        return min(DAYS, (following - self.testbed.first).days + (6 - (following.weekday() + 1) % 7 + 1) % 7)

    # --- writes --------------------------------------------------------------------------------------------------------

    def moves(self, side: Side, stations: int, seed: int) -> Path:
        """What wrk moves about: every booking of these stations, to somewhere in the month."""
        draw, path = random.Random(seed), self.testbed.range(MONTH)  # noqa: S311  # nosec B311
        found = side.request(path)[0]["data"]
        wanted = set(self.testbed.codes(stations))
        live = [
            row["booking_id"] for row in found
            if row["status"] in ("pending", "confirmed") and row.get("station", "S001") in wanted
        ]  # fmt: skip
        moves = [self.move(draw, booking) for booking in live for _time in range(4)]
        draw.shuffle(moves)
        script = self.testbed.scratch / f"moves-{side.name}-{stations}-{seed}.lua"
        script.write_text(LUA % ",".join(moves))
        return script

    def move(self, draw: random.Random, booking: str) -> str:
        day = self.testbed.first + timedelta(days=draw.randrange(MONTH))
        body = json.dumps({"date": day.isoformat(), "slot": f"{draw.randrange(11, 22)}:00"})
        return f"{{'{booking}', '{body}'}}"

    def reschedule(self) -> Ratio:
        testbed = self.testbed
        testbed.sign_in()
        mine, theirs = (self.moves(side, 1, seed) for seed, side in enumerate((testbed.product, testbed.yardstick)))
        return versus(
            "PATCH at one station, against the yardstick", 0.3, self.rounds_of_changes,
            lambda: self.burst(testbed.product, "/", WRITERS, script=mine),
            lambda: self.burst(testbed.yardstick, "/", WRITERS, script=theirs),
        )  # fmt: skip

    def contended(self) -> Ratio:
        testbed = self.testbed
        testbed.sign_in("many@example.com")
        one, many = self.moves(testbed.product, 1, 7), self.moves(testbed.product, min(16, testbed.stations), 8)
        return versus(
            "PATCH at one station, against sixteen", 0.5, self.rounds_of_changes,
            lambda: self.burst(testbed.product, "/", WRITERS, script=one),
            lambda: self.burst(testbed.product, "/", WRITERS, script=many),
        )  # fmt: skip

    # --- in process ----------------------------------------------------------------------------------------------------

    def inside(self) -> Ratio:
        """One month from view to bytes, in a process of its own, beside the floor in another: wall time."""
        testbed = self.testbed
        last = testbed.first + timedelta(days=MONTH - 1)
        environment = {
            **testbed.environment,
            "DATABASE_URL": testbed.url("product"),
            "DJANGO_SETTINGS_MODULE": "config.settings",
        }
        pairs = []
        for _round in range(self.rounds):
            command = [sys.executable, "-m", "bench.in_process", testbed.range(MONTH)]
            done = subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True)
            floor = testbed.run_yardstick(
                "floor.py", testbed.url("yardstick", "postgresql"), testbed.yard_station, str(testbed.first), str(last)
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
        testbed = self.testbed
        per_day = max(1, rows // (20 * 100))
        days = max(1, rows // (20 * per_day))
        testbed.write_rows(testbed.scratch / "import.csv", 20, days, per_day)
        testbed.copy("empty", "imported")
        testbed.vacuum("imported")
        environment = {**testbed.environment, "DATABASE_URL": testbed.url("imported")}
        words = ("import_bookings", str(testbed.scratch / "import.csv"), "--create-stations", "--set", "capacity=60")
        before = self._rows("imported")
        began = time.perf_counter()
        child = subprocess.Popen(
            [sys.executable, "manage.py", *words], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL
        )
        peak = 0.0
        while child.poll() is None:
            peak = max(peak, resident_mb(child.pid))
            with suppress(subprocess.TimeoutExpired):
                child.wait(POLL_SECONDS)
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
        with self.testbed.admin(database) as admin:
            for table in tables:
                cursor = admin.execute(f"SELECT * FROM {table}")
                names = ", ".join(f'"{column.name}"' for column in cursor.description or ())
                found[table] = (names, cursor.fetchall())
        return found

    def _inserted(self, tables: dict[str, tuple[str, list[Any]]]) -> float:
        """Seconds for INSERTs of a thousand rows each, a commit after each, into the empty database."""
        self.testbed.copy("empty", "inserted")
        self.testbed.vacuum("inserted")
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
        with psycopg.connect(self.testbed.url("inserted", "postgresql"), autocommit=True) as connection:
            began = time.perf_counter()
            for statement, values in ready:
                connection.execute(statement, values)
            return time.perf_counter() - began

    # --- curves --------------------------------------------------------------------------------------------------------

    def draw(self) -> None:
        """A week by connections, and ranges by their bookings over one connection; of product and yardstick."""
        self.testbed.sign_in()
        week = self.testbed.range(WEEK)
        for count in (1, 4, 16, 64):
            self._point("week by connections", count, week, count)
        for path in map(self.testbed.range, (1, 3, 7, 14, 30, 42)):
            self._point("range by bookings", self.same_rows(path), path, 1)

    def _point(self, curve: str, at: int, path: str, connections: int) -> None:
        for side in (self.testbed.product, self.testbed.yardstick):
            rate = self.burst(side, path, connections).rate
            self.curves[curve][side.name].append((at, connections * 1000 / rate))
