"""script/server, from nothing to the stop. The tests share one product and stand in the order of its life."""

import fcntl
import json
import os
import re
import signal
import socket
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
import yaml
from server_lib.restart_policy import FIRST_WAIT_SECONDS
from server_lib.supervisor import RESTARTED

from bookings.operations import demo
from core.parent_death import is_alive
from tests.bookings.mails import smtp_server
from tests.bookings.mails.received_email import ReceivedEmail
from tests.scripts import promql
from tests.scripts.product import TIMEOUT_SECONDS, Product, Server, status_of
from tests.servers import free_port

# The product that is started has SQLite, whatever the tests themselves have.
pytestmark = [pytest.mark.xdist_group("server"), pytest.mark.looks, pytest.mark.slow]

SECRET = "k3Jx9vQp7Lw2Zt5Rb8Nc1Ym6Hd4Fs0Ga-uEoIiTqXjV"


@dataclass
class Life:
    """What a server printed, its exit code, and which of its processes outlived it."""

    output: str
    code: int
    processes: int
    outlived: set[int]
    port: int = 0


def stopped(server: Server, send: Callable[[int, int], None], what: signal.Signals) -> Life:
    family = server.family()
    send(server.pid, what)
    code = server.process.wait(TIMEOUT_SECONDS)
    return Life(server.output, code, len(family), {pid for pid in family if is_alive(pid)})


@pytest.fixture(scope="module")
def first_life(product: Product) -> Life:
    """The very first start, until the log-in page answers, a request that is refused, and a stop by SIGTERM."""
    port = free_port()
    with product.serving(PORT=str(port), WEB_CONCURRENCY="2") as server:
        assert status_of(f"http://127.0.0.1:{port}/feeds/{SECRET}.ics") == 404
        life = stopped(server, os.kill, signal.SIGTERM)
    life.output, life.port = life.output.replace(f":{port}", ":PORT"), port
    return life


@pytest.fixture(scope="module")
def first_keys(product: Product, first_life: Life) -> str:
    return (product.folder / ".env").read_text()


def test_these_tests_share_one_process(request: pytest.FixtureRequest) -> None:
    """Where xdist groups nothing, nothing fails: each process starts the product again."""
    if request.config.getoption("loadgroup", False):
        assert request.node.nodeid.endswith("@server")


def test_server_from_nothing_says_where_it_is(first_life: Life) -> None:
    assert "Stationbook is at http://127.0.0.1:PORT (Ctrl-C stops it)" in first_life.output


def test_server_from_nothing_says_how_to_log_in(first_life: Life) -> None:
    assert "@example.com" in first_life.output


def test_server_logs_a_line_a_request_and_no_secret_of_a_feed(first_life: Life) -> None:
    lines = [json.loads(line) for line in first_life.output.splitlines() if line.startswith("{")]

    asked = [(line["route"], line["status"]) for line in lines if line["event"] == "request"]
    assert ("/feeds/<str:secret>.ics", 404) in asked
    assert ("/accounts/login/", 200) in asked
    assert SECRET not in first_life.output


def test_server_writes_a_key_for_each_purpose(first_keys: str) -> None:
    lines = [line.split("=", 1) for line in first_keys.splitlines() if not line.startswith("#")]

    assert [name for name, _ in lines] == ["SECRET_KEY", "JWT_KEY", "PII_KEYS", "INDEX_KEYS", "AUDIT_KEYS"]
    assert len({key for _, key in lines}) == 5


def test_server_keeps_keys_and_data_to_their_owner(product: Product, first_keys: str) -> None:
    def mode(name: str) -> int:
        return stat.S_IMODE((product.folder / name).stat().st_mode)

    assert (mode(".env"), mode("var")) == (0o600, 0o700)


def test_server_stops_on_sigterm_with_every_process_it_started(first_life: Life) -> None:
    assert first_life.processes >= 4  # itself, the server, its two processes
    assert (first_life.code, first_life.outlived) == (0, set())


