"""Whether the web server in this container is alive: exit status 0, or 1. Probes come by plain HTTP."""

import os
import sys
import urllib.error
import urllib.request

TIMEOUT_SECONDS = 4


def main(port: str) -> int:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/live", timeout=TIMEOUT_SECONDS) as answer:  # nosec B310
            return 0 if answer.status == 200 else 1
    except (OSError, ValueError) as error:
        print(f"Not alive: {error}", file=sys.stderr)
        return 1


sys.exit(main(os.environ.get("PORT", "8000")))
