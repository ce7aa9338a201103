"""Locks the file descriptor given for as long as the shell that opened it runs, or ends with a sentence where another has it.

The file then holds the process of that shell, which becomes the supervisor, and the address given, for script/upgrade to read.
"""

import fcntl
import os
import sys

fd, address = int(sys.argv[1]), sys.argv[2]
try:
    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    sys.exit("Stationbook is running from this folder already. Stop that script/server first.")
os.ftruncate(fd, 0)
os.write(fd, f"{os.getppid()} {address}\n".encode())
