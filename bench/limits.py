"""The cost of counting a request against its rate limit, compared with the cheapest query and the smallest durable commit."""

import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

import django

django.setup()

from django.conf import settings  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402

from accounts.auth.rate_limits import Rate, count_page  # noqa: E402
from stations.models import Station  # noqa: E402

REPEATS = 2_000


def cost(what: Callable[[], object], times: int = REPEATS) -> float:
    """The median of so many, in milliseconds."""
    taken = []
    for _n in range(times):
        began = time.perf_counter()
        what()
        taken.append(time.perf_counter() - began)
    return median(taken) * 1000


def mean_cost(what: Callable[[], object], times: int = REPEATS) -> float:
    """The mean of so many, in milliseconds: for what is dear now and then only."""
    began = time.perf_counter()
    for _n in range(times):
        what()
    return (time.perf_counter() - began) / times * 1000


def count() -> object:
    return Rate.parse("1000000/day").window().add("bench", 1)


def ask() -> object:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        return cursor.fetchone()


def main(scratch: Path) -> None:
    call_command("migrate", verbosity=0)
    kitchen = Station.objects.create(code="kitchen", name="Kitchen", time_zone="UTC", country="DE", currency="EUR")
    commit = partial(Station.objects.bump, kitchen.pk)
    for what in (count, ask, commit):
        what()
    counted, asked, committed = cost(count), cost(ask), cost(commit, REPEATS // 10)
    page = mean_cost(lambda: count_page("bench"), REPEATS // 4)
    print(f"{connection.vendor}: a page view's count {page:.3f} ms on average, {page / counted:.2f} x a count")
    print(f"{connection.vendor}: a count {counted:.3f} ms, {counted / asked:.1f} x a bare SELECT ({asked:.3f} ms), "
          f"{counted / committed:.2f} x a durable commit ({committed:.3f} ms)")  # fmt: skip
    if connection.vendor == "postgresql" and shutil.which("redis-server"):
        socket = scratch / "redis.sock"
        command = ["redis-server", "--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", str(scratch)]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
            while not socket.exists():
                time.sleep(0.01)
            settings.REDIS_URL = f"redis+unix://{socket}"
            count()
            in_redis = cost(count)
            print(f"redis: a count {in_redis:.3f} ms, {in_redis / asked:.1f} x a bare SELECT of PostgreSQL's")
            server.terminate()


main(Path(sys.argv[1]))
