"""Whether the web server in this container is alive: exit status 0, or 1. Probes come by plain HTTP."""

import os
import sys
import urllib.error
import urllib.request

TIMEOUT_SECONDS = 4
DIRECTLY = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Without the proxy that http_proxy may name: it would answer for this server, or not reach it."""


def main(port: str) -> int:
    try:
        with DIRECTLY.open(f"http://127.0.0.1:{port}/health/live", timeout=TIMEOUT_SECONDS) as answer:
            return 0 if answer.status == 200 else 1
    except (OSError, ValueError) as error:
        print(f"Not alive: {error}", file=sys.stderr)
        return 1


sys.exit(main(os.environ.get("PORT", "8000")))
