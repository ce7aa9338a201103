"""The checks that the images must pass. Each returns a sentence for the report, or raises Failed."""

import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Final

from image_lib.podman import Failed, podman, wait_until
from image_lib.site import HOST, Site

IMAGE: Final = "localhost/stationbook"
COPY: Final = "localhost/stationbook-backup-copy"
PGBOUNCER: Final = "localhost/stationbook-pgbouncer"
PROMETHEUS: Final = "localhost/stationbook-prometheus"
PATIENCE_SECONDS: Final = 180
LOG_CHARACTERS: Final = 3000
SCRAPES: Final = 12
"""Enough for every process of the web server to answer some of them."""
COUNT_SECONDS: Final = 1.0
"""A request is counted after it is answered."""
MANAGE: Final = ("/app/.venv/bin/python", "manage.py")


def run(site: Site, service: str, *command: str, image: str = IMAGE, **environment: str) -> str:
    """What a command in a new container of that service prints."""
    return podman("run", "--rm", *site.compose.flags(service, **environment), image, *command, seconds=300)


def start(site: Site, service: str, *, image: str = IMAGE) -> str:
    """Start a container of that service, and return its name."""
    name = f"{site.name}-{service}"
    podman("run", "--detach", "--name", name, *site.compose.flags(service), image, *site.compose.command(service))
    return name


def last_log(name: str) -> str:
    return podman("logs", name)[-LOG_CHARACTERS:]


def wait_for_health(name: str) -> None:
    """Ask the health check that the compose file names."""
    found = ""

    def is_healthy() -> bool:
        nonlocal found
        try:
            podman("healthcheck", "run", name)
        except Failed as unhealthy:
            found = str(unhealthy)
            return False
        return True

    wait_until(is_healthy, lambda: f"{found}\n{last_log(name)}", PATIENCE_SECONDS)


def migrate(site: Site) -> str:
    run(site, "migrate", *site.compose.command("migrate"))
    run(site, "migrate", *MANAGE, "migrate", "--check")
    return "the database is migrated, by a user who is no superuser"


def rights(site: Site) -> str:
    """An unprivileged user without capabilities, who can write only to a tmpfs."""
    command = "grep -E '^(Uid|CapEff|CapBnd|NoNewPrivs)' /proc/self/status; grep -E '^[^ ]+ / ' /proc/mounts"
    lines = [line.split() for line in run(site, "web1", "/bin/sh", "-c", command).splitlines()]
    found = {words[0]: words[1] for words in lines if words[0].endswith(":")}
    found |= {words[1]: words[3].partition(",")[0] for words in lines if words[1].startswith("/")}
    expected = {"Uid:": "10001", "CapEff:": "0" * 16, "CapBnd:": "0" * 16, "NoNewPrivs:": "1", "/": "ro"}
    if found != expected:
        raise Failed(f"The container has other rights than it should: {found}")
    return "user 10001, read-only root, no capabilities, no new privileges"


def web(site: Site) -> str:
    wait_for_health(start(site, "web1"))
    page = ask(site, "/accounts/login/")
    files = re.findall(r'(?:href|src)="(/static/[^"]+)"', page)
    for path in files:
        ask(site, path)
    if not files:
        raise Failed("The page to sign in names no files.")
    for language, word in (("de", "Passwort"), ("es", "Contraseña")):
        if word not in ask(site, "/accounts/login/", **{"Accept-Language": language}):
            raise Failed(f"The page to sign in is not there in {language}.")
    ask(site, "/health/web")
    ask(site, "/api/schema/")
    return f"healthy; the page to sign in in three languages, {len(files)} files and the API's description are served"


def metrics(site: Site) -> str:
    """Whichever process answers, its metrics are the sums over all processes."""
    before = _counted(site)
    for _request in range(SCRAPES):
        ask(site, "/accounts/login/")
    time.sleep(COUNT_SECONDS)
    found = [_counted(site) for _scrape in range(SCRAPES)]
    if {*found} != {before + SCRAPES}:
        raise Failed(f"After {SCRAPES} requests, {before} became {found}, by whichever process answered")
    return f"{SCRAPES} scrapes agree"


