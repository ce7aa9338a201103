"""A command that is killed while it runs: `python -m tests.bookings.operations.killed_command backup|restore|load_sqlite PATH`.

A backup is killed when its data is written and its manifest is not; a restore or a move when all data is there and nothing is
verified yet.
"""

import os
import signal
import sys
from typing import Any

import django

django.setup()

from django.core.management import call_command  # noqa: E402

from bookings.operations.backup import verification  # noqa: E402
from bookings.operations.backup.manifest import Manifest  # noqa: E402


def kill(*_any: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    Manifest.as_json = kill  # type: ignore[method-assign,assignment]
    verification.faults = kill  # type: ignore[assignment]
    call_command(*sys.argv[1:])
