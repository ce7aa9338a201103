"""A simulated member of staff in front of a calendar: one browser, one connection, one request at a time."""

import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Final, TextIO

import aiohttp

TIMEOUT_SECONDS: Final = 30
HOURS: Final = range(8, 22)
NO_ANSWER: Final = 0
"""The status of a request without a response."""
UNSEEN_WRITE: Final = "own write unseen"
MOVABLE: Final = ("pending", "confirmed")

Record = Callable[[dict[str, Any]], None]


@dataclass
class Answer:
    status: int
    etag: str = ""
    data: Any = None


@dataclass
class SimulatedUser:
    """Records each request: name, start (seconds since 1970), status, duration, and for a write its details."""

    number: int
    address: str
    station: str
    cookies: dict[str, str]
    first: date
    days: int
    record: Record
    rows: list[dict[str, Any]] = field(default_factory=list)
    etags: dict[str, str] = field(default_factory=dict)
    created_count: int = 0

    def __post_init__(self) -> None:
        self.random = random.Random(self.number)  # noqa: S311  # nosec B311  # no secret
        csrf = next(value for name, value in self.cookies.items() if name.endswith("stationbook_csrf"))
        self.browser = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=1, ssl=False),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=TIMEOUT_SECONDS),
            headers={
                "Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items()),
                "X-CSRFToken": csrf,
                "Referer": f"{self.address}/",
            },
        )

    @classmethod
    def all_of(cls, plan: dict[str, Any], notes: TextIO) -> "list[SimulatedUser]":
        """The users of a plan. All record into the same file, one line of JSON for each request."""
        return [
            cls(
                number=number,
                address=plan["address"],
                station=one["station"],
                cookies=one["cookies"],
                first=date.fromisoformat(plan["first"]),
                days=plan["days"],
                record=lambda note: print(json.dumps(note), file=notes),
            )
            for number, one in enumerate(plan["people"])
        ]

    async def request(
        self,
        what: str,
        method: str,
        path: str,
        *,
        write: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        **more: Any,
    ) -> Answer:
        """Send a request once: it is never retried."""
        began, clock = time.time(), time.perf_counter()
        answer = Answer(NO_ANSWER)
        try:
            async with self.browser.request(
                method, f"{self.address}{path}", headers=headers, allow_redirects=False, **more
            ) as got:
                body = await got.read()
                data = await got.json() if body and got.content_type == "application/json" else None
                answer = Answer(got.status, got.headers.get("ETag", ""), data)
        except (aiohttp.ClientError, TimeoutError, OSError):
            pass
        note = {"what": what, "at": began, "ms": (time.perf_counter() - clock) * 1000, "status": answer.status}
        if write is not None:
            note["write"] = write
        self.record(note)
        return answer

    async def poll(self, what: str, path: str, headers: dict[str, str]) -> Answer:
        """GET with the ETag of the last response, as the page's script and integrations do."""
        known = {"If-None-Match": self.etags[path]} if path in self.etags else {}
        answer = await self.request(what, "GET", path, headers=headers | known)
        if answer.status == 200 and answer.etag:
            self.etags[path] = answer.etag.removeprefix(
                "W/"
            )  # which compressing makes of it; pages' scripts leave it out
        return answer

    @property
    def week(self) -> str:
        return f"/calendar/week/?station={self.station}&date={self.first}"

    @property
    def weekly(self) -> str:
        last = self.first + timedelta(days=self.days - 1)
        return f"/api/bookings/admin/weekly?station={self.station}&date_from={self.first}&date_to={last}"

    async def open_week(self) -> None:
        await self.request("GET /calendar/week/", "GET", self.week)

    async def watch(self) -> None:
        await self.poll("GET /calendar/week/ (watching)", self.week, {"X-Part": "calendar"})

    async def open_month(self) -> None:
        await self.request("GET /calendar/month/", "GET", f"/calendar/month/?station={self.station}&date={self.first}")

    async def read_weekly(self) -> None:
        answer = await self.poll("GET /api/…/weekly", self.weekly, {"Accept": "application/json"})
        if answer.status == 200:
            self.rows = answer.data["data"]

    async def open_booking(self) -> None:
        if self.rows:
            chosen = self.random.choice(self.rows)["booking_id"]
            await self.request("GET /bookings/<id>/", "GET", f"/bookings/{chosen}/", headers={"X-Part": "panel"})

    def _elsewhere(self, row: dict[str, Any]) -> tuple[str, str]:
        while True:
            day = self.first + timedelta(days=self.random.randrange(self.days))
            place = f"{day}", f"{self.random.choice(HOURS):02}:00"
            if place != (row["date"], row["slot"]):
                return place

    async def move(self, *, by_page: bool = False) -> None:
        """Move one of the bookings last seen to another slot, and check that the next read shows it there."""
        rows = [row for row in self.rows if row["status"] in MOVABLE]
        if not rows:
            return
        row = self.random.choice(rows)
        day, slot = self._elsewhere(row)
        seen = row["version"]
        write = {"kind": "move", "booking": row["booking_id"], "date": day, "slot": slot, "version": seen + 1}
        if by_page:
            answer = await self.request(
                "POST /bookings/<id>/move/",
                "POST",
                f"/bookings/{row['booking_id']}/move/",
                write=write,
                headers={"Accept": "application/json"},
                data={"date": day, "slot": slot, "version": str(seen)},
            )
        else:
            answer = await self.request(
                "PATCH /api/…/<id>",
                "PATCH",
                f"/api/bookings/admin/{row['booking_id']}",
                write=write,
                headers={"If-Match": f'"{seen}"', "Accept": "application/json"},
                json={"date": day, "slot": slot},
            )
        self.etags.pop(self.weekly, None)
        await self.read_weekly_after(row["booking_id"], seen + 1 if answer.status == 200 else 0)

    async def create(self) -> None:
        self.created_count += 1
        reference = f"load-{self.number}-{self.created_count}"
        day = self.first + timedelta(days=self.random.randrange(self.days))
        body = {
            "station": self.station,
            "date": f"{day}",
            "slot": f"{self.random.choice(HOURS):02}:00",
            "party_adults": 2,
            "status": "confirmed",
            "external_ref": reference,
            "customer": {"name": f"Guest {reference}", "email": f"{reference}@example.com"},
        }
        write = {"kind": "create", "reference": reference, "station": self.station}
        answer = await self.request(
            "POST /api/bookings/",
            "POST",
            "/api/bookings/",
            write=write,
            headers={"Accept": "application/json"},
            json=body,
        )
        self.etags.pop(self.weekly, None)
        made = answer.data["data"]["booking_id"] if answer.status == 201 else ""
        await self.read_weekly_after(made, 1 if made else 0)

    async def read_weekly_after(self, booking: str, version: int) -> None:
        """Record if the user's own write is missing from the next read."""
        before = self.rows
        self.rows = []
        await self.read_weekly()
        found = {row["booking_id"]: row["version"] for row in self.rows}
        if version and self.rows and found.get(booking, 0) < version:
            self.record({"what": UNSEEN_WRITE, "at": time.time(), "ms": 0, "status": 200, "booking": booking})
        self.rows = self.rows or before

    async def close(self) -> None:
        await self.browser.close()
