"""How the product's log is written: a line an event, as JSON, and never a value that somebody else put into it.

What our own code says is written as it stands, for it names people and things by their ids. What a library says is written with
the places for its values still empty, and what is no such sentence not at all: nobody can know what it holds. An error is told by
its kind and the way it came; its own words may quote a name, an address, or a whole row.
"""

import logging
import sys
import traceback
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import orjson

from core.log_writer import LogWriter
from core.process_metrics import LOG_LINES_DROPPED

ROOT: Final = Path(__file__).resolve().parents[2]
log = logging.getLogger(__name__)

OWN: Final = frozenset(("accounts", "bookings", "config", "core", "server_lib", "stations"))
UNSAID: Final = "(not repeated: it may hold somebody's data)"
FRAMES_KEPT: Final = 40
"""Of an error's way, the last ones."""
ERRORS_KEPT: Final = 4
"""Of those that it came from, the latest."""

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""Of the request that is being answered: whatever is said meanwhile bears it."""


class Event(logging.Formatter):
    """What is written of a record, by name; `fields`, given as `extra`, stand beside what every line has."""

    def __init__(self, own: frozenset[str] = OWN) -> None:
        """`own` names the loggers whose words are written as they stand."""
        super().__init__()
        self._own = own

    def fields_of(self, record: logging.LogRecord) -> dict[str, Any]:
        own = record.name.partition(".")[0] in self._own
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC)
            .isoformat(timespec="milliseconds")
            .replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage() if own else _sentence(record),
        }
        if request := request_id.get():
            line["request"] = request
        if not own:
            line["where"] = _place(record.pathname, record.lineno)
        line |= getattr(record, "fields", {})
        if record.exc_info and record.exc_info[1]:
            line["error"] = describe_error(record.exc_info[1])
        return line


class Json(Event):
    def format(self, record: logging.LogRecord) -> str:
        return orjson.dumps(self.fields_of(record), default=str).decode()


class Plain(Event):
    """The same for somebody who reads along."""

    def format(self, record: logging.LogRecord) -> str:
        line = self.fields_of(record)
        first = " ".join(str(line.pop(name)) for name in ("time", "level", "logger", "event"))
        return " ".join([first, *(f"{name}={value}" for name, value in line.items())])


class Stderr(logging.Handler):
    """Hands lines to `write`; by default they go to the process's standard error, and no caller waits for it or fails by it."""

    def __init__(self, write: Callable[[str], object] | None = None) -> None:
        super().__init__()
        self._writer: LogWriter | None = None
        if write is None:
            self._writer = LogWriter(_stderr_fd(), self._drop_notice)
            self._writer.on_drop = LOG_LINES_DROPPED.inc
            write = self._writer.write
        self._write = write

    def filter(self, record: logging.LogRecord) -> bool:
        """Django says of each answer that is an error what the request's line says; of a crash alone it says more."""
        return bool(super().filter(record)) and (record.name != "django.request" or bool(record.exc_info))

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record)
        except Exception:  # Python's own handler would print what the line is made of
            line = self.format(_record(record.name, logging.ERROR, "A line could not be written."))
        self._write(line)

    def flush(self) -> None:
        if self._writer:
            self._writer.flush()

    def _drop_notice(self, count: int) -> str:
        return self.format(_record(__name__, logging.WARNING, f"{count} log lines were dropped."))


def _record(logger: str, level: int, event: str) -> logging.LogRecord:
    return logging.LogRecord(logger, level, __file__, 0, event, None, None)


def _stderr_fd() -> int:
    """-1, which no write succeeds with, where the process was started without: a file opened since may have its number."""
    return -1 if sys.__stderr__ is None else sys.__stderr__.fileno()


def describe_error(error: BaseException, *, depth: int = ERRORS_KEPT) -> dict[str, Any]:
    """An error's kind and its way, and those of the errors that it came from."""
    frames = traceback.extract_tb(error.__traceback__)[-FRAMES_KEPT:]
    line: dict[str, Any] = {
        "kind": f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins."),
        "way": [f"{_place(frame.filename, frame.lineno)} {frame.name}" for frame in frames],
    }
    earlier = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return {**line, "after": describe_error(earlier, depth=depth - 1)} if earlier and depth else line


def _sentence(record: logging.LogRecord) -> str:
    """What a library said, without its values. Of Django's on what it answers, the first is a status in words; of
    a warning, its kind."""
    if record.name == "django.request" and record.msg == "%s: %s" and isinstance(record.args, tuple):
        return str(record.args[0])
    if record.name == "py.warnings":
        return record.getMessage().partition(": ")[2].partition(":")[0]
    return str(record.msg) if record.args and not isinstance(record.msg, BaseException) else UNSAID


def _place(file: str, line: int | None) -> str:
    """A file by its path in the product, or a library's by its folder and name:
    where either is installed is nobody's business.
    """
    path = Path(file)
    is_own = path.is_relative_to(ROOT) and "site-packages" not in path.parts
    return f"{'/'.join(path.relative_to(ROOT).parts if is_own else path.parts[-2:])}:{line}"


def unhandled(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """What ends a command, instead of Python's own words for it, which are the error's."""
    if isinstance(error, Exception):
        log.critical("A command broke off.", exc_info=error)
    else:
        sys.__excepthook__(kind, error, trace)


def configuration(form: str, level: str) -> Mapping[str, Any]:
    """What `logging` is told: one handler for all, and what requests were refused by their own line alone."""
    logging.captureWarnings(True)
    passed_on = {"handlers": [], "propagate": True}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {
                "()": {"json": "config.observability.logging.Json", "line": "config.observability.logging.Plain"}[form]
            }
        },
        "handlers": {"stderr": {"class": "config.observability.logging.Stderr", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            "django": passed_on,
            "django.server": passed_on,
            "django.request": {"level": "ERROR"},
            "django.security.csrf": {"level": "ERROR"},
            "django.security.DisallowedHost": {"level": "CRITICAL"},
            "_granian": passed_on,
        },
    }
