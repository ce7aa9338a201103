"""Real processes that start together, to test what happens when they compete.

`python -m tests.concurrency MODULE INPUT:OUTPUT,… ARGUMENT …` runs a module once for each pair of open file descriptors. It
imports the module first, which takes longest, and then forks, before anything has opened a database.
"""

import gc
import importlib
import os
import runpy
import subprocess
import sys


def run_concurrently(
    database_url: str, processes: int, *arguments: str, module: str = "tests.accounts.racer"
) -> list[str]:
    """Run a module in that many processes, which start together, and return what each printed.

    The module prints "ready", waits for a line on its input, and then does its work.
    """
    environment = os.environ | {"DATABASE_URL": database_url, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    inputs, outputs = [os.pipe() for _n in range(processes)], [os.pipe() for _n in range(processes)]
    pairs = [(read, write) for (read, _), (_, write) in zip(inputs, outputs, strict=True)]
    descriptors = [descriptor for pair in pairs for descriptor in pair]
    formatted = ",".join(f"{read}:{write}" for read, write in pairs)
    command = [sys.executable, "-W", "error", "-m", "tests.concurrency", module, formatted, *arguments]
    parent = subprocess.Popen(command, env=environment, pass_fds=descriptors)
    for descriptor in descriptors:
        os.close(descriptor)
    readers = [os.fdopen(read) for read, _ in outputs]
    assert [reader.readline() for reader in readers] == ["ready\n"] * processes
    for _, write in inputs:
        os.write(write, b"go\n")
        os.close(write)
    printed = [reader.read().strip() for reader in readers]
    for reader in readers:
        reader.close()
    assert parent.wait() == 0
    return printed


def fork_for_each(pairs: list[list[int]]) -> None:
    """Return only in new processes, each with a pair of descriptors as its input and output. The parent waits and exits."""
    for read, write in pairs:
        if not os.fork():
            os.dup2(read, 0)
            os.dup2(write, 1)
            return
    for descriptor in (descriptor for pair in pairs for descriptor in pair):
        os.close(descriptor)
    statuses = [os.wait()[1] for _pair in pairs]
    sys.exit(any(statuses))


if __name__ == "__main__":
    name, formatted, *rest = sys.argv[1:]
    importlib.import_module(name)
    del sys.modules[name]  # each process runs it as its own; what it has imported stays
    gc.freeze()  # otherwise each process collects all that was imported when it exits, which takes longer than most races
    fork_for_each([[int(descriptor) for descriptor in pair.split(":")] for pair in formatted.split(",")])
    sys.argv[1:] = rest
    runpy.run_module(name, run_name="__main__")
