"""manage.py deliver: the worker, which sends emails and deletes expired data; or sends once what is due."""

import signal
from argparse import ArgumentParser
from functools import partial
from typing import Any, Final

from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils.translation import gettext as _

from bookings.mails.senders import Senders
from bookings.models import Mail
from bookings.models.mail_state import OPEN
from bookings.operations import system_checks, worker
from bookings.operations.heartbeat import Heartbeat
from bookings.operations.worker import Stop
from core.mail.smtp import SmtpTransport
from core.parent_death import end_with_parent

STOP_SECONDS: Final = 150
"""How long the current email may take: a mail server may need two minutes to accept it."""


class Command(BaseCommand):
    help = (
        "Sends emails to customers when they are due, and deletes expired data. script/server runs it; several can run at the "
        "same time."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="send what is due now, then exit")
        parser.add_argument(
            "--supervisor", type=int, metavar="PID", help="exit when this process, the parent, has died"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        system_checks.require_no_demo_accounts()
        once = bool(options["once"])
        if not settings.MAIL_SERVER:
            self._run_without_server(once=once, supervisor=options["supervisor"])
            return
        connect = partial(SmtpTransport, settings.MAIL_SERVER)
        senders = Senders(settings.MAIL_CONNECTIONS - 1, connect, pause_after=worker.pause_after)
        with connect() as transport:
            if once:
                sent = worker.run_once(transport, senders)
                self.stdout.write(_("%(count)d sent, %(left)d waiting.") % {"count": sent, "left": _waiting()})
            else:
                stop, beats = _stop_on_signal(options["supervisor"]), Heartbeat()
                with beats.in_background():
                    worker.run(transport, stop, beats, senders)

    def _run_without_server(self, *, once: bool, supervisor: int | None) -> None:
        """Without a mail server: delete expired data, and stay alive for the supervisor."""
        if once:
            words = _("No mail server is set, so %(left)d emails wait in the outbox. Set EMAIL_URL to send them.")
            self.stdout.write(words % {"left": _waiting()})
        else:
            stop, beats = _stop_on_signal(supervisor), Heartbeat()
            with beats.in_background():
                worker.run_housekeeping(stop, beats)


def _waiting() -> int:
    return Mail.objects.filter(state__in=OPEN).count()


def _stop_on_signal(supervisor: int | None) -> Stop:
    """A stop request that is set by a signal, also by the one that follows the supervisor's death."""
    stop = Stop()
    for wanted in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(wanted, lambda number, frame: stop.request())
    if supervisor:
        end_with_parent(supervisor, kill_after=STOP_SECONDS)
    return stop