@pytest.mark.parametrize("send", [os.kill, os.killpg], ids=["one process", "all that the keyboard reaches"])
def test_server_stops_when_interrupted(product: Product, first_keys: str, send: Callable[[int, int], None]) -> None:
    with product.serving(PORT=str(free_port()), DEMO="0") as server:
        life = stopped(server, send, signal.SIGINT)

    assert (life.code, life.outlived) == (0, set())


@dataclass
class Api:
    """The product as an integrator's program speaks to it."""

    root: str
    token: str = ""

    def call(self, address: str, body: object = None) -> Any:
        headers = {"Content-Type": "application/json"} | (
            {"Authorization": f"Bearer {self.token}"} if self.token else {}
        )
        data = None if body is None else json.dumps(body).encode()
        with urlopen(Request(f"{self.root}{address}", data, headers), timeout=TIMEOUT_SECONDS) as answer:
            return json.load(answer)["data"]


@dataclass
class Busy:
    """A life in which somebody signed in and booked, and what was left of it: mails, and what Prometheus read at its end."""

    life: Life
    mails: list[ReceivedEmail]
    exposition: str


@pytest.fixture(scope="module")
def busy(product: Product, first_keys: str) -> Busy:
    port = free_port()
    with (
        smtp_server.running_server() as mail_server,
        product.serving(PORT=str(port), EMAIL_URL=mail_server.url, METRICS_TOKEN=SECRET, WEB_CONCURRENCY="2") as server,
    ):
        api = Api(f"http://127.0.0.1:{port}")
        login = {"email": "manager@example.com", "password": demo.PASSWORD}
        api.token = api.call("/api/auth/login", login)["access"]
        station, day = api.call("/api/stations/")[0]["code"], date.today() + timedelta(days=20)
        slots = api.call(f"/api/stations/{station}/slots?date_from={day}&date_to={day + timedelta(days=7)}")
        free = next(slot for slot in slots if slot["left"])
        guest = {"name": "Zoë, the “first”", "email": "zoe@example.com"}
        made = {"station": station, "date": free["date"], "slot": free["slot"], "party_adults": 1, "customer": guest}
        api.call("/api/bookings/", {**made, "status": "confirmed"})

        deadline = time.monotonic() + TIMEOUT_SECONDS
        while not mail_server.received and time.monotonic() < deadline:
            time.sleep(0.1)
        exposition = until_told(f"{api.root}/metrics", 'stationbook_mails_total{kind="made",outcome="sent"} 1.0')
        life = stopped(server, os.kill, signal.SIGTERM)
    return Busy(life, mail_server.received, exposition)


