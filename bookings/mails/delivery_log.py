"""What became of each email, counted by kind and written to the log with the ids by which it is found; never what it says."""

import logging
from typing import Any, Final

from accounts.auth.models import EmailKind
from bookings.models import Mail
from bookings.models.mail_state import Kind
from core import metrics
from core.mail.smtp import Outcome

log = logging.getLogger(__name__)

SENT: Final = Outcome.SENT.name.lower()
LIMITED: Final = "limited"
GIVEN_UP: Final = "given_up"
UNREACHED: Final = "unreached"
UNWRITTEN: Final = "unwritten"
WITHDRAWN: Final = "withdrawn"
FORGOTTEN_PASSWORD: Final = "forgotten_password"  # noqa: S105
"""The kind of the email with a link for a forgotten password."""

for _kind in (*Kind.values, *EmailKind, FORGOTTEN_PASSWORD):
    for _outcome in (SENT, Outcome.REFUSED.name.lower()):
        metrics.MAILS.labels(
            _kind, _outcome
        )  # is there from the start: what begins with its first event shows no growth


def record(mail: Mail, outcome: str, **details: Any) -> None:
    """What became of an attempt to send a customer an email. `details` are the mail server's `reply`, or the `problem`."""
    ids = {"mail": str(mail.pk), "booking": str(mail.booking_id), "station": mail.station_id}
    _record(mail.kind, outcome, ids | details)


def record_account_email(kind: str, outcome: str, **details: Any) -> None:
    """The same for an email to somebody about their own account, by the `user` whose it is."""
    _record(kind, outcome, details)


def _record(kind: str, outcome: str, details: dict[str, Any]) -> None:
    is_well = outcome in (SENT, WITHDRAWN)
    if outcome != WITHDRAWN:
        metrics.MAILS.labels(str(kind), outcome).inc()
    told = {name: str(value) if name == "problem" else value for name, value in details.items() if value}
    fields = {"kind": str(kind), "outcome": outcome, **told}
    log.log(logging.INFO if is_well else logging.WARNING, "mail", extra={"fields": fields})
