"""Health checks for probes and load balancers: JSON with a result and a sentence for each check, nothing confidential."""

import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Final

from django.conf import settings
from django.db import Error, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone

from bookings.mails import stats
from bookings.operations import clock_check
from core import metrics
from core.db import disk_full
from core.version import VERSION

MIN_FREE_BYTES: Final = 16 * 1024**2


@dataclass(frozen=True, slots=True)
class Check:
    """The result of a check. The field names are keys of the JSON."""

    ok: bool
    says: str


def live(request: HttpRequest) -> HttpResponse:
    """Whether the process responds, and its version. Nothing else is checked: a restart would fix nothing but the process."""
    return _json_response({"process": Check(True, "The process responds.")}, version=VERSION)


def web(request: HttpRequest) -> HttpResponse:
    """Whether pages can be served, for load balancers. The calendar does not need a worker or a mail server."""
    return _json_response(_web.checks())


def ready(request: HttpRequest) -> HttpResponse:
    """Whether everything works."""
    return _json_response(_ready.checks())


def _json_response(checks: dict[str, Check], **more: str) -> HttpResponse:
    ok = all(check.ok for check in checks.values())
    body = {"ok": ok, "checks": {name: asdict(check) for name, check in checks.items()}, **more}
    return JsonResponse(body, status=200 if ok else 503)


def _run(checks: tuple[Callable[[], Check], ...]) -> Iterator[tuple[str, Check]]:
    """Results by name. If the database is unavailable, the remaining checks are not run."""
    is_away = False
    for check in checks:
        try:
            result = Check(False, "Unknown: the database does not respond.") if is_away else check()
        except Error as error:
            metrics.count_database_error(error)
            connection.close()
            is_away, result = True, Check(False, "The database does not respond.")
        yield check.__name__, result


def database() -> Check:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return Check(True, "The database responds.")


def migrations() -> Check:
    missing = len(_known_migrations() - MigrationRecorder(connection).applied_migrations().keys())
    if missing:
        return Check(False, f"{missing} migrations are not applied. Run manage.py migrate.")
    return Check(True, "All migrations are applied.")


@cache
def _known_migrations() -> frozenset[tuple[str, str]]:
    """Migrations of this release. A newer release that runs beside it may have applied more."""
    return frozenset(MigrationLoader(None).disk_migrations)


def disk() -> Check:
    """Whether the database's disk has space. Free space is only known for SQLite, which is on this machine."""
    free = None
    if connection.vendor == "sqlite":
        free = shutil.disk_usage(Path(connection.settings_dict["NAME"]).resolve().parent).free
    if disk_full.was_seen_recently() or (free is not None and free < MIN_FREE_BYTES):
        return Check(False, "The database's disk is full, so nothing can be saved. Free up some space.")
    return Check(True, "The database's disk has space.")


def worker() -> Check:
    found = stats.worker_stats(timezone.now())
    unseen = found.since_last_seen
    if unseen is None:
        return Check(False, "No worker has ever run. Start manage.py deliver.")
    if unseen > timedelta(seconds=settings.WORKER_SILENCE_SECONDS):
        return Check(False, f"No worker has run for {_minutes(unseen)}. Start manage.py deliver, or check its log.")
    if found.longest_round > timedelta(seconds=settings.WORKER_ROUND_SECONDS):
        duration = _minutes(found.longest_round)
        return Check(
            False, f"A worker has been busy with “{found.round}” for {duration}. Check its log and restart it."
        )
    return Check(True, "A worker is running.")


def clock() -> Check:
    reason = clock_check.doubt()
    return Check(not reason, reason or "The clock is plausible.")


def mails() -> Check:
    if not settings.MAIL_SERVER:
        return Check(True, "No mail server is set, so emails wait in the outbox.")
    oldest = stats.queue_stats(timezone.now()).oldest
    if oldest > timedelta(seconds=settings.MAIL_QUEUE_SECONDS):
        return Check(
            False, f"An email has been overdue for {_minutes(oldest)}. Check the worker's log and the mail server."
        )
    return Check(True, "No email is overdue.")


def _minutes(duration: timedelta) -> str:
    return f"{max(1, round(duration / timedelta(minutes=1)))} minutes"


class CachedChecks:
    """Runs checks at most every `HEALTH_CACHE_SECONDS`, because anyone may request them.

    While one thread runs them, others get the previous results, so that a hanging database does not block all of them.
    """

    def __init__(self, *checks: Callable[[], Check]) -> None:
        self._checks = checks
        self._lock = Lock()
        self._results: dict[str, Check] = {}
        self._expires = 0.0

    def checks(self) -> dict[str, Check]:
        if time.monotonic() >= self._expires and self._lock.acquire(blocking=not self._results):
            try:
                self._refresh()
            finally:
                self._lock.release()
        return self._results

    def _refresh(self) -> None:
        if time.monotonic() >= self._expires:
            self._results = dict(_run(self._checks))
            self._expires = time.monotonic() + settings.HEALTH_CACHE_SECONDS


_web: Final = CachedChecks(database, migrations)
_ready: Final = CachedChecks(database, migrations, disk, clock, worker, mails)

VIEWS: Final[Mapping[str, Callable[[HttpRequest], HttpResponse]]] = {
    "/health/live": live,
    "/health/web": web,
    "/health/ready": ready,
}
"""By path."""
