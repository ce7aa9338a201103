"""A worker that sends all emails that are due, reminders included, and exits: `python -m tests.bookings.mails.worker_once
PORT [LIMIT]`. LIMIT is the most emails to one address in a day, and from one station in an hour."""

import sys

import django

django.setup()

from django.conf import settings  # noqa: E402

from bookings.operations import worker  # noqa: E402
from config.environment import env  # noqa: E402
from core.mail.smtp import SmtpTransport  # noqa: E402

if __name__ == "__main__":
    print("ready", flush=True)
    sys.stdin.readline()
    for limit in sys.argv[2:]:
        settings.MAIL_DAILY_LIMIT_PER_RECIPIENT = settings.MAIL_HOURLY_LIMIT_PER_STATION = int(limit)
    with SmtpTransport(env.email_url_config(f"smtp://127.0.0.1:{sys.argv[1]}")) as transport:
        print(worker.run_once(transport))
