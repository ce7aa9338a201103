"""The units of deploy/systemd under a systemd of their own: Debian with the product, booted by systemd-nspawn."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import psutil

from image_lib.checks import IMAGE, answers, metrics
from image_lib.podman import Failed, build, podman, wait_until
from image_lib.site import HOST, Site
from tests.servers import free_port

MACHINE: Final = "localhost/stationbook-machine"
RECIPE: Final = f"""\
FROM {IMAGE}
USER 0
RUN apt-get update && apt-get install --yes --no-install-recommends dbus restic systemd systemd-sysv
RUN mkdir -p /srv /etc/stationbook /mnt/elsewhere && mv /app /srv/stationbook && chmod 1777 /mnt/elsewhere
"""
SETTINGS: Final = """\
PUBLIC_URL=https://{host}
TRUSTED_PROXIES=1
PII_ROW_BINDING=required
DATABASE_URL=postgres://stationbook@/stationbook?host=/srv/sockets
"""
COPIES: Final = "RESTIC_REPOSITORY=/mnt/elsewhere/copies\nRESTIC_PASSWORD=for this check alone\n"
WRITABLE: Final = "[Service]\nReadWritePaths=/mnt/elsewhere\n"
BOOT_SECONDS: Final = 60
ANSWER_SECONDS: Final = 60
PATIENCE_SECONDS: Final = 120


class NotHere(Exception):
    """No systemd can be booted on this machine; the message says why."""


class Machine:
    """A booted system, whose own commands are run in its namespaces."""

    def __init__(self, leader: int) -> None:
        self._leader = leader

    def run(self, *command: str) -> str:
        entered = ["/usr/bin/nsenter", "--target", str(self._leader), "--all", *command]
        done = subprocess.run(entered, capture_output=True, text=True, check=False, timeout=200)
        if done.returncode:
            raise Failed(f"{' '.join(command)} ended with status {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout.strip()

    def property(self, unit: str, name: str) -> str:
        return self.run("systemctl", "show", "--value", "--property", name, unit)

    def journal(self, *where: str) -> str:
        return self.run("journalctl", "--no-pager", "--output=cat", "--lines=40", *where)

    def wait_for(self, unit: str, name: str, value: str) -> None:
        wait_until(
            lambda: self.property(unit, name) == value,
            lambda: (
                f"{name} of {unit} is {self.property(unit, name)!r}, not {value!r}:\n{self.journal('--unit', unit)}"
            ),
            PATIENCE_SECONDS,
        )


@contextmanager
def booted(site: Site) -> Iterator[Machine]:
    """Raises NotHere if it does not boot."""
    root = site.clone.parent / "machine"
    _install(site, root)
    command = ["/usr/bin/systemd-nspawn", "--register=no", "--keep-unit", "--boot", "--console=pipe", "--quiet"]
    wanted = [f"--directory={root}", f"--bind={site.database.folder}:/srv/sockets"]
    log = site.clone.parent / "machine.log"
    with log.open("wb") as output:
        nspawn = subprocess.Popen([*command, *wanted], stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        yield _wait_for_boot(nspawn, log)
    finally:
        nspawn.terminate()  # which halts the system
        with suppress(subprocess.TimeoutExpired):
            nspawn.wait(30)
        nspawn.kill()


def _wait_for_boot(nspawn: "subprocess.Popen[bytes]", log: Path) -> Machine:
    until = time.monotonic() + BOOT_SECONDS
    while nspawn.poll() is None and time.monotonic() < until:
        for child in psutil.Process(nspawn.pid).children():
            machine = Machine(child.pid)
            with suppress(Failed):
                machine.run("systemctl", "is-system-running")
                return machine
        time.sleep(0.5)
    raise NotHere(f"systemd-nspawn brings up no system. {log.read_text(errors='replace')[-500:]}")


def _install(site: Site, root: Path) -> None:
    """As the comments in the units describe: the product in /srv/stationbook, its settings and secrets in /etc/stationbook."""
    recipe = site.clone.parent / "Containerfile"
    recipe.write_text(RECIPE)
    build(str(site.clone / "deploy/backup"), MACHINE, "--file", str(recipe))
    container = podman("create", "--name", f"{site.name}-machine", MACHINE, "true").strip()
    archive = root.with_suffix(".tar")
    podman("export", "--output", str(archive), container)
    root.mkdir()
    subprocess.run(["/usr/bin/tar", "--extract", "--directory", str(root), "--file", str(archive)], check=True)
    archive.unlink()
    etc = root / "etc/stationbook"
    keys = ("secret_key", "jwt_key", "pii_keys", "index_keys", "audit_keys")
    lines = "".join(f"{name.upper()}={site.secret(name)}\n" for name in keys)
    (etc / "env").write_text(lines + SETTINGS.format(host=HOST))
    (etc / "metrics_token").write_text(site.secret("metrics_token"))
    (etc / "copy.env").write_text(COPIES)
    for path in etc.iterdir():
        path.chmod(0o600)
    system = root / "etc/systemd/system"
    for unit in (site.clone / "deploy/systemd").iterdir():
        (system / unit.name).write_text(unit.read_text())
    (system / "stationbook-backup-copy.service.d").mkdir()
    (system / "stationbook-backup-copy.service.d/elsewhere.conf").write_text(WRITABLE)
    copy = root / "srv/stationbook/deploy/backup/copy"
    copy.write_text((site.clone / "deploy/backup/copy").read_text())
    copy.chmod(0o755)


def check_units(site: Site) -> str:
    try:
        with booted(site) as machine:
            version = machine.run("systemctl", "--version").split("\n")[0]
            ports = [free_port(), free_port()]
            web = [f"stationbook-web@{port}.service" for port in ports]
            _serve(site, machine, ports, web)
            _restart(machine, web[0])
            _back_up(machine)
            stopped = _stop(machine, [*web, "stationbook-worker@1.service"])
    except NotHere as reason:
        return f"not started, and verified by systemd-analyze alone (tests/deploy/test_files.py): {reason}"
    return f"{version}: two web servers, worker, backup and its copy start, a failure is told; stopped: {stopped}"


def _serve(site: Site, machine: Machine, ports: list[int], web: list[str]) -> None:
    units = [*web, "stationbook-worker@1.service"]
    machine.run("systemctl", "start", *units)
    for site.port in ports:
        _wait_for_answer(site, "/health/web")
        metrics(site)
    for unit in units:
        machine.wait_for(unit, "ActiveState", "active")
        limits = {name: machine.property(unit, name) for name in ("LimitCORE", "LimitNOFILE", "MemoryMax")}
        if limits["LimitCORE"] != "0" or "infinity" in limits.values():
            raise Failed(f"{unit} has no limits: {limits}")
    _wait_for_answer(site, "/health/ready")


def _wait_for_answer(site: Site, path: str) -> None:
    wait_until(lambda: answers(site, path), lambda: f"{path} on port {site.port} is not 200.", ANSWER_SECONDS)


def _restart(machine: Machine, unit: str) -> None:
    machine.run("systemctl", "kill", "--signal=KILL", "--kill-whom=main", unit)
    machine.wait_for(unit, "NRestarts", "1")
    machine.wait_for(unit, "ActiveState", "active")


def _back_up(machine: Machine) -> None:
    """A backup is made and copied, and one that fails leaves a line in the journal."""
    machine.run("systemctl", "start", "stationbook-backup.service")
    _wait_for_line(machine, "is copied.", "--unit=stationbook-backup-copy.service")
    machine.run("mv", "/etc/stationbook/env", "/etc/stationbook/away")
    with suppress(Failed):
        machine.run("systemctl", "start", "stationbook-backup.service")
    _wait_for_line(machine, "stationbook-backup.service failed.", "--identifier=stationbook", "--priority=alert")


def _wait_for_line(machine: Machine, line: str, *where: str) -> None:
    wait_until(
        lambda: line in machine.journal(*where),
        lambda: f"The journal has no line “{line}”:\n{machine.journal(*where)}",
        PATIENCE_SECONDS,
    )


def _stop(machine: Machine, units: list[str]) -> str:
    began = time.monotonic()
    machine.run("systemctl", "stop", *units)
    results = {unit: machine.property(unit, "Result") for unit in units}
    if {*results.values()} != {"success"}:
        raise Failed(f"Units did not stop cleanly: {results}")
    return f"{len(units)} units in {time.monotonic() - began:.1f} s"
