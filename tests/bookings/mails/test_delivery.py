"""What the worker does with a mail server that accepts, refuses, stalls, hangs up and goes away: nothing lost, nothing twice."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from accounts import roles
from bookings import services
from bookings.mails import delivery
from bookings.models import Booking, Mail
from bookings.models.mail_state import Kind, Problem, State
from bookings.models.status import Status
from bookings.services import Place
from core.mail.smtp import Envelope, Outcome, SmtpTransport
from stations.models import Station
from tests.bookings.mails.conftest import Deliver, server_settings
from tests.bookings.mails.smtp_server import ScriptedSmtpServer
from tests.bookings.mails.test_outbox import ANA, EVENING, LATER, create, mails
from tests.factories import FRIDAY, SATURDAY, booking, open_station

pytestmark = pytest.mark.django_db

A_WHILE = timedelta(hours=4)
"""Longer than any grace time, lease or wait."""


@pytest.fixture
def moved(station: Station) -> Booking:
    made = booking(station, customer=ANA)
    return services.reschedule(made.pk, to=LATER, by=roles.OPERATOR).booking


def test_mail_is_sent_once(station: Station, mail_server: ScriptedSmtpServer, deliver: Deliver) -> None:
    made = create(station)

    assert (deliver(), deliver(A_WHILE)) == ([Outcome.SENT], [])

    [message] = mail_server.kept
    assert mails(made) == [(Kind.MADE, State.SENT, "")]
    assert (message["To"].addresses[0].addr_spec, message["From"].addresses[0].display_name) == (
        "ana@example.com",
        "Kitchen",
    )


def test_move_is_not_sent_before_its_grace_time(
    moved: Booking, mail_server: ScriptedSmtpServer, deliver: Deliver
) -> None:
    assert (deliver(timedelta(seconds=80)), mail_server.kept) == ([], [])

    assert deliver(timedelta(seconds=95)) == [Outcome.SENT]


def test_move_that_was_taken_back_is_not_sent(
    moved: Booking, mail_server: ScriptedSmtpServer, deliver: Deliver
) -> None:
    services.reschedule(moved.pk, to=Place(*EVENING), by=roles.OPERATOR)

    assert (deliver(A_WHILE), mail_server.kept) == ([], [])


def test_booking_changed_past_the_outbox_is_reported_as_it_is(
    moved: Booking, mail_server: ScriptedSmtpServer, deliver: Deliver
) -> None:
    """An import says nothing by itself; what waits says the truth of the moment when it goes."""
    services.amend(moved.pk, {"slot": EVENING[1].replace(hour=21)}, by=roles.OPERATOR)

    deliver(A_WHILE)

    assert ["21:00" in subject for subject in mail_server.subjects] == [True]


@pytest.mark.parametrize(
    ("step", "answer"),
    [
        ("MAIL", "451 Try again"),
        ("RCPT", "450 Busy"),
        ("DATA", "452 No space"),
        ("MAIL", "421 Closing"),
        ("RCPT", "drop"),
    ],
)
def test_refusal_for_now_delays_the_mail(
    station: Station, mail_server: ScriptedSmtpServer, deliver: Deliver, step: str, answer: str
) -> None:
    made = create(station)
    mail_server.answers[step] = [answer]

    assert deliver() == [Outcome.DEFERRED]

    assert mails(made) == [(Kind.MADE, State.WAITING, Problem.DELAYED)]
    assert deliver(A_WHILE) == [Outcome.SENT]
    assert (mails(made), list(mail_server.ids.values())) == ([(Kind.MADE, State.SENT, "")], [1])


@pytest.mark.usefixtures("short_timeouts")
def test_server_that_says_nothing_delays_the_mail(
    station: Station, mail_server: ScriptedSmtpServer, deliver: Deliver
) -> None:
    made = create(station)
    mail_server.answers["MAIL"] = ["stall"]

    assert deliver() == [Outcome.DEFERRED]
    mail_server.give_up.set()

    assert deliver(A_WHILE) == [Outcome.SENT]
    assert (mails(made), list(mail_server.ids.values())) == ([(Kind.MADE, State.SENT, "")], [1])


def test_line_that_drops_after_the_message_leads_to_the_same_message_again(
    station: Station, mail_server: ScriptedSmtpServer, deliver: Deliver
) -> None:
    made = create(station)
    mail_server.answers["DATA"] = ["drop"]

    assert deliver() == [Outcome.UNKNOWN]

    assert mails(made) == [(Kind.MADE, State.SENDING, Problem.UNKNOWN)]
    assert deliver(A_WHILE) == [Outcome.SENT]
    assert list(mail_server.ids.values()) == [2]
    assert mail_server.kept[0].as_bytes() == mail_server.kept[1].as_bytes()


def test_what_may_have_been_said_is_never_said_otherwise(
    moved: Booking, mail_server: ScriptedSmtpServer, deliver: Deliver
) -> None:
    """The line dropped after a move was told, and somebody takes the move back: both are told, in their order."""
    mail_server.answers["DATA"] = ["drop"]
    deliver(timedelta(minutes=2))
    services.reschedule(moved.pk, to=Place(*EVENING), by=roles.OPERATOR)

    deliver(A_WHILE)
    deliver(2 * A_WHILE)

    assert [mail[1] for mail in mails(moved)] == [State.SENT, State.SENT]
    assert ["8 March" in subject for subject in mail_server.subjects] == [True, True, False]


def test_move_meanwhile_joins_what_the_server_has_refused_for_now(
    moved: Booking, mail_server: ScriptedSmtpServer, deliver: Deliver
) -> None:
    taken = delivery.lease_next(timezone.now() + timedelta(minutes=2))
    assert taken is not None
    services.reschedule(moved.pk, to=Place(SATURDAY, EVENING[1].replace(hour=21)), by=roles.OPERATOR)

    delivery.settle(taken[0], Outcome.DEFERRED, timezone.now())
    deliver(A_WHILE)

    assert mails(moved) == [(Kind.MOVED, State.WITHDRAWN, Problem.MERGED), (Kind.MOVED, State.SENT, "")]
    [text] = [message.get_body(("plain",)).get_content() for message in mail_server.kept]  # type: ignore[union-attr]
    assert "moved from Friday 7 March 2031, 18:00" in text


def test_move_that_the_server_delays_does_not_get_lost_in_a_reminder(
    moved: Booking, mail_server: ScriptedSmtpServer, deliver: Deliver
) -> None:
    remind(moved, due_at=timezone.now() + 2 * A_WHILE)
    mail_server.answers["RCPT"] = ["450 Busy"]
    assert deliver(timedelta(minutes=2)) == [Outcome.DEFERRED]

    assert deliver(A_WHILE) == [Outcome.SENT]

    assert mails(moved) == [(Kind.MOVED, State.SENT, ""), (Kind.REMINDER, State.WAITING, "")]


def remind(made: Booking, **fields: Any) -> Mail:
    made.refresh_from_db()
    return Mail.objects.create(
        **{
            "booking": made,
            "station": made.station,
            "kind": Kind.REMINDER,
            "reminds_of": made.starts_at,
            "due_at": timezone.now(),
            **fields,
        }
    )


def fall_silent_and_then(outcome: Outcome, after: timedelta = A_WHILE) -> None:
    """Two attempts at the mail that is due: nobody knows of the first what became of it."""
    for late, each in ((timedelta(minutes=2), Outcome.UNKNOWN), (after, outcome)):
        taken = delivery.lease_next(timezone.now() + late)
        assert taken
        delivery.settle(taken[0], each, timezone.now() + late)


def test_undone_move_is_told_where_the_failed_one_may_have_been_heard(
    moved: Booking, mail_server: ScriptedSmtpServer, deliver: Deliver
) -> None:
    fall_silent_and_then(Outcome.REFUSED)
    assert mails(moved) == [(Kind.MOVED, State.FAILED, Problem.UNKNOWN)]

    services.reschedule(moved.pk, to=Place(*EVENING), by=roles.OPERATOR)

    assert deliver(A_WHILE) == [Outcome.SENT]
    assert ["Friday 7 March" in subject for subject in mail_server.subjects] == [True]


def test_change_after_a_mail_that_may_have_been_heard_takes_its_place(
    moved: Booking, mail_server: ScriptedSmtpServer, deliver: Deliver
) -> None:
    taken = delivery.lease_next(timezone.now() + timedelta(minutes=2))
    assert taken
    delivery.settle(taken[0], Outcome.UNKNOWN, timezone.now())
    services.change_status(moved.pk, Status.CANCELLED, by=roles.OPERATOR)

    fall_silent_and_then(Outcome.REFUSED)

    assert mails(moved) == [(Kind.MOVED, State.WITHDRAWN, Problem.MERGED), (Kind.CANCELLED, State.WAITING, "")]
    assert deliver(A_WHILE) == [Outcome.SENT]


@pytest.mark.parametrize(
    "change",
    [
        lambda made: services.change_status(made.pk, Status.CANCELLED, by=roles.OPERATOR),
        lambda made: services.reschedule(made.pk, to=Place(*EVENING), by=roles.OPERATOR),
        lambda made: Station.objects.update(is_active=False),
        lambda made: Station.objects.update(reminder_hours=None),
        lambda made: Booking.objects.filter(pk=made.pk).update(needs_place=True),
    ],
)
def test_reminder_that_may_have_been_heard_is_not_said_again_when_it_is_no_longer_true(
    moved: Booking, mail_server: ScriptedSmtpServer, deliver: Deliver, change: Callable[[Booking], object]
) -> None:
    Mail.objects.all().delete()
    mail = remind(moved)
    mail_server.answers["DATA"] = ["drop"]
    assert deliver() == [Outcome.UNKNOWN]

    change(moved)
    deliver(A_WHILE)

    mail.refresh_from_db()
    assert (mail.state, mail.problem) == (State.WITHDRAWN, Problem.CHANGED)
    assert sum("See you soon" in subject for subject in mail_server.subjects) == 1


def test_mail_that_may_have_been_heard_is_not_said_again_after_the_booking(
    moved: Booking, mail_server: ScriptedSmtpServer, deliver: Deliver
) -> None:
    mail_server.answers["DATA"] = ["drop"]
    deliver(timedelta(minutes=2))

    assert deliver(FRIDAY - timezone.now().date() + timedelta(days=3)) == []

    assert mails(moved) == [(Kind.MOVED, State.WITHDRAWN, Problem.OVER)]


@pytest.mark.parametrize("step", ["MAIL", "DATA"])
def test_refusal_for_good_fails_at_once(
    station: Station, mail_server: ScriptedSmtpServer, deliver: Deliver, step: str
) -> None:
    made = create(station)
    mail_server.answers[step] = ["554 Spam"]

    assert deliver() == [Outcome.REFUSED]

    assert (mails(made), deliver(A_WHILE)) == ([(Kind.MADE, State.FAILED, Problem.REFUSED)], [])


def test_address_that_does_not_exist_is_noted_and_not_tried_again(
    station: Station, mail_server: ScriptedSmtpServer, deliver: Deliver
) -> None:
    made = create(station)
    mail_server.answers["RCPT"] = ["550 No such user"]

    deliver()
    services.reschedule(made.pk, to=LATER, by=roles.OPERATOR)
    deliver(A_WHILE)

    made.refresh_from_db()
    assert (made.customer and made.customer.email_bounced, mail_server.kept) == (True, [])
    assert [mail[1:] for mail in mails(made)] == [
        (State.WITHDRAWN, Problem.MERGED),
        (State.UNREACHED, Problem.BOUNCED),
    ]


def test_move_of_somebody_without_address_asks_for_a_call(
    station: Station, mail_server: ScriptedSmtpServer, deliver: Deliver
) -> None:
    made = booking(station, customer=ANA.__class__("Ana García", "", "+4930901820"))
    services.reschedule(made.pk, to=LATER, by=roles.OPERATOR)

    deliver(A_WHILE)

    assert mails(made) == [(Kind.MOVED, State.UNREACHED, Problem.NO_ADDRESS)]


def test_server_that_is_away_loses_nothing_and_costs_no_attempt(
    station: Station, mail_server: ScriptedSmtpServer, deliver: Deliver
) -> None:
    made = create(station)
    mail_server.close()

    assert [deliver() for _try in range(30)] == [[Outcome.UNAVAILABLE]] * 30

    assert (mails(made), Mail.objects.get().attempts) == ([(Kind.MADE, State.WAITING, Problem.AWAY)], 0)
    mail_server.open()
    deliver(A_WHILE)
    assert (mails(made), list(mail_server.ids.values())) == ([(Kind.MADE, State.SENT, "")], [1])


def test_last_attempt_fails_and_waits_have_grown(
    station: Station, mail_server: ScriptedSmtpServer, deliver: Deliver
) -> None:
    made = create(station)
    mail_server.answers["RCPT"] = ["450 Busy"] * 100
    after, waits = timedelta(0), []

    for _attempt in range(delivery.MAX_ATTEMPTS):
        assert deliver(after, most=1) == [Outcome.DEFERRED]
        due = Mail.objects.get().due_at - timezone.now() - after
        waits.append(due)
        after += due + timedelta(seconds=1)

    assert mails(made) == [(Kind.MADE, State.FAILED, Problem.DELAYED)]
    assert timedelta(seconds=25) < waits[0] < timedelta(seconds=46)
    assert all(later > sooner for sooner, later in zip(waits[:7:2], waits[2:9:2], strict=True))


def test_mail_that_is_given_up_is_logged_with_what_the_server_said(
    station: Station,
    mail_server: ScriptedSmtpServer,
    deliver: Deliver,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(delivery, "MAX_ATTEMPTS", 1)
    mail_server.answers["RCPT"] = ["450 Busy"]
    made = create(station)
    deliver()

    ids = {"mail": str(Mail.objects.get().pk), "booking": str(made.pk), "station": station.pk}
    assert [record.__dict__["fields"] for record in caplog.records if record.message == "mail"] == [
        {"kind": "made", "outcome": "later", **ids, "reply": "RCPT 450"},
        {"kind": "made", "outcome": "given_up", **ids, "problem": "delayed"},
    ]


def test_worker_killed_before_the_mark_leaves_the_mail_to_the_next(
    station: Station, mail_server: ScriptedSmtpServer, deliver: Deliver
) -> None:
    made = create(station)
    assert delivery.lease_next(timezone.now()) is not None

    assert deliver() == []  # the lease holds

    assert deliver(A_WHILE) == [Outcome.SENT]
    assert mails(made)[0][1] == State.SENT


def test_late_mark_of_a_lost_lease_changes_nothing_and_is_logged(
    station: Station, mail_server: ScriptedSmtpServer, deliver: Deliver, caplog: pytest.LogCaptureFixture
) -> None:
    made = create(station)
    taken = delivery.lease_next(timezone.now())
    assert taken is not None
    deliver(A_WHILE)

    delivery.settle(taken[0], Outcome.DEFERRED, timezone.now())

    assert mails(made)[0][1] == State.SENT
    assert f"Another worker took over mail {taken[0].pk} before its outcome (later) could be saved." in caplog.text


def test_worker_that_slept_over_its_lease_does_not_send_what_another_has_sent(
    station: Station, mail_server: ScriptedSmtpServer, deliver: Deliver
) -> None:
    class Asleep(SmtpTransport):
        def send(self, envelope: Envelope, may_send: Callable[[], bool] = lambda: True) -> Outcome:
            assert deliver(A_WHILE) == [Outcome.SENT]
            return super().send(envelope, may_send)

    made = create(station)
    with Asleep(server_settings(mail_server)) as transport:
        delivery.deliver_next(transport)

    assert (mails(made), len(mail_server.received)) == ([(Kind.MADE, State.SENT, "")], 1)


def damage_customers() -> None:
    write("UPDATE accounts_customer SET name = %s", b"damaged")


def damage_wishes() -> None:
    write("UPDATE bookings_booking SET special_requests = %s", b"damaged")


def lose_the_time_zone() -> None:
    Station.objects.update(time_zone="Mars/Olympus")


def write(sql: str, value: bytes) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, [value])


@pytest.mark.parametrize("harm", [damage_customers, damage_wishes, lose_the_time_zone])
def test_mail_that_cannot_be_written_fails_by_itself(
    station: Station, mail_server: ScriptedSmtpServer, deliver: Deliver, harm: Callable[[], None]
) -> None:
    harmed = create(station, special_requests="Nuts")
    harm()
    other = create(open_station(code="court"))

    assert deliver() == [Outcome.SENT]

    assert (mails(harmed), mails(other)) == (
        [(Kind.MADE, State.FAILED, Problem.UNWRITTEN)],
        [(Kind.MADE, State.SENT, "")],
    )


def test_address_that_no_header_holds_fails_and_is_not_logged(
    station: Station, mail_server: ScriptedSmtpServer, deliver: Deliver, caplog: pytest.LogCaptureFixture
) -> None:
    """The fields' own check takes a long s for an s."""
    made = create(station, customer=ANA.__class__("Ana García", "ſana@example.com"))

    assert (deliver(), mail_server.received) == ([], [])

    assert mails(made) == [(Kind.MADE, State.FAILED, Problem.UNWRITTEN)]
    assert f"Mail {Mail.objects.get().pk} could not be rendered: NonASCIILocalPartDefect" in caplog.text
    assert "ana@" not in caplog.text


