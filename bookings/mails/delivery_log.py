"""Counts each attempt to send an email by kind and outcome, and logs it with IDs only: never an address or any content."""

import logging
from typing import Any, Final

from accounts.auth.models import EmailKind
from bookings.models import Mail
from bookings.models.mail_state import Kind
from core import metrics
from core.mail.smtp import Outcome

log = logging.getLogger(__name__)

SENT: Final = Outcome.SENT.value
LIMITED: Final = "limited"
GIVEN_UP: Final = "given_up"
UNREACHED: Final = "unreached"
UNWRITTEN: Final = "unwritten"
WITHDRAWN: Final = "withdrawn"
FORGOTTEN_PASSWORD: Final = "forgotten_password"  # noqa: S105
"""Kind of the password reset email."""

# Start at 0: Prometheus sees no increase in a counter that first appears with a value of 1.
for _kind in (*Kind.values, *EmailKind, FORGOTTEN_PASSWORD):
    for _outcome in (SENT, Outcome.REFUSED.value):
        metrics.MAILS.labels(_kind, _outcome)


def record(mail: Mail, outcome: str, **details: Any) -> None:
    """Record the outcome of an email to a customer. `details` are the mail server's `reply` or the `problem`."""
    ids = {"mail": str(mail.pk), "booking": str(mail.booking_id), "station": mail.station_id}
    _record(mail.kind, outcome, ids | details)


def record_account_email(kind: str, outcome: str, **details: Any) -> None:
    """Record the outcome of an email about a user's own account. `details` include the ID of that `user`."""
    _record(kind, outcome, details)


def _record(kind: str, outcome: str, details: dict[str, Any]) -> None:
    is_expected = outcome in (SENT, WITHDRAWN)
    if outcome != WITHDRAWN:
        metrics.MAILS.labels(str(kind), outcome).inc()
    given = {name: str(value) if name == "problem" else value for name, value in details.items() if value}
    fields = {"kind": str(kind), "outcome": outcome, **given}
    log.log(logging.INFO if is_expected else logging.WARNING, "mail", extra={"fields": fields})
