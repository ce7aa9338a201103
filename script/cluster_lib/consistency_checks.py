"""Compares the responses that simulated users got with the database: `consistency_checks.py NOTES MAILS` prints JSON.

`wrong` lists the inconsistencies; `counts` says how many writes and emails were checked.
"""

import io
import json
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import django

django.setup()

from django.core.management import call_command  # noqa: E402
from django.db.models import Count, Q  # noqa: E402
from django.utils import timezone  # noqa: E402

from accounts.models import AuditEntry  # noqa: E402
from bookings.audit import Event  # noqa: E402
from bookings.mails import rendering  # noqa: E402
from bookings.mails.rules import pending_notification  # noqa: E402
from bookings.models import Booking, Hold, Mail  # noqa: E402
from bookings.models.mail_state import (  # noqa: E402
    OPEN,
    BookingSnapshot,
    Kind,
    State,
)

MAIL_TIMEOUT_SECONDS = 90
STUCK_SECONDS = 4
"""An email that is being sent for longer belongs to a worker that was killed."""


def wait_for_mails() -> None:
    """Wait until no email waits. The lease of a killed worker is ended at once instead of after its minutes."""
    until = time.monotonic() + MAIL_TIMEOUT_SECONDS
    held: dict[Any, float] = {}
    while Mail.objects.filter(state__in=OPEN).exists() and time.monotonic() < until:
        now = time.monotonic()
        in_hand = set(Mail.objects.filter(state=State.SENDING, lease__isnull=False).values_list("pk", "lease"))
        held = {one: held.get(one, now) for one in in_hand}
        for key, lease in [one for one, since in held.items() if now - since > STUCK_SECONDS]:
            Mail.objects.filter(pk=key, lease=lease, state=State.SENDING).update(due_at=timezone.now())
        time.sleep(0.5)


def writes(notes: list[dict[str, Any]], kind: str) -> Iterator[tuple[int, dict[str, Any]]]:
    return ((note["status"], note["write"]) for note in notes if note.get("write", {}).get("kind") == kind)


def check_creates(notes: list[dict[str, Any]]) -> Iterator[str]:
    """A booking exists once after 201, not at all after a refusal, and once or not at all without a response."""
    there = Counter(Booking.objects.exclude(external_ref="").values_list("external_ref", flat=True))
    for status, write in writes(notes, "create"):
        found = there[write["reference"]]
        unknown = status == 0 or status >= 500
        if found > 1 or (status == 201 and not found) or (found and status != 201 and not unknown):
            yield f"create {write['reference']} answered {status}, and is there {found} times"


def check_moves(notes: list[dict[str, Any]]) -> Iterator[str]:
    """No version was given to two users, none is missing, and the last one is at the place it was moved to."""
    told: dict[str, dict[int, tuple[str, str]]] = defaultdict(dict)
    for status, write in writes(notes, "move"):
        if status == 200:
            if write["version"] in told[write["booking"]]:
                yield f"booking {write['booking']} got version {write['version']} twice"
            told[write["booking"]][write["version"]] = write["date"], write["slot"]
    for booking in Booking.objects.filter(pk__in=told):
        moves = told[str(booking.pk)]
        if max(moves) > booking.version:
            yield f"booking {booking.pk} was told to be at version {max(moves)}, and is at {booking.version}"
        place = f"{booking.date}", f"{booking.slot:%H:%M}"
        if moves.get(booking.version, place) != place:
            yield f"booking {booking.pk} stands at {place}, and was told to stand at {moves[booking.version]}"


def check_audit_log() -> Iterator[str]:
    """There is one audit entry for each version of each booking."""
    events = [Event.CREATED, Event.RESCHEDULED, Event.EDITED, Event.STATUS, Event.DISPLACED]
    found = AuditEntry.objects.filter(event__in=events).values_list("object_pk").annotate(Count("pk"))
    entries = dict(found.order_by())
    for key, version in Booking.objects.values_list("pk", "version"):
        if entries.get(str(key)) != version:
            yield f"booking {key} is at version {version}, and has {entries.get(str(key), 0)} entries"


def check_holds() -> Iterator[str]:
    full = Hold.objects.values("station", "date", "slot").annotate(n=Count("pk")).filter(n__gt=4)
    yield from (f"slot {one} is overfull" for one in full)
    short = Booking.objects.annotate(n=Count("holds")).exclude(Q(n=1) | Q(needs_place=True))
    yield from (f"booking {booking.pk} has no place, or two" for booking in short)


def check_mails(lines: list[str]) -> Iterator[str]:
    """Every email marked as sent has arrived once, or twice if a worker was killed; no other has; nothing is left to send."""
    arrived = Counter(line.partition("\t")[0] for line in lines)
    sent: set[str] = set()
    last: dict[Any, Any] = {}
    for mail in Mail.objects.order_by("ended_at"):
        if mail.state in OPEN:
            yield f"mail {mail.pk} still waits"
        elif mail.state == State.SENT:
            number = _message_id(mail)
            sent.add(number)
            if not 1 <= arrived[number] <= 2:
                yield f"mail {mail.pk} is marked as sent, and arrived {arrived[number]} times"
            if mail.kind == Kind.REMINDER:  # which says again what is known, a day before
                continue
            if mail.said == last.get(mail.booking_id):
                yield f"booking {mail.booking_id}: the same is said twice"
            last[mail.booking_id] = mail.said
    yield from (f"a mail arrived that was not marked as sent: {number}" for number in arrived.keys() - sent)
    for booking in Booking.objects.exclude(external_ref=""):
        known = last.get(booking.pk)
        if pending_notification(known and BookingSnapshot.from_json(known), BookingSnapshot.of(booking)):
            yield f"booking {booking.pk}: its customer was not told how it stands"


def _message_id(mail: Mail) -> str:
    found = rendering.envelope_of(mail.message or "").message.decode("ascii", "replace")
    headers = found.replace("\r\n ", " ").splitlines()
    return next(line.partition(":")[2].strip() for line in headers if line.lower().startswith("message-id:"))


def check_command(name: str) -> Iterator[str]:
    said = io.StringIO()
    try:
        call_command(name, stdout=said, stderr=said)
    except (SystemExit, Exception) as refused:
        yield f"manage.py {name}: {said.getvalue().strip()} {refused}"


def main(notes_at: Path, mails_at: Path) -> None:
    notes = [json.loads(line) for line in notes_at.read_text().splitlines()]
    wait_for_mails()
    lines = mails_at.read_text().splitlines() if mails_at.exists() else []
    arrived = Counter(line.partition("\t")[0] for line in lines)
    wrong = [
        *check_creates(notes),
        *check_moves(notes),
        *check_audit_log(),
        *check_holds(),
        *check_mails(lines),
        *check_command("verify_holds"),
        *check_command("verify_audit"),
    ]
    counts = {
        "bookings made": sum(status == 201 for status, _write in writes(notes, "create")),
        "bookings moved": sum(status == 200 for status, _write in writes(notes, "move")),
        "writes whose answer was lost": sum(
            status == 0 or status >= 500 for kind in ("create", "move") for status, _write in writes(notes, kind)
        ),
        "audit entries": AuditEntry.objects.count(),
        "mails arrived": len(arrived),
        "of them twice": sum(count > 1 for count in arrived.values()),
    }
    json.dump({"wrong": wrong, "counts": counts}, sys.stdout)


main(*map(Path, sys.argv[1:]))
