"""Locks the file descriptor given for as long as the shell that opened it runs, or ends with a sentence where another has it."""

import fcntl
import sys

try:
    fcntl.flock(int(sys.argv[1]), fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    sys.exit("Stationbook is running from this folder already. Stop that script/server first.")