def until_told(address: str, line: str) -> str:
    """What Prometheus reads, once that line is in it: a mail is counted a moment after it has gone."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while True:
        with urlopen(
            Request(address, headers={"Authorization": f"Bearer {SECRET}"}), timeout=TIMEOUT_SECONDS
        ) as answer:
            metrics: str = answer.read().decode()
        if line in metrics or time.monotonic() > deadline:
            return metrics
        time.sleep(0.1)


def test_booking_made_over_http_reaches_its_customer_and_the_demo_writes_to_nobody(busy: Busy) -> None:
    assert [mail.mailboxes("To") for mail in busy.mails] == [[("Zoë, the “first”", "zoe@example.com")]]
    assert (busy.life.code, busy.life.outlived) == (0, set())


def test_metrics_are_those_of_all_processes_and_the_worker(busy: Busy) -> None:
    metrics = busy.exposition

    assert 'stationbook_requests_total{method="POST",route="/api/bookings/",status="2xx"} 1.0' in metrics
    assert 'stationbook_bookings_total{action="create",outcome="done"} 1.0' in metrics
    assert 'stationbook_mails_total{kind="made",outcome="sent"} 1.0' in metrics
    [unseen] = re.findall(r"^stationbook_worker_heartbeat_age_seconds (\S+)$", metrics, re.MULTILINE)
    assert float(unseen) < 60


def test_dashboard_and_rules_ask_for_what_there_is(busy: Busy) -> None:
    metrics = promql.read(busy.exposition)

    expressions = [*promql.asked()]
    assert len(expressions) > 30
    assert [fault for one in expressions for fault in promql.faults(one, metrics)] == []


@pytest.mark.parametrize(
    ("expression", "fault"),
    [
        ("sum(rate(stationbook_request_total[5m])) > 1", "stationbook_request_total: there is no such metric"),
        ("stationbook_workers == 0 and stationbook_nothing", "stationbook_nothing: there is no such metric"),
        ("sum by (station) (stationbook_mail_queue)", "stationbook_mail_queue: has no label station"),
        ('stationbook_mail_queue{kind="waiting"}', "stationbook_mail_queue: has no label kind"),
        ('stationbook_mail_queue{state=~"waiting|lost"}', "stationbook_mail_queue: state is never lost"),
    ],
)
def test_rule_that_asks_for_what_there_is_not_is_found(busy: Busy, expression: str, fault: str) -> None:
    rules = yaml.safe_dump({"groups": [{"rules": [{"alert": "Made", "expr": expression}]}]})

    asked = next(promql.asked(rules))
    assert promql.faults(asked, promql.read(busy.exposition)) == [fault]


@dataclass
class Killed:
    """A life whose settings come from `other.env`, in which every part is killed while somebody asks for a page, the supervisor
    last; and what a second server printed."""

    pages: dict[str, list[int | None]]
    """What was answered from the kill of a part until it was there again."""
    restarts: dict[str, float]
    output: str
    second: tuple[int, str]
    is_locked: bool
    outlived: set[int]


PARTS = {"web_process": "-m server_lib.web", "worker": "manage.py deliver", "web_server": "-m server_lib.web"}


@pytest.fixture(scope="module")
def killed(product: Product, first_keys: str) -> Killed:
    port = free_port()
    (product.folder / "other.env").write_text(f"{first_keys}PORT={port}\nDEMO=0\nMETRICS_TOKEN={SECRET}\n")
    address = f"http://127.0.0.1:{port}"
    server = product.start(ENV_FILE="other.env")
    try:
        server.wait_for(f"{address}/accounts/login/")
        second = product.start("second.log", ENV_FILE="other.env", PORT=str(free_port()))
        refused = (second.process.wait(TIMEOUT_SECONDS), second.output)
        pages = {part: kill(server, part, address) for part in PARTS}
        metrics = until_told(f"{address}/metrics", 'stationbook_restarts_total{part="web_server"} 1.0')
        family = server.family()
    finally:
        server.process.kill()
        server.process.wait(TIMEOUT_SECONDS)
    with (product.folder / "other.env.lock").open() as lock:
        is_locked = not can_lock(lock.fileno())
    wait_for(lambda: not any(is_alive(pid) for pid in family))
    restarts = re.findall(r'^stationbook_restarts_total{part="(\w+)"} (\S+)$', metrics, re.MULTILINE)
    outlived = {pid for pid in family if is_alive(pid)}
    return Killed(pages, {part: float(count) for part, count in restarts}, server.output, refused, is_locked, outlived)


def can_lock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def wait_for(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not is_so() and time.monotonic() < deadline:
        time.sleep(0.05)


def kill(server: Server, part: str, address: str) -> list[int | None]:
    """Kill the part, and then ask for a page until the log says that it is started again, and a little longer."""
    [victim, *_others] = server.processes(PARTS[part], is_child_of_part=part == "web_process")
    os.kill(victim, signal.SIGKILL)
    wait_for(lambda: not is_alive(victim))  # a connection to a process that is about to die would be one in hand
    statuses = []
    deadline, line = time.monotonic() + TIMEOUT_SECONDS, f'"part":"{part}"'
    while line not in server.output and time.monotonic() < deadline:
        statuses.append(status_of(f"{address}/health/live"))
    until = time.monotonic() + 0.5
    while time.monotonic() < until:
        statuses.append(status_of(f"{address}/health/live"))
    return statuses


def test_server_takes_its_port_from_the_file_of_keys(killed: Killed) -> None:
    assert "Stationbook is at" in killed.output


def test_killed_parts_are_started_again_and_take_no_request_but_the_one_in_hand(killed: Killed) -> None:
    assert {part: {*statuses} - {None} for part, statuses in killed.pages.items()} == {part: {200} for part in PARTS}
    assert [part for part, statuses in killed.pages.items() if statuses.count(None) > (part != "worker")] == []


def test_restarts_are_counted_and_each_is_a_line_of_the_log(killed: Killed) -> None:
    lines = [json.loads(line) for line in killed.output.splitlines() if line.startswith("{")]
    restarted = [line for line in lines if line["event"] == RESTARTED]

    assert killed.restarts == dict.fromkeys(PARTS, 1.0)
    assert [(line["part"], line["status"], line["wait_seconds"]) for line in restarted] == [
        (part, -signal.SIGKILL, FIRST_WAIT_SECONDS) for part in PARTS
    ]


def test_metrics_are_kept_where_a_full_disk_kills_no_process(product: Product, killed: Killed) -> None:
    folders = [*(product.folder / "var/metrics").iterdir()]

    assert folders != []
    assert {str(folder.resolve().parent) for folder in folders} == {"/dev/shm"}


def test_server_that_stops_leaves_no_metrics_in_memory(product: Product, first_life: Life) -> None:
    [folder] = [one for one in (product.folder / "var/metrics").iterdir() if one.name == str(first_life.port)]

    assert [*folder.iterdir()] == []


def test_second_server_of_the_same_folder_says_so_and_ends(killed: Killed) -> None:
    assert killed.second == (
        1,
        "Stationbook is running from this folder already. Stop that script/server first.\n",
    )


def test_server_whose_supervisor_was_killed_leaves_no_process_and_no_lock(killed: Killed) -> None:
    assert (killed.outlived, killed.is_locked) == (set(), False)


def test_server_of_production_refuses_the_demo_that_was_loaded_before(product: Product, first_keys: str) -> None:
    """Without the demo's own step: the web server and the worker look by themselves."""
    server = product.start(PORT=str(free_port()), DEMO="0", PUBLIC_URL="https://book.example.com", TRUSTED_PROXIES="1")
    code = server.process.wait(TIMEOUT_SECONDS)

    assert code == 1
    assert "have the demo's published password, which everybody knows: admin@example.com" in server.output


