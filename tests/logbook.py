"""The log as the product writes it, for tests to read: handler, form and levels are those of the settings."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import StringIO
from logging.config import DictConfigurator
from typing import Any

from config.observability.logging import Stderr, configuration


@dataclass
class Logbook:
    written: StringIO = field(default_factory=StringIO)

    @property
    def text(self) -> str:
        return self.written.getvalue()

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]

    def of(self, event: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["event"] == event]


@contextmanager
def kept(form: str = "json", level: str = "INFO") -> Iterator[Logbook]:
    """What is logged meanwhile."""
    told, book = configuration(form, level), Logbook()
    handler = Stderr(lambda line: book.written.write(f"{line}\n"))
    handler.setFormatter(DictConfigurator({}).configure_formatter(dict(told["formatters"]["line"])))
    levels = {"": level} | {name: one["level"] for name, one in told["loggers"].items() if "level" in one}
    before = {name: logging.getLogger(name or None).level for name in levels}
    for name in levels:
        logging.getLogger(name or None).setLevel(levels[name])
    logging.getLogger().addHandler(handler)
    try:
        yield book
    finally:
        logging.getLogger().removeHandler(handler)
        for name, level_before in before.items():
            logging.getLogger(name or None).setLevel(level_before)
