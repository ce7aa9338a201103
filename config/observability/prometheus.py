"""What Prometheus reads under `/metrics`: the counts of all processes of this server, and what the database knows."""

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


def exposed(request: HttpRequest) -> HttpResponse:
    """For whoever bears the token; without one there is no such address."""
    if not settings.METRICS_TOKEN:
        return HttpResponse("There is no such page.\n", status=404, content_type="text/plain")
    said = request.headers.get("Authorization", "")
    if not hmac.compare_digest(said.encode(), f"Bearer {settings.METRICS_TOKEN}".encode()):
        headers = {"WWW-Authenticate": "Bearer"}
        return HttpResponse("Send the METRICS_TOKEN.\n", status=401, content_type="text/plain", headers=headers)
    return HttpResponse(generate_latest(_registry()), content_type=CONTENT_TYPE_LATEST)


def _registry() -> CollectorRegistry:
    """Made anew each time: which processes there are changes."""
    registry = CollectorRegistry()
    if settings.METRICS_FOLDER:
        forget_the_dead(settings.METRICS_FOLDER)
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    else:
        registry.register(Own())
    registry.register(OfTheDatabase())
    return registry


def forget_the_dead(folder: str) -> None:
    """A process that was killed holds no request in hand any more. What it counted stays counted."""
    for path in Path(folder).glob("gauge_live*_*.db"):
        pid = path.stem.rpartition("_")[2]
        if pid.isdecimal() and not is_alive(int(pid)):
            mark_process_dead(int(pid), folder)  # type: ignore[no-untyped-call]


class Own(Collector):
    """What this process counted, where it serves alone."""

    def collect(self) -> Iterable[Metric]:
        return REGISTRY.collect()


class OfTheDatabase(Collector):
    """What is known to the database alone, asked while Prometheus reads. Every server of the product says the same."""

    def collect(self) -> Iterable[Metric]:
        up = GaugeMetricFamily("stationbook_database_up", "Whether the database answered.", 1)
        found: list[Metric] = []
        try:
            found = [*self._found()]
        except Error as error:
            metrics.count_database_error(error)
            with suppress(Error):
                connection.close()
            up = GaugeMetricFamily("stationbook_database_up", "Whether the database answered.", 0)
        return [up, *found]

    def _found(self) -> Iterable[Metric]:
        now = timezone.now()
        queue, workers = stats.queue(now), stats.workers(now)
        mails = GaugeMetricFamily("stationbook_mail_queue", "Mails on their way, by state.", labels=["state"])
        mails.add_metric(["waiting"], queue.waiting)
        mails.add_metric(["sending"], queue.sending)
        yield mails
        yield GaugeMetricFamily(
            "stationbook_mail_queue_oldest_seconds",
            "For how long the oldest mail should have gone.",
            queue.oldest.total_seconds(),
        )
        ended = GaugeMetricFamily("stationbook_mails_ended", "Mails that ended within the last hour.", labels=["state"])
        for state, count in stats.ended(now).items():
            ended.add_metric([state], count)
        yield ended
        yield GaugeMetricFamily("stationbook_workers", "Workers that were seen of late.", workers.at_work)
        yield GaugeMetricFamily(
            "stationbook_worker_heartbeat_age_seconds",
            "How long ago the last worker was seen.",
            float("inf") if workers.unseen is None else workers.unseen.total_seconds(),
        )
        yield GaugeMetricFamily(
            "stationbook_worker_round_seconds",
            "For how long a worker that was seen of late has been at the same round.",
            workers.longest_round.total_seconds(),
        )
        yield from self._of_operation(now)
        yield GaugeMetricFamily(
            "stationbook_bookings_displaced",
            "Bookings that wait for another place.",
            Booking.objects.displaced().ahead(now).count(),
        )
        yield GaugeMetricFamily(
            "stationbook_wal_archive_failing_seconds",
            "For how long the database could not archive its write-ahead log; 0 where it can, or need not.",
            wal_archive.failing_seconds(),
        )

    def _of_operation(self, now: datetime) -> Iterable[Metric]:
        yield GaugeMetricFamily(
            "stationbook_clock_difference_seconds",
            "By how much this server's clock is ahead of the database's.",
            clock_check.difference_to_database().total_seconds(),
        )
        yield GaugeMetricFamily(
            "stationbook_clock_trusted", "Whether the clock is in no doubt.", 0 if clock_check.doubt() else 1
        )
        made_at = BackupRecord.objects.aggregate(last=Max("made_at"))["last"]
        yield GaugeMetricFamily(
            "stationbook_backup_age_seconds",
            "How long ago the last backup was made.",
            max((now - made_at).total_seconds(), 0.0) if made_at else float("inf"),
        )