def test_server_that_others_reach_prints_random_passwords_and_takes_no_published_one(
    product: Product, first_keys: str
) -> None:
    port = free_port()
    with product.serving(PORT=str(port), HOST="0.0.0.0") as server:
        [password] = re.findall(r"^  staff@example\.com +(\S{16})  ", server.output, re.MULTILINE)
        api = Api(f"http://127.0.0.1:{port}")
        assert api.call("/api/auth/login", {"email": "staff@example.com", "password": password})["access"]
        with pytest.raises(HTTPError) as refused:
            api.call("/api/auth/login", {"email": "staff@example.com", "password": demo.PASSWORD})
        refused.value.close()

    assert (refused.value.code, demo.PASSWORD in server.output) == (401, False)


def test_server_started_again_keeps_its_keys(product: Product, first_keys: str) -> None:
    assert (product.folder / ".env").read_text() == first_keys


def test_server_refuses_a_port_that_is_taken(product: Product, first_keys: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        server = product.start(PORT=str(port))
        code = server.process.wait(TIMEOUT_SECONDS)

    assert code == 1
    assert server.output == (
        f"Cannot listen on 127.0.0.1, port {port}: Address already in use. Choose another PORT or HOST.\n"
    )


def test_server_never_writes_new_keys_beside_an_old_database(product: Product, first_keys: str) -> None:
    (product.folder / ".env").unlink()
    with (product.folder / "var" / "stationbook.sqlite3").open("ab") as database:
        database.write(b"\0")
    server = product.start(PORT=str(free_port()))
    code = server.process.wait(TIMEOUT_SECONDS)

    assert (code, (product.folder / ".env").exists()) == (1, False)
    assert server.output.startswith(".env is gone, and with it the keys of var/stationbook.sqlite3.")


def test_server_with_keys_in_files_writes_none(product: Product, first_keys: str) -> None:
    server = product.start(PORT=str(free_port()), PII_KEYS_FILE="/nowhere/pii_keys", SECRET_KEY="a" * 50)
    code = server.process.wait(TIMEOUT_SECONDS)

    assert (code, (product.folder / ".env").exists()) == (1, False)
    assert "PII_KEYS_FILE is /nowhere/pii_keys, which cannot be read." in server.output
