"""Runs a web server and a worker until a signal says to stop."""

import logging.config
import os
import sys
from pathlib import Path

from config.observability.logging import configuration
from server_lib.supervisor import Part, Supervisor

logging.config.dictConfig(dict(configuration(os.environ["LOG_FORMAT"], os.environ["LOG_LEVEL"])))
supervisor = ["--supervisor", str(os.getpid())]
parts = [
    Part("web_server", ["script/web", *supervisor], stop_seconds=15),  # its processes have 10 seconds
    # A mail server may take two minutes to say that it has taken the mail in hand.
    Part("worker", [sys.executable, "manage.py", "deliver", *supervisor], stop_seconds=150),
]
status = Supervisor(parts).run()
for counts in Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]).glob("*.db"):  # in memory, and of use to nobody any more
    counts.unlink()
sys.exit(status)
