"""Fails with a sentence unless host and port are free: the server would share a taken port silently."""

import socket
import sys

host, port = sys.argv[1], sys.argv[2]
try:
    family, kind, _proto, _name, address = socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, int(port), *address[2:]))
except (OSError, OverflowError, ValueError) as wrong:
    reason = getattr(wrong, "strerror", None) or str(wrong)
    sys.exit(f"Cannot listen on {host}, port {port}: {reason}. Choose another PORT or HOST.")
