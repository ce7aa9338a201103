"""Real processes against each other."""

import os
import subprocess
import sys


def race(database_url: str, processes: int, *arguments: str, module: str = "tests.accounts.racer") -> list[str]:
    """What each of so many processes of a racing module printed, all having started together."""
    environment = os.environ | {"DATABASE_URL": database_url, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    racers = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-m", module, *arguments],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _number in range(processes)
    ]
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    return [racer.communicate()[0].strip() for racer in racers]
