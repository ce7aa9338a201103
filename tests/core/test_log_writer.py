"""Log lines reach a descriptor that may fail, stall or be shared, and whoever logs notices nothing of it."""

import errno
import fcntl
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import pytest
from django.conf import settings

from core import log_writer
from core.log_writer import LogWriter

LINE = "x" * 99
"""A hundred bytes with its end."""
PATIENCE_SECONDS = 30


def notice(count: int) -> str:
    return f"{count} dropped"


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """Of one page, the least that a pipe holds."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    yield reader, writer
    for fd in (reader, writer):
        os.close(fd)


def read_until(fd: int, end: str) -> str:
    text = ""
    while not text.endswith(end):
        text += os.read(fd, 65536).decode()
    return text


def test_lines_are_written_in_their_order(pipe: tuple[int, int]) -> None:
    writer = LogWriter(pipe[1], notice)

    for number in range(100):
        writer.write(f"{number}")

    assert read_until(pipe[0], "\n99\n").splitlines() == [str(number) for number in range(100)]


def test_lone_surrogate_is_written_escaped(pipe: tuple[int, int]) -> None:
    LogWriter(pipe[1], notice).write("a\ud800é")

    assert read_until(pipe[0], "\n") == "a\\ud800é\n"


def test_full_disk_drops_and_counts_lines(tmp_path: Path) -> None:
    dropped: list[int] = []
    with open("/dev/full", "wb") as full:
        writer = LogWriter(full.fileno(), notice)
        writer.on_drop = dropped.append
        for _time in range(50):
            writer.write(LINE)
        assert writer.flush(PATIENCE_SECONDS)

    assert sum(dropped) == 50


def test_number_of_dropped_lines_is_written_once_there_is_a_reader_again(tmp_path: Path) -> None:
    path = tmp_path / "log"
    os.mkfifo(path)
    first_reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    fd = os.open(path, os.O_WRONLY)
    os.close(first_reader)
    writer = LogWriter(fd, notice)
    for _time in range(3):
        writer.write(LINE)
    writer.flush(PATIENCE_SECONDS)

    second_reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    writer.write("again")
    writer.flush(PATIENCE_SECONDS)

    assert os.read(second_reader, 4096) == b"again\n3 dropped\n"
    os.close(second_reader)
    os.close(fd)


def test_number_of_dropped_lines_is_written_without_another_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pipe: tuple[int, int]
) -> None:
    monkeypatch.setattr(log_writer, "RETRY_SECONDS", 0.01)
    full = os.open("/dev/full", os.O_WRONLY)
    writer = LogWriter(full, notice)
    writer.write(LINE)
    writer.flush(PATIENCE_SECONDS)

    os.dup2(pipe[1], full)

    assert read_until(pipe[0], "\n") == "1 dropped\n"
    os.close(full)


def test_stalled_reader_blocks_nobody_and_costs_only_what_does_not_fit(pipe: tuple[int, int]) -> None:
    dropped: list[int] = []
    writer = LogWriter(pipe[1], notice, max_pending_bytes=100 * len(LINE))
    writer.on_drop = dropped.append

    began = monotonic()
    for number in range(1000):
        writer.write(f"{number:0{len(LINE)}d}")
    assert monotonic() - began < PATIENCE_SECONDS / 3
    assert not writer.flush(0)
    count = sum(dropped)
    lines = read_until(pipe[0], "dropped\n").splitlines()

    assert count > 0
    assert [int(line) for line in lines[:-1]] == [*range(1000 - count)]
    assert lines[-1] == f"{count} dropped"


def test_line_cut_off_by_a_full_disk_does_not_spoil_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[bytes] = []
    room = iter([3, 0])

    def write(_fd: int, data: memoryview) -> int:
        count = next(room, len(data))
        if not count:
            raise OSError(errno.ENOSPC, "No space left on device")
        written.append(bytes(data[:count]))
        return count

    monkeypatch.setattr(os, "write", write)
    writer = LogWriter(-1, notice)
    writer.write("first")
    writer.flush(PATIENCE_SECONDS)
    writer.write("second")
    writer.flush(PATIENCE_SECONDS)

    assert b"".join(written) in (b"fir\nsecond\n1 dropped\n", b"fir\n1 dropped\nsecond\n")


def test_pipe_that_another_process_made_non_blocking_loses_nothing(pipe: tuple[int, int]) -> None:
    os.set_blocking(pipe[1], False)
    writer = LogWriter(pipe[1], notice)
    for number in range(500):
        writer.write(f"{number:0{len(LINE)}d}")

    lines = read_until(pipe[0], f"{499}\n").splitlines()

    assert [int(line) for line in lines] == [*range(500)]


def test_threads_lose_no_line_and_mix_none(pipe: tuple[int, int]) -> None:
    writer = LogWriter(pipe[1], notice)

    def log(name: str) -> None:
        for number in range(200):
            writer.write(f"{name}{number}")

    threads = [threading.Thread(target=log, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    lines: list[str] = []
    while len(lines) < 600:
        lines += read_until(pipe[0], "\n").splitlines()

    assert sorted(lines) == sorted(f"{name}{number}" for name in "abc" for number in range(200))
    assert [line for line in lines if line[0] == "a"] == [f"a{number}" for number in range(200)]


PROGRAM = """
import logging, logging.config, os, sys
from config.observability.logging import configuration
logging.config.dictConfig(configuration("json", "INFO"))
log = logging.getLogger("bookings")
"""


def logged_by(program: str, **streams: int) -> "subprocess.CompletedProcess[str]":
    """What a process of its own writes, with the product's logging and without Django."""
    return subprocess.run(
        [sys.executable, "-c", PROGRAM + program],
        cwd=settings.BASE_DIR,
        env={**os.environ, "PYTHONPATH": str(settings.BASE_DIR)},
        stdout=subprocess.PIPE,
        stderr=streams.get("stderr", subprocess.PIPE),
        text=True,
        timeout=PATIENCE_SECONDS * 2,
        check=False,
    )


