"""The product's own figures are those that its callers see."""

import json
import re
import subprocess
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from django.conf import settings
from prometheus_client.parser import text_string_to_metric_families

from tests.scripts.product import Product, Server
from tests.servers import free_port, listens_on, nginx_temporary_paths, program, wait_until

pytestmark = [pytest.mark.long, pytest.mark.looks, pytest.mark.xdist_group("server")]

CONNECTIONS = 64
SECONDS = 15
REPORT = "done = function(summary, latency, requests) print('p99', latency:percentile(99) / 1000) end"
SHARE = 0.2
LOGIN = "/accounts/login/"
TOKEN = "a-token-of-twenty-characters"


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def server(product: Product, port: int) -> Iterator[Server]:
    variables = {"PORT": str(port), "WEB_CONCURRENCY": "2", "TRUSTED_PROXIES": "1", "METRICS_TOKEN": TOKEN}
    with product.serving(**variables) as server:
        yield server


@pytest.fixture
def proxy(tmp_path: Path, server: Server, port: int) -> Iterator[int]:
    """The port of an nginx that says when each request came, as `deploy/nginx/stationbook.conf` does."""
    listening = free_port()
    shipped = (settings.BASE_DIR / "deploy/nginx/stationbook.conf").read_text()
    location = re.findall(r"location / \{.*?\n    \}", shipped, re.S)[0].replace(
        "X-Forwarded-Proto https", "X-Forwarded-Proto http"
    )
    upstream = f"upstream stationbook {{ server 127.0.0.1:{port}; }}"
    temporary = nginx_temporary_paths(tmp_path)
    site = f"server {{ listen 127.0.0.1:{listening}; {location} }}"
    configuration = tmp_path / "nginx.conf"
    configuration.write_text(
        f"daemon off; pid {tmp_path}/pid; events {{}} http {{ access_log off; {temporary} {upstream} {site} }}"
    )
    command = [program("nginx"), "-p", str(tmp_path), "-c", str(configuration), "-e", str(tmp_path / "log")]
    with subprocess.Popen(command) as process:
        wait_until(lambda: listens_on(listening), "nginx")
        yield listening
        process.terminate()


def client_p99(product: Product, port: int, path: str) -> float:
    """In milliseconds, as a load generator with so many connections sees it."""
    script = product.folder / "p99.lua"
    script.write_text(REPORT)
    address = f"http://127.0.0.1:{port}{path}"
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "-s", str(script), address]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"^p99\s+([\d.]+)", output, re.M)
    assert found, output
    return float(found[1])


def log_p99(log: str, route: str) -> float:
    lines = [json.loads(line) for line in log.splitlines() if '"event":"request"' in line]
    return percentile([line["ms"] + line["queue_ms"] for line in lines if line["route"] == route], 99)


def metrics_p99(port: int, route: str) -> float:
    """In milliseconds, as Prometheus' histogram_quantile has it."""
    request = Request(f"http://127.0.0.1:{port}/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    with urlopen(request) as answer:
        families = {family.name: family for family in text_string_to_metric_families(answer.read().decode())}
    counts = [
        (float(sample.labels["le"]), sample.value)
        for sample in families["stationbook_request_seconds"].samples
        if sample.name.endswith("_bucket") and sample.labels["route"] == route
    ]
    wanted = 0.99 * counts[-1][1]
    for (lower, below), (upper, count) in pairwise([(0.0, 0.0), *counts]):
        if count >= wanted:
            return 1000 * (lower + (upper - lower) * (wanted - below) / (count - below))
    raise AssertionError(counts)


def percentile(values: Sequence[float], wanted: int) -> float:
    return sorted(values)[len(values) * wanted // 100]


def test_client_log_and_metrics_agree_on_the_slowest_request_in_a_hundred(
    product: Product, server: Server, port: int, proxy: int
) -> None:
    theirs = client_p99(product, proxy, LOGIN)

    assert [log_p99(server.output, LOGIN), metrics_p99(port, LOGIN)] == pytest.approx([theirs] * 2, rel=SHARE)