def test_mail_on_its_way_that_cannot_be_read_fails_and_stands_in_nobodys_way(
    station: Station, mail_server: ScriptedSmtpServer, deliver: Deliver
) -> None:
    made = create(station)
    assert delivery.lease_next(timezone.now())
    write("UPDATE bookings_mail SET message = %s", b"damaged")
    other = create(station, customer=ANA.__class__("Bo Li", "bo@example.com"))

    services.reschedule(made.pk, to=LATER, by=roles.OPERATOR)
    deliver(A_WHILE)

    assert (mails(made)[0], mails(other)) == (
        (Kind.MADE, State.FAILED, Problem.UNKNOWN),
        [(Kind.MADE, State.SENT, "")],
    )


def test_booking_that_lost_its_place_is_told_of_its_next_one(
    station: Station, mail_server: ScriptedSmtpServer, deliver: Deliver
) -> None:
    made = create(station)
    made.holds.all().delete()
    Booking.objects.filter(pk=made.pk).update(needs_place=True)

    assert deliver() == []
    services.reschedule(made.pk, to=LATER, by=roles.OPERATOR)

    assert deliver(A_WHILE) == [Outcome.SENT]
    assert "8 March" in mail_server.subjects[0]


def test_what_is_over_by_then_is_not_sent(station: Station, mail_server: ScriptedSmtpServer, deliver: Deliver) -> None:
    made = create(station)

    assert deliver(FRIDAY - timezone.now().date() + timedelta(days=2)) == []

    assert mails(made) == [(Kind.MADE, State.WITHDRAWN, Problem.OVER)]


def test_cancellation_reaches_the_customer(station: Station, mail_server: ScriptedSmtpServer, deliver: Deliver) -> None:
    made = create(station)
    deliver()
    services.change_status(made.pk, Status.CANCELLED, by=roles.OPERATOR)

    deliver(A_WHILE)

    assert [subject.partition(":")[0] for subject in mail_server.subjects] == [
        "Your booking at Kitchen",
        "Your booking at Kitchen is cancelled",
    ]