def _counted(site: Site) -> float:
    """How many requests for the sign-in page have been counted."""
    text = ask(site, "/metrics", Authorization=f"Bearer {site.secret('metrics_token')}")
    counts = re.findall(r'^stationbook_requests_total\{.*route="/accounts/login/".*\} (\S+)$', text, re.MULTILINE)
    return sum(map(float, counts))


def worker(site: Site) -> str:
    name = start(site, "worker")
    wait_until(lambda: answers(site, "/health/ready"), lambda: last_log(name), PATIENCE_SECONDS)
    return "/health/ready says that everything works"


def backup(site: Site) -> str:
    name = start(site, "backup")
    wait_for_health(name)
    [path] = backups(site)
    run(site, "backup", *MANAGE, "restore", path, "--check")
    version = run(site, "backup", "/usr/lib/postgresql/17/bin/pg_dump", "--version").strip()
    return f"{path} is made by {version} and verified"


def backups(site: Site) -> list[str]:
    return run(site, "backup", "find", "/backups", "-name", "stationbook-*Z").split()


def copy(site: Site) -> str:
    """Copy the backup to a folder, which stands in for an object store, and restore it from there."""
    folder = site.clone.parent / "copies"
    folder.mkdir()
    folder.chmod(0o777)
    site.compose.mounts.append(f"{folder}:/copies")
    wanted = {"image": COPY, "RESTIC_REPOSITORY": "/copies"}
    printed = run(site, "backup-copy", "copy", "/backups", **wanted)
    run(site, "backup-copy", "copy", "/backups", **wanted)
    [path] = backups(site)
    back = f"restic restore --quiet latest --target /tmp/back && diff -r /tmp/back/{path.rpartition('/')[2]} {path}"
    run(site, "backup-copy", "sh", "-c", back, **wanted)
    site.compose.mounts.pop()
    return f"{printed.strip()} It is restored alike"


def others(site: Site) -> str:
    """The images of the other services start, and their users can read their files and secrets."""
    run(site, "pgbouncer", "sh", "-c", "cat /etc/pgbouncer/* > /dev/null && pgbouncer --version", image=PGBOUNCER)
    check = "cat /etc/prometheus/stationbook_token > /dev/null && promtool check config /etc/prometheus/prometheus.yml"
    run(site, "prometheus", "sh", "-c", check, image=PROMETHEUS)
    return "PgBouncer and Prometheus read their files and secrets"


def stop(site: Site) -> str:
    """Each service ends after SIGTERM within the time that the compose file allows, and with the expected status."""
    found = []
    for service in ("web1", "worker", "backup"):
        name, began = f"{site.name}-{service}", time.monotonic()
        podman("stop", "--time", str(site.compose.grace(service)), name, seconds=200)
        status = json.loads(podman("inspect", name))[0]["State"]["ExitCode"]
        found.append(f"{service} {status} after {time.monotonic() - began:.1f} s")
        if status not in ((143,) if service == "backup" else (0,)):  # it sleeps until its hour
            raise Failed(f"{'; '.join(found)}\n{last_log(name)}")
    return "; ".join(found)


def ask(site: Site, path: str, **headers: str) -> str:
    """The body of a page, requested as the proxy does. Raises Failed for any status but 200."""
    sent = {"Host": HOST, "X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.7", **headers}
    request = urllib.request.Request(f"http://127.0.0.1:{site.port}{path}", headers=sent)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # nosec B310  # http, as the line above says
            return str(answer.read().decode(errors="replace"))
    except urllib.error.HTTPError as refused:
        raise Failed(f"{path} answers {refused.code}: {refused.read()[:500]!r}") from None
    except OSError as error:
        raise Failed(f"{path} does not answer: {error}") from None


def answers(site: Site, path: str) -> bool:
    """Whether the answer is 200."""
    try:
        ask(site, path)
    except Failed:
        return False
    return True


ALL: Final[dict[str, Callable[[Site], str]]] = {
    "migrate": migrate,
    "rights": rights,
    "web server": web,
    "metrics": metrics,
    "worker": worker,
    "backup": backup,
    "copy of the backup": copy,
    "other parts": others,
    "stop": stop,
}
