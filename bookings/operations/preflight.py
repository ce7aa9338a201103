"""Registers the checks of an installation as Django system checks, and runs them for `manage.py preflight`."""

from collections.abc import Callable, Sequence
from enum import IntEnum
from typing import Any, Final

from django.core import checks
from django.core.checks import CheckMessage
from django.db import DEFAULT_DB_ALIAS

UNREACHABLE: Final = "stationbook.E001"
MIGRATIONS: Final = "stationbook.E002"


class Depth(IntEnum):
    """How long the checks may take; the tag of the system checks is the name in lower case."""

    QUICK = 0
    """Independent of the amount of data and of other servers: for each start."""
    USUAL = 1
    DEEP = 2
    """Reads all of the data."""

    @property
    def tag(self) -> str:
        return self.name.lower()


def register() -> None:
    """Register the checks for `manage.py check --deploy`; those that ask the database also need `--database default`."""
    for depth in Depth:
        checks.register(_system_check(depth, asks_database=False), depth.tag, deploy=True)
        checks.register(_system_check(depth, asks_database=True), depth.tag, checks.Tags.database, deploy=True)


def _system_check(depth: Depth, *, asks_database: bool) -> Callable[..., list[CheckMessage]]:
    def run(databases: Sequence[str] | None = None, **options: Any) -> list[CheckMessage]:
        if asks_database and DEFAULT_DB_ALIAS not in (databases or ()):
            return []
        # Imported when needed: the checks load 10 MB of modules that servers do not use.
        from bookings.operations import system_checks

        return system_checks.messages(depth.tag, asks_database=asks_database)

    return run


def findings(depth: Depth, *, upgrading: bool = False) -> list[str]:
    """Run the checks up to this depth. Returns a sentence for each fault.

    Before an upgrade, pending migrations are expected and not reported.
    """
    found: list[CheckMessage] = []
    databases = [DEFAULT_DB_ALIAS]
    for one in Depth:
        if one <= depth:
            messages = checks.run_checks(tags=[one.tag], include_deployment_checks=True, databases=databases)
            found += sorted(messages, key=lambda message: str(message.id))
        if any(message.id == UNREACHABLE for message in found):
            databases = []
    found = [message for message in found if not message.is_silenced()]
    return [message.msg for message in found if not (upgrading and message.id == MIGRATIONS)]
