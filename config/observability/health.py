"""Whether the product is well: what a probe is told, in JSON, by name and in a sentence. Nothing of it is confidential."""

import shutil
import time
from collections.abc import Callable, Iterator
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

LEAST_FREE_BYTES: Final = 16 * 1024**2


@dataclass(frozen=True, slots=True)
class Check:
    ok: bool
    says: str


def live(request: HttpRequest) -> HttpResponse:
    """The process answers, and says its release. It asks nobody else: to start it anew would mend nothing but itself."""
    return _json_response({"process": Check(True, "The process answers.")}, version=VERSION)


def web(request: HttpRequest) -> HttpResponse:
    """Pages can be served: what a load balancer asks, for without mails the calendar is still one."""
    return _json_response(_web.checks())


def ready(request: HttpRequest) -> HttpResponse:
    """All of it works."""
    return _json_response(_ready.checks())


def _json_response(checks: dict[str, Check], **more: str) -> HttpResponse:
    well = all(check.ok for check in checks.values())
    body = {"ok": well, "checks": {name: asdict(check) for name, check in checks.items()}, **more}
    return JsonResponse(body, status=200 if well else 503)


def _checks(*wanted: Callable[[], Check]) -> Iterator[tuple[str, Check]]:
    """Each by its name. Where the database does not answer, the others have nobody to ask."""
    away = False
    for check in wanted:
        try:
            found = Check(False, "Not known: the database does not answer.") if away else check()
        except Error as error:
            metrics.count_database_error(error)
            connection.close()
            away, found = True, Check(False, "The database does not answer.")
        yield check.__name__, found


def database() -> Check:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return Check(True, "The database answers.")


def migrations() -> Check:
    missing = len(_known_migrations() - MigrationRecorder(connection).applied_migrations().keys())
    if missing:
        return Check(False, f"{missing} migrations are not applied. Run manage.py migrate.")
    return Check(True, "All migrations are applied.")


@cache
def _known_migrations() -> frozenset[tuple[str, str]]:
    """Those of this release. A newer one that runs beside it may have applied more."""
    return frozenset(MigrationLoader(None).disk_migrations)


def disk() -> Check:
    """Of the database. How much is free is known of SQLite's alone, which is this machine's."""
    free = None
    if connection.vendor == "sqlite":
        free = shutil.disk_usage(Path(connection.settings_dict["NAME"]).resolve().parent).free
    if disk_full.was_seen_recently() or (free is not None and free < LEAST_FREE_BYTES):
        return Check(False, "The database's disk is full: nothing can be saved. Make room.")
    return Check(True, "The database's disk has room.")


def worker() -> Check:
    found = stats.workers(timezone.now())
    unseen = found.unseen
    limit = timedelta(seconds=settings.WORKER_SILENCE_SECONDS)
    if unseen is None:
        return Check(False, "No worker was ever seen. Start manage.py deliver.")
    if unseen > limit:
        return Check(False, f"No worker was seen for {_minutes(unseen)}. Start manage.py deliver, or see its log.")
    if found.longest_round > timedelta(seconds=settings.WORKER_ROUND_SECONDS):
        return Check(
            False,
            f"A worker has been at “{found.round}” for {_minutes(found.longest_round)}. See its log, and start it anew.",
        )
    return Check(True, "A worker is at work.")


def clock() -> Check:
    reason = clock_check.doubt()
    return Check(not reason, reason or "The clock is in no doubt.")


def mails() -> Check:
    if not settings.MAIL_SERVER:
        return Check(True, "No mail server is set: mails wait in the outbox.")
    oldest = stats.queue(timezone.now()).oldest
    if oldest > timedelta(seconds=settings.MAIL_QUEUE_SECONDS):
        return Check(
            False, f"A mail should have gone {_minutes(oldest)} ago. See the worker's log, and the mail server."
        )
    return Check(True, "No mail waits longer than it should.")


def _minutes(time: timedelta) -> str:
    return f"{max(1, round(time / timedelta(minutes=1)))} minutes"


class CachedChecks:
    """What some checks found, repeated for `HEALTH_CACHE_SECONDS`: anybody may ask, and shall not keep the database busy by it.

    While one thread looks again, the others repeat the last result, so that a database that hangs does not hold them all.
    """

    def __init__(self, *wanted: Callable[[], Check]) -> None:
        self._wanted = wanted
        self._lock = Lock()
        self._found: dict[str, Check] = {}
        self._expires = 0.0

    def checks(self) -> dict[str, Check]:
        if time.monotonic() >= self._expires and self._lock.acquire(blocking=not self._found):
            try:
                self._look_again()
            finally:
                self._lock.release()
        return self._found

    def _look_again(self) -> None:
        if time.monotonic() >= self._expires:
            self._found = dict(_checks(*self._wanted))
            self._expires = time.monotonic() + settings.HEALTH_CACHE_SECONDS


_web: Final = CachedChecks(database, migrations)
_ready: Final = CachedChecks(database, migrations, disk, clock, worker, mails)

ADDRESSES: Final = {"/health/live": live, "/health/web": web, "/health/ready": ready}