def test_process_that_ends_has_written_its_lines() -> None:
    run = logged_by("for number in range(2000): log.info('%d', number)")

    assert (run.returncode, run.stderr.count('"event":"')) == (0, 2000)


def test_child_process_writes_its_own_lines_and_not_its_parents() -> None:
    run = logged_by(
        "log.info('parent')\n"
        "if not os.fork():\n"
        "    log.info('child')\n"
        "    logging.shutdown()\n"
        "    os._exit(0)\n"
        "os.wait()\n"
        "log.info('parent again')"
    )

    assert [run.stderr.count(f'"event":"{event}"') for event in ("parent", "child", "parent again")] == [1, 1, 1]


def test_process_whose_log_nobody_reads_ends_nevertheless() -> None:
    reader, stalled = os.pipe()
    try:
        run = logged_by("for number in range(5000): log.info('%d', number)\nprint('done')", stderr=stalled)
    finally:
        os.close(reader)
        os.close(stalled)

    assert (run.returncode, run.stdout) == (0, "done\n")


def test_process_started_without_standard_error_writes_into_no_other_file(tmp_path: Path) -> None:
    other = tmp_path / "other"
    command = f'exec 2>&-; exec {sys.executable} -c "$0"'
    program = f"import os, sys; fd = os.open({str(other)!r}, os.O_CREAT | os.O_WRONLY)\n{PROGRAM}log.info('x')"
    run = subprocess.run(
        ["sh", "-c", command, program],
        cwd=settings.BASE_DIR,
        env={**os.environ, "PYTHONPATH": str(settings.BASE_DIR)},
        timeout=PATIENCE_SECONDS * 2,
        check=False,
    )

    assert (run.returncode, other.read_bytes()) == (0, b"")
