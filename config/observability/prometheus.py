"""The Prometheus endpoint `/metrics`: counters of all processes of this server, and gauges queried from the database."""

import hmac
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db import Error, connection
from django.db.models import Max
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

from bookings.mails import delivery_log as delivery_log  # whose counters are there from the start
from bookings.mails import stats
from bookings.models import BackupRecord, Booking
from bookings.operations import clock_check
from core import metrics
from core.db import wal_archive
from core.parent_death import is_alive


def metrics_view(request: HttpRequest) -> HttpResponse:
    """The metrics, for requests with METRICS_TOKEN; 404 if that is not set."""
    if not settings.METRICS_TOKEN:
        return HttpResponse("Not found.\n", status=404, content_type="text/plain")
    authorization = request.headers.get("Authorization", "")
    if not hmac.compare_digest(authorization.encode(), f"Bearer {settings.METRICS_TOKEN}".encode()):
        headers = {"WWW-Authenticate": "Bearer"}
        return HttpResponse("Send the METRICS_TOKEN.\n", status=401, content_type="text/plain", headers=headers)
    return HttpResponse(generate_latest(_registry()), content_type=CONTENT_TYPE_LATEST)


def _registry() -> CollectorRegistry:
    """A new registry for each request, because the set of processes changes."""
    registry = CollectorRegistry()
    if settings.METRICS_FOLDER:
        mark_dead_processes(settings.METRICS_FOLDER)
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    else:
        registry.register(ProcessCollector())
    registry.register(DatabaseCollector())
    return registry


def mark_dead_processes(folder: str) -> None:
    """Remove the gauges of processes that were killed, such as their requests in progress. Their counters stay."""
    for path in Path(folder).glob("gauge_live*_*.db"):
        pid = path.stem.rpartition("_")[2]
        if pid.isdecimal() and not is_alive(int(pid)):
            mark_process_dead(int(pid), folder)  # type: ignore[no-untyped-call]


class ProcessCollector(Collector):
    """The metrics of this process, if it is the only one."""

    def collect(self) -> Iterable[Metric]:
        return REGISTRY.collect()


class DatabaseCollector(Collector):
    """Gauges queried from the database at each scrape; every server of an installation reports the same."""

    def collect(self) -> Iterable[Metric]:
        up = GaugeMetricFamily("stationbook_database_up", "Whether the database responded.", 1)
        found: list[Metric] = []
        try:
            found = [*self._gauges()]
        except Error as error:
            metrics.count_database_error(error)
            with suppress(Error):
                connection.close()
            up = GaugeMetricFamily("stationbook_database_up", "Whether the database responded.", 0)
        return [up, *found]

    def _gauges(self) -> Iterable[Metric]:
        now = timezone.now()
        queue, workers = stats.queue_stats(now), stats.worker_stats(now)
        emails = GaugeMetricFamily("stationbook_mail_queue", "Emails to be sent, by state.", labels=["state"])
        emails.add_metric(["waiting"], queue.waiting)
        emails.add_metric(["sending"], queue.sending)
        yield emails
        yield GaugeMetricFamily(
            "stationbook_mail_queue_oldest_seconds",
            "How long the oldest email has been overdue.",
            queue.oldest.total_seconds(),
        )
        ended = GaugeMetricFamily(
            "stationbook_mails_ended", "Emails sent, failed or withheld in the last hour, by state.", labels=["state"]
        )
        for state, count in stats.recently_ended(now).items():
            ended.add_metric([state], count)
        yield ended
        yield GaugeMetricFamily("stationbook_workers", "Workers with a recent heartbeat.", workers.active)
        yield GaugeMetricFamily(
            "stationbook_worker_heartbeat_age_seconds",
            "Time since the last heartbeat of any worker.",
            float("inf") if workers.since_last_seen is None else workers.since_last_seen.total_seconds(),
        )
        yield GaugeMetricFamily(
            "stationbook_worker_round_seconds",
            "Longest time that a worker with a recent heartbeat has been in the same round.",
            workers.longest_round.total_seconds(),
        )
        yield from self._operation_gauges(now)
        yield GaugeMetricFamily(
            "stationbook_bookings_displaced",
            "Upcoming bookings without a slot.",
            Booking.objects.displaced().ahead(now).count(),
        )
        yield GaugeMetricFamily(
            "stationbook_wal_archive_failing_seconds",
            "Time since archiving the write-ahead log began to fail; 0 if it works or is turned off.",
            wal_archive.failing_seconds(),
        )

    def _operation_gauges(self, now: datetime) -> Iterable[Metric]:
        yield GaugeMetricFamily(
            "stationbook_clock_difference_seconds",
            "How far this server's clock is ahead of the database's.",
            clock_check.difference_to_database().total_seconds(),
        )
        yield GaugeMetricFamily(
            "stationbook_clock_trusted", "Whether the clock is plausible.", 0 if clock_check.doubt() else 1
        )
        made_at = BackupRecord.objects.aggregate(last=Max("made_at"))["last"]
        yield GaugeMetricFamily(
            "stationbook_backup_age_seconds",
            "Time since the last backup.",
            max((now - made_at).total_seconds(), 0.0) if made_at else float("inf"),
        )
