"""Log formats: one line per event, as JSON or text, without values that may be personal data.

Messages of the product's own loggers are written as they are, because they name people and things by ID only. Messages of
libraries are written without their arguments, or not at all if they have none to leave out. Errors are written as types and stack
frames; their messages may quote a name, an address or a whole row.
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

OWN_LOGGERS: Final = frozenset(("accounts", "bookings", "config", "core", "server_lib", "stations"))
REDACTED: Final = "(redacted: may contain personal data)"
MAX_FRAMES: Final = 40
"""The innermost frames of an error's stack that are written."""
MAX_CAUSES: Final = 4

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""The ID of the current request, which is added to each line."""


class EventFormatter(logging.Formatter):
    """Base of the formats: builds the fields of a line. Records can add their own by `extra={"fields": {…}}`."""

    def __init__(self, own_loggers: frozenset[str] = OWN_LOGGERS) -> None:
        """Messages of `own_loggers` (top-level names) are written as they are."""
        super().__init__()
        self._own_loggers = own_loggers

    def fields_of(self, record: logging.LogRecord) -> dict[str, Any]:
        is_own = record.name.partition(".")[0] in self._own_loggers
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC)
            .isoformat(timespec="milliseconds")
            .replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage() if is_own else _library_message(record),
        }
        if request := request_id.get():
            line["request"] = request
        if not is_own:
            line["where"] = _place(record.pathname, record.lineno)
        line |= getattr(record, "fields", {})
        if record.exc_info and record.exc_info[1]:
            line["error"] = describe_error(record.exc_info[1])
        return line


class JsonFormatter(EventFormatter):
    def format(self, record: logging.LogRecord) -> str:
        return orjson.dumps(self.fields_of(record), default=str).decode()


class TextFormatter(EventFormatter):
    """One line of text, for reading in a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        line = self.fields_of(record)
        first = " ".join(str(line.pop(name)) for name in ("time", "level", "logger", "event"))
        return " ".join([first, *(f"{name}={value}" for name, value in line.items())])


class StderrHandler(logging.Handler):
    """Writes to standard error without blocking the caller or raising; or passes lines to `write`."""

    def __init__(self, write: Callable[[str], object] | None = None) -> None:
        super().__init__()
        self._writer: LogWriter | None = None
        if write is None:
            self._writer = LogWriter(_stderr_fd(), self._drop_notice)
            self._writer.on_drop = LOG_LINES_DROPPED.inc
            write = self._writer.write
        self._write = write

    def filter(self, record: logging.LogRecord) -> bool:
        """Drop what `django.request` logs of error responses, which the request's own line has. Crashes are kept."""
        return bool(super().filter(record)) and (record.name != "django.request" or bool(record.exc_info))

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record)
        except Exception:  # logging's own error handling would print the record's arguments
            line = self.format(_record(record.name, logging.ERROR, "A log line could not be formatted."))
        self._write(line)

    def flush(self) -> None:
        if self._writer:
            self._writer.flush()

    def _drop_notice(self, count: int) -> str:
        return self.format(_record(__name__, logging.WARNING, f"{count} log lines were dropped."))


def _record(logger: str, level: int, event: str) -> logging.LogRecord:
    return logging.LogRecord(logger, level, __file__, 0, event, None, None)


def _stderr_fd() -> int:
    """The descriptor of standard error, or an invalid one if there was none at the start: another file may have its number."""
    return -1 if sys.__stderr__ is None else sys.__stderr__.fileno()


def describe_error(error: BaseException, *, depth: int = MAX_CAUSES) -> dict[str, Any]:
    """The type and stack of an error and of the errors that caused it."""
    frames = traceback.extract_tb(error.__traceback__)[-MAX_FRAMES:]
    line: dict[str, Any] = {
        "kind": f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins."),
        "way": [f"{_place(frame.filename, frame.lineno)} {frame.name}" for frame in frames],
    }
    earlier = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return {**line, "after": describe_error(earlier, depth=depth - 1)} if earlier and depth else line


def _library_message(record: logging.LogRecord) -> str:
    """A library's message with its placeholders unfilled."""
    if record.name == "django.request" and record.msg == "%s: %s" and isinstance(record.args, tuple):
        return str(record.args[0])  # the reason phrase of the status; the other argument is the URL
    if record.name == "py.warnings":
        return record.getMessage().partition(": ")[2].partition(":")[0]  # the warning's category
    return str(record.msg) if record.args and not isinstance(record.msg, BaseException) else REDACTED


def _place(file: str, line: int | None) -> str:
    """A file of the product by its path, or of a library by folder and name: where they are installed is confidential."""
    path = Path(file)
    is_own = path.is_relative_to(ROOT) and "site-packages" not in path.parts
    return f"{'/'.join(path.relative_to(ROOT).parts if is_own else path.parts[-2:])}:{line}"


def log_unhandled(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """A `sys.excepthook` for commands that logs errors without their message."""
    if isinstance(error, Exception):
        log.critical("The command failed.", exc_info=error)
    else:
        sys.__excepthook__(kind, error, trace)


def configuration(form: str, level: str) -> Mapping[str, Any]:
    """The LOGGING setting: one handler for all loggers. `form` is `json` or `line`."""
    logging.captureWarnings(True)
    propagated = {"handlers": [], "propagate": True}
    formatter = {"json": "JsonFormatter", "line": "TextFormatter"}[form]
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": f"config.observability.logging.{formatter}"}},
        "handlers": {"stderr": {"class": "config.observability.logging.StderrHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            "django": propagated,
            "django.server": propagated,
            "django.request": {"level": "ERROR"},
            # Refused requests have their own line.
            "django.security.csrf": {"level": "ERROR"},
            "django.security.DisallowedHost": {"level": "CRITICAL"},
            "_granian": propagated,
        },
    }
