"""Whatever staff do to a booking and take back: its customer gets the mails that the final story needs, and no more.

The measure is the customer's own calendar, kept from nothing but the files that the mails brought. After the last delivery it
shows what the booking is, and a mail came only where it did not before.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, time, timedelta
from email import message_from_bytes
from email.policy import SMTP
from typing import Final

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from accounts import roles
from bookings import services
from bookings.mails import delivery
from bookings.models import Booking, Mail
from bookings.models.mail_state import OPEN, Kind, State
from bookings.models.status import Status
from bookings.services import Place
from core.errors import DomainError
from core.mail.smtp import Envelope, Outcome
from tests.bookings.mails.test_outbox import create
from tests.calendars import Store
from tests.factories import open_station
from tests.samples import example_count

pytestmark = pytest.mark.django_db(transaction=True)

GRACE: Final = timedelta(minutes=2)
LONG: Final = timedelta(hours=8)

STEPS: Final = st.one_of(
    st.tuples(st.just("move"), st.integers(17, 21)),
    st.tuples(st.just("go to"), st.sampled_from(["kitchen", "court"])),
    st.tuples(st.just("lengthen"), st.integers(1, 2)),
    st.tuples(st.sampled_from(["undo", "remind"]), st.none()),
    st.tuples(st.sampled_from(["confirm", "cancel", "restore", "restore pending", "complete"]), st.none()),
    st.tuples(st.just("deliver"), st.sampled_from([timedelta(0), GRACE])),
    st.tuples(st.just("fail"), st.sampled_from([Outcome.DEFERRED, Outcome.UNKNOWN, Outcome.UNAVAILABLE])),
)
TO: Final = {
    "confirm": Status.CONFIRMED,
    "restore": Status.CONFIRMED,
    "restore pending": Status.PENDING,
    "cancel": Status.CANCELLED,
    "complete": Status.COMPLETED,
}


Belief = tuple[datetime, datetime, str, str]
"""From when until when, where, and whether it is sure."""


class Post:
    """Stands for the mail server: every envelope counted by its Message-ID, and its file put into the customer's calendar.

    `told` is what they would know without reminders, which tell no news and are not counted.
    """

    def __init__(self) -> None:
        self.store, self.told = Store(), Store()
        self.ids: list[str] = []
        self.now = timezone.now()

    def bring(self, mail: Mail, envelope: Envelope) -> None:
        message = message_from_bytes(envelope.message, policy=SMTP)
        [file] = [part.get_payload(decode=True) for part in message.walk() if part.get_filename()]
        assert isinstance(file, bytes)
        self.store.take(file)
        if mail.kind != Kind.REMINDER:
            self.ids.append(message["Message-ID"])
            self.told.take(file)

    def attempt(self, outcome: Outcome) -> bool:
        """One mail with that outcome; False where none is due. The server that fell silent has kept what it got."""
        taken = delivery.lease_next(self.now)
        if taken is None:
            return False
        if outcome in (Outcome.SENT, Outcome.UNKNOWN):
            self.bring(*taken)
        delivery.settle(taken[0], outcome, self.now)
        return True

    def deliver(self, after: timedelta) -> int:
        """All that is due by then; how many messages came, those that came again not counted."""
        self.now += after
        known = set(self.ids)
        while self.attempt(Outcome.SENT):
            pass
        return len(set(self.ids) - known)


def believed(store: Store, made: Booking) -> Belief | None:
    """When and where a calendar has the booking, and how; None where it has not."""
    entry = store.entries.get(f"{made.pk}@stationbook")
    gone = entry is None or entry.status == "CANCELLED"
    return None if entry is None or gone else (entry.starts_at, entry.ends_at, entry.summary, entry.status)


def truth(made: Booking) -> Belief | None:
    made.refresh_from_db()
    if made.status == Status.CANCELLED:
        return None
    status = "TENTATIVE" if made.status == Status.PENDING else "CONFIRMED"
    return made.starts_at, made.ends_at, made.station.name, status


def agree(believed: Belief | None, true: Belief | None) -> bool:
    """Back from confirmed to pending is no news: the place is kept."""
    if believed and true and believed[3] == "CONFIRMED":
        return believed[:3] == true[:3]
    return believed == true


def do(made: Booking, step: str, value: object, back: list[Place]) -> None:
    current = Booking.objects.select_related("station").get(pk=made.pk)
    here = Place(current.date, current.slot, current.station.code)
    if step in ("move", "go to"):
        to = replace(here, slot=time(int(str(value)))) if step == "move" else replace(here, station=str(value))
        services.reschedule(made.pk, to=to, by=roles.OPERATOR)
        back.append(here)
    elif step == "remind":
        reminder = {"kind": Kind.REMINDER, "station": current.station, "due_at": timezone.now()}
        Mail.objects.get_or_create(booking=current, reminds_of=current.starts_at, defaults=reminder)
    elif step == "undo" and back:
        services.reschedule(made.pk, to=back.pop(), by=roles.OPERATOR)
    elif step == "lengthen":
        services.edit(made.pk, {"slots": value}, by=roles.OPERATOR)
    elif step in TO:
        services.change_status(made.pk, TO[step], by=roles.OPERATOR)


@settings(max_examples=example_count(80), suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(
    steps=[("deliver", GRACE), ("move", 20), ("fail", Outcome.UNKNOWN), ("undo", None), ("fail", Outcome.DEFERRED)],
    status=Status.CONFIRMED,
)
@example(
    steps=[("deliver", GRACE), ("remind", None), ("move", 20), ("fail", Outcome.DEFERRED), ("fail", Outcome.DEFERRED)],
    status=Status.CONFIRMED,
)
@given(steps=st.lists(STEPS, min_size=1, max_size=12), status=st.sampled_from([Status.PENDING, Status.CONFIRMED]))
def test_customer_hears_what_the_final_story_needs(
    story: Callable[[Status], tuple[Booking, Post]], steps: list[tuple[str, object]], status: Status
) -> None:
    made, post = story(status)
    back: list[Place] = []

    for step, value in steps:
        if isinstance(value, timedelta):
            deliver(post, made, value)
        elif isinstance(value, Outcome):
            post.now += GRACE
            post.attempt(value)
        else:
            with suppress(DomainError):
                do(made, step, value, back)

    agreed, sure = agree(believed(post.told, made), truth(made)), is_sure(made)
    came = deliver(post, made, LONG)
    assert [agree(believed(store, made), truth(made)) for store in (post.told, post.store)] == [True, True]
    assert not sure or came == (not agreed)
    assert len(post.store.entries) <= 1
    assert not Mail.objects.filter(booking=made.pk, state__in=OPEN).exists()


def is_sure(made: Booking) -> bool:
    """Whether no server has fallen silent over a mail that has yet to be said again."""
    return not Mail.objects.filter(booking=made.pk, state=State.SENDING).exclude(kind=Kind.REMINDER).exists()


def deliver(post: Post, made: Booking, after: timedelta) -> int:
    """One mail at most; with one to be said again, that and one more."""
    most = 1 if is_sure(made) else 2
    came = post.deliver(after)
    assert came <= most
    return came


@pytest.fixture
def story(transactional_db: None) -> Callable[[Status], tuple[Booking, Post]]:
    station = open_station(code="kitchen", name="Kitchen", capacity=1_000)
    open_station(code="court", name="Court", capacity=1_000)
    return lambda status: (create(station, status=status), Post())
