"""Real processes against each other.

`python -m tests.racing MODULE EAR:MOUTH,… ARGUMENT …` becomes as many processes of a racing module as there are pairs of open
files: it imports once what takes longest, and then forks, before anything has opened a database.
"""

import importlib
import os
import runpy
import subprocess
import sys


def race(database_url: str, processes: int, *arguments: str, module: str = "tests.accounts.racer") -> list[str]:
    """What each of so many processes of a racing module printed, all having started together."""
    environment = os.environ | {"DATABASE_URL": database_url, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    told, heard = [os.pipe() for _n in range(processes)], [os.pipe() for _n in range(processes)]
    pairs = [(ear, mouth) for (ear, _), (_, mouth) in zip(told, heard, strict=True)]
    ends = [end for pair in pairs for end in pair]
    named = ",".join(f"{ear}:{mouth}" for ear, mouth in pairs)
    starter = subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "tests.racing", module, named, *arguments], env=environment, pass_fds=ends
    )
    for end in ends:
        os.close(end)
    printed = [os.fdopen(end) for end, _ in heard]
    assert [one.readline() for one in printed] == ["ready\n"] * processes
    for _, end in told:
        os.write(end, b"go\n")
        os.close(end)
    said = [one.read().strip() for one in printed]
    for one in printed:
        one.close()
    assert starter.wait() == 0
    return said


def become_one_of(pairs: list[list[int]]) -> None:
    """Returns in new processes alone, each with a pair for its input and output; the old one waits and ends."""
    for ear, mouth in pairs:
        if not os.fork():
            os.dup2(ear, 0)
            os.dup2(mouth, 1)
            return
    for end in (end for pair in pairs for end in pair):
        os.close(end)
    ended = [os.wait()[1] for _pair in pairs]
    sys.exit(any(ended))


if __name__ == "__main__":
    racer, named, *rest = sys.argv[1:]
    importlib.import_module(racer)
    del sys.modules[racer]  # each runs it as its own; what it has imported stays
    become_one_of([[int(end) for end in pair.split(":")] for pair in named.split(",")])
    sys.argv[1:] = rest
    runpy.run_module(racer, run_name="__main__")
