"""Rotations that may be killed: `python -m tests.accounts.key_management.rotator` runs `manage.py keys` with each line of
its input.

Each run is a process of its own, forked off one that has started already; its number is printed, and then how it ended.
"""

import os
import sys
from io import StringIO

import django

django.setup()

from django.core.management import CommandError, call_command  # noqa: E402

from accounts.key_management import rotation  # noqa: E402


def run(words: list[str]) -> int:
    try:
        call_command("keys", *words, stdout=StringIO())
    except CommandError as error:
        print(error, file=sys.stderr, flush=True)
        return 1
    return 0


if __name__ == "__main__":
    rotation.WRITE_BATCH_SIZE, rotation.CUSTOMER_BATCH_SIZE = 5, 3  # type: ignore[misc]  # more points to be killed at
    print("ready", flush=True)
    for line in sys.stdin:
        child = os.fork()
        if not child:
            os._exit(run(line.split()))
        print(child, flush=True)
        _pid, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)
