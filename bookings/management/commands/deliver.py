"""Send customers' mails: without end, or once."""

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
"""What a mail in hand may take: a mail server may need two minutes to say that it has taken it."""


class Command(BaseCommand):
    help = (
        "Send the mails to customers as they fall due, and end what is kept too long. script/server runs it; several at once "
        "are safe."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="send what is due now, and end")
        parser.add_argument("--supervisor", type=int, metavar="PID", help="end when this process, the parent, has died")

    def handle(self, *args: Any, **options: Any) -> None:
        system_checks.require_no_demo_accounts()
        once = bool(options["once"])
        if not settings.MAIL_SERVER:
            self._wait_for_a_server(once=once, supervisor=options["supervisor"])
            return
        connect = partial(SmtpTransport, settings.MAIL_SERVER)
        senders = Senders(settings.MAIL_CONNECTIONS - 1, connect, pause_after=worker.pause_after)
        with connect() as transport:
            if once:
                sent = worker.run_once(transport, senders)
                self.stdout.write(_("%(count)d sent, %(left)d waiting.") % {"count": sent, "left": _waiting()})
            else:
                stop, beats = _told_to_stop(options["supervisor"]), Heartbeat()
                with beats.in_background():
                    worker.run(transport, stop, beats, senders)

    def _wait_for_a_server(self, *, once: bool, supervisor: int | None) -> None:
        """Without a mail server there is nothing to send, but to be there for whoever supervises."""
        if once:
            words = _("No mail server is set, so %(left)d emails wait in the outbox. Set EMAIL_URL to send them.")
            self.stdout.write(words % {"left": _waiting()})
        else:
            stop, beats = _told_to_stop(supervisor), Heartbeat()
            with beats.in_background():
                worker.keep_house(stop, beats)


def _waiting() -> int:
    return Mail.objects.filter(state__in=OPEN).count()


def _told_to_stop(supervisor: int | None) -> Stop:
    """By a signal, which the process also sends itself when its supervisor has died."""
    stop = Stop()
    for wanted in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(wanted, lambda number, frame: stop.request())
    if supervisor:
        end_with_parent(supervisor, kill_after=STOP_SECONDS)
    return stop
