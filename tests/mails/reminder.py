"""A worker that reminds whoever is due and ends: `python -m tests.mails.reminder PORT`, one of several at once."""

import sys

import django

django.setup()

from bookings.mails import worker  # noqa: E402
from bookings.mails.courier import Courier  # noqa: E402
from config.environment import env  # noqa: E402

if __name__ == "__main__":
    print("ready", flush=True)
    sys.stdin.readline()
    with Courier(env.email_url_config(f"smtp://127.0.0.1:{sys.argv[1]}")) as hands:
        print(worker.run_once(hands))
