"""The worker's heartbeat: a database row that says when it was last alive and which round it is running."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from threading import Event, Lock, Thread
from time import monotonic
from typing import Final
from uuid import UUID, uuid4

from django.db import Error, connection
from django.utils import timezone

from bookings.models import WorkerBeat
from core import error_text

log = logging.getLogger(__name__)

BEAT_SECONDS: Final = 15.0
POLL_SECONDS: Final = 1.0
JOIN_SECONDS: Final = 10.0
BEATS_KEPT: Final = timedelta(days=1)


class Heartbeat:
    """Writes a worker's row every 15 seconds: from the worker's loop, and from a thread during rounds that take longer."""

    def __init__(self, worker: UUID | None = None) -> None:
        self._worker = worker or uuid4()
        self._lock = Lock()
        self._next_beat = 0.0
        self._round = ("", monotonic())

    @contextmanager
    def during(self, name: str) -> Iterator[None]:
        """Report this round as the current one until the block ends."""
        self._round = (name, monotonic())
        try:
            yield
        finally:
            self._round = ("", monotonic())

    def beat_if_due(self) -> None:
        with self._lock:
            if monotonic() < self._next_beat:
                return
            self._next_beat = monotonic() + BEAT_SECONDS
        self.beat(timezone.now())

    def beat(self, now: datetime) -> None:
        name, began = self._round
        row = WorkerBeat(
            pk=self._worker,
            seen_at=now,
            round=name,
            round_seconds=int(monotonic() - began) if name else 0,
        )
        fields = ["seen_at", "round", "round_seconds"]
        WorkerBeat.objects.bulk_create([row], update_conflicts=True, unique_fields=["id"], update_fields=fields)

    @contextmanager
    def in_background(self) -> Iterator[None]:
        """Write the heartbeat from a thread as well until the block ends."""
        stop = Event()
        thread = Thread(target=self._run, args=(stop,), name="heartbeat", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(JOIN_SECONDS)

    def _run(self, stop: Event) -> None:
        while not stop.wait(POLL_SECONDS):
            try:
                self.beat_if_due()
            except Error as error:
                log.warning("The worker's heartbeat could not be written: %s.", error_text.describe_error(error))
                connection.close()
        connection.close()


def forget_old(now: datetime) -> None:
    """Delete heartbeats that are older than a day, and those that a wrong clock dated more than a day ahead."""
    WorkerBeat.objects.exclude(seen_at__range=(now - BEATS_KEPT, now + BEATS_KEPT)).delete()
