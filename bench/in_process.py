"""One response of the product without a server: `python -m bench.in_process PATH` prints its median time in ms."""

import io
import logging
import sys
import time
from statistics import median
from typing import Any, Final

from config.wsgi import application

WARM_UP_REQUESTS: Final = 20
REPEATS: Final = 100


def call(path: str, token: str) -> int:
    """The length of the answer's body."""
    address, _mark, query = path.partition("?")
    environment: dict[str, Any] = {
        "REQUEST_METHOD": "GET", "PATH_INFO": address, "QUERY_STRING": query, "SERVER_NAME": "127.0.0.1", "SERVER_PORT": "80",
        "HTTP_HOST": "127.0.0.1", "REMOTE_ADDR": "127.0.0.1", "SERVER_PROTOCOL": "HTTP/1.1", "HTTP_ACCEPT": "application/json",
        "HTTP_AUTHORIZATION": f"Bearer {token}", "wsgi.input": io.BytesIO(), "wsgi.errors": sys.stderr,
        "wsgi.url_scheme": "http", "wsgi.version": (1, 0), "wsgi.multithread": False, "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }  # fmt: skip
    statuses: list[str] = []
    answer: Any = application(environment, lambda status, *more: statuses.append(status) or bytes)  # type: ignore[func-returns-value]
    body = b"".join(answer)
    answer.close()
    if statuses != ["200 OK"]:
        raise SystemExit(f"{path} was answered by {statuses}: {body[:300]!r}")
    return len(body)


def main(path: str) -> None:
    from accounts.auth.authentication import issue_tokens
    from accounts.models import User

    logging.disable(logging.CRITICAL)
    token = issue_tokens(User.objects.get(email="one@example.com"))["access"]
    for _time in range(WARM_UP_REQUESTS):
        call(path, token)
    taken = []
    for _time in range(REPEATS):
        began = time.perf_counter()
        call(path, token)
        taken.append((time.perf_counter() - began) * 1000)
    print(f"{median(taken):.3f}")


main(sys.argv[1])
