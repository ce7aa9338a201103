"""The log as the product writes it, captured: handler, formatter and levels are those of the settings."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import StringIO
from logging.config import DictConfigurator
from typing import Any

from config.observability.logging import StderrHandler, configuration


@dataclass
class CapturedLog:
    output: StringIO = field(default_factory=StringIO)

    @property
    def text(self) -> str:
        return self.output.getvalue()

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]

    def entries(self, event: str) -> list[dict[str, Any]]:
        """The lines of one event."""
        return [line for line in self.lines if line["event"] == event]


@contextmanager
def capture_log(form: str = "json", level: str = "INFO") -> Iterator[CapturedLog]:
    """Capture what is logged in the block, in the format `form` of the setting LOG_FORMAT."""
    configured, captured = configuration(form, level), CapturedLog()
    handler = StderrHandler(lambda line: captured.output.write(f"{line}\n"))
    handler.setFormatter(DictConfigurator({}).configure_formatter(dict(configured["formatters"]["line"])))
    levels = {"": level} | {name: one["level"] for name, one in configured["loggers"].items() if "level" in one}
    previous_levels = {name: logging.getLogger(name or None).level for name in levels}
    for name in levels:
        logging.getLogger(name or None).setLevel(levels[name])
    logging.getLogger().addHandler(handler)
    try:
        yield captured
    finally:
        logging.getLogger().removeHandler(handler)
        for name, previous in previous_levels.items():
            logging.getLogger(name or None).setLevel(previous)
