"""Nobody floods a stranger by the product: so many mails to one mailbox in a day, and from one station in an hour."""

import json
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

import pytest
from django.test import Client
from django.utils import timezone

from accounts import roles
from accounts.customers import Contact
from accounts.models import User
from bookings import services
from bookings.mails import limits, outbox, reminders
from bookings.models import Booking, CountedMail, Mail
from bookings.models.mail_state import Kind, Problem, State
from bookings.models.status import Status
from bookings.operations import worker
from bookings.privacy import erasure
from bookings.services import Place, mail_choices
from core import metrics
from core.mail.smtp import Outcome
from stations.models import Station
from tests.bookings.mails.conftest import Deliver
from tests.bookings.mails.smtp_server import ScriptedSmtpServer
from tests.bookings.mails.test_outbox import ANA, EVENING, create
from tests.bookings.mails.test_untrusted_text import key_of
from tests.concurrency import run_concurrently
from tests.factories import SATURDAY, bookings, open_station, person

pytestmark = pytest.mark.django_db

DAY: Final = timedelta(days=1)
HOUR: Final = timedelta(hours=1)
TOO_MANY: Final = (State.FAILED, Problem.TOO_MANY)
HELD: Final = (State.WAITING, Problem.HOURLY_LIMIT)
SENTENCE: Final = "Too many emails were sent to this address today. Please tell the customer."


@pytest.fixture
def station(db: None) -> Station:
    return open_station(code="kitchen", name="Kitchen", capacity=100)


@pytest.fixture(autouse=True)
def at_most(settings: Any) -> None:
    settings.MAIL_DAILY_LIMIT_PER_RECIPIENT, settings.MAIL_HOURLY_LIMIT_PER_STATION = 3, 100


def stands() -> list[tuple[str, str]]:
    """State and problem of each mail, in the order in which they were queued."""
    return [*Mail.objects.order_by("created_at").values_list("state", "problem")]


def create_for(station: Station, emails: Sequence[str]) -> list[Booking]:
    return [create(station, customer=Contact(f"Guest {email}", email)) for email in emails]


def test_one_stranger_gets_no_more_than_the_limit_however_often_a_key_books_for_them(
    station: Station, mail_server: ScriptedSmtpServer, deliver: Deliver
) -> None:
    bearer, limited = key_of(person(roles.INTEGRATORS, station)), metrics.MAILS.labels("made", "limited")._value.get()
    spellings = ["stranger@example.com", "Stranger@EXAMPLE.com", "stranger+1@example.com", "STRANGER+x+y@example.com"]
    for number in range(12):
        body = {
            "station": "kitchen", "date": "2031-03-07", "slot": "18:00", "party_adults": 1,
            "customer": {"name": f"Ana {number}", "email": spellings[number % 4]},
        }  # fmt: skip
        answer = Client().post(
            "/api/bookings/",
            json.dumps(body),
            content_type="application/json",
            headers={"Authorization": f"Bearer {bearer}"},
        )
        assert answer.status_code == 201
    deliver()

    assert len(mail_server.received) == 3
    assert stands() == [(State.SENT, "")] * 3 + [TOO_MANY] * 9
    assert metrics.MAILS.labels("made", "limited")._value.get() - limited == 9


def test_staff_see_what_was_not_sent_and_have_a_way_on(
    station: Station, staff: User, client: Client, mail_server: ScriptedSmtpServer, deliver: Deliver
) -> None:
    *_first, last = [create(station) for _n in range(4)]
    deliver()
    client.force_login(staff)
    mail = Mail.objects.get(booking=last)
    address = f"/bookings/{last.pk}/mails/{mail.pk}/"

    page = client.get(f"/bookings/{last.pk}/").content.decode()
    assert page.count(SENTENCE) == 2
    assert "The customer has not been told: Booking made." in page
    assert [f'value="{choice}"' in page for choice in ("again", "withhold")] == [True, True]

    assert client.post(address, {"do": "again"}).status_code == 302
    deliver()
    assert stands()[-1] == TOO_MANY

    assert client.post(address, {"do": "withhold"}).status_code == 302
    assert stands()[-1] == (State.WITHHELD, "")
    assert SENTENCE not in client.get(f"/bookings/{last.pk}/").content.decode()
    assert len(mail_server.received) == 3


def test_mail_that_was_not_sent_goes_when_staff_send_it_the_next_day(
    station: Station, staff: User, mail_server: ScriptedSmtpServer, deliver: Deliver
) -> None:
    *_first, last = [create(station) for _n in range(4)]
    deliver()

    assert deliver(DAY + HOUR) == []
    mail_choices.send_again(Mail.objects.get(booking=last).pk, by=staff)
    assert deliver(DAY + HOUR) == [Outcome.SENT]


def test_moves_cancellations_and_reminders_count(
    station: Station, mail_server: ScriptedSmtpServer, deliver: Deliver
) -> None:
    made = create(station)
    deliver()
    services.reschedule(made.pk, to=Place(SATURDAY, EVENING[1]), by=roles.OPERATOR)
    deliver(HOUR)
    soon = soon_after(bookings(2, station, customer=ANA), HOUR)
    assert reminders.queue_due(timezone.now()) == len(soon)
    deliver(HOUR)
    services.change_status(made.pk, Status.CANCELLED, by=roles.OPERATOR)
    deliver(2 * HOUR)

    assert Counter(Mail.objects.values_list("kind", "state", "problem")) == Counter(
        [
            (Kind.MADE, State.SENT, ""),
            (Kind.MOVED, State.SENT, ""),
            (Kind.REMINDER, State.SENT, ""),
            (Kind.REMINDER, *TOO_MANY),
            (Kind.CANCELLED, *TOO_MANY),
        ]
    )
    assert len(mail_server.received) == 3


def soon_after(made: list[Booking], wait: timedelta) -> list[Booking]:
    """Bookings of long ago that begin so much later than now."""
    starts = timezone.now() + 3 * wait
    Booking.objects.filter(pk__in=[one.pk for one in made]).update(
        date=starts.date(), starts_at=starts, ends_at=starts + HOUR, created_at=starts - 9 * DAY
    )
    return made


def test_stations_share_the_limit_of_a_mailbox(
    station: Station, mail_server: ScriptedSmtpServer, deliver: Deliver
) -> None:
    bar = open_station(code="bar", name="Bar")
    for place in (station, bar, station, bar):
        create(place)
    deliver()

    assert (len(mail_server.received), stands()) == (3, [(State.SENT, "")] * 3 + [TOO_MANY])


@pytest.mark.slow
def test_mailboxes_have_a_limit_each(station: Station, mail_server: ScriptedSmtpServer, deliver: Deliver) -> None:
    create_for(station, ["ana@example.com", "a.na@example.com", "ana@example.org", "bo@example.com"] * 3)
    deliver()

    assert len(mail_server.received) == 12


def test_window_of_a_day_slides(station: Station, mail_server: ScriptedSmtpServer, deliver: Deliver) -> None:
    create(station)
    deliver()
    for _n in range(2):
        create(station)
    deliver(DAY - HOUR)
    for _n in range(2):
        create(station)
    deliver(DAY + HOUR)

    assert (len(mail_server.received), stands()[-2:]) == (4, [(State.SENT, ""), TOO_MANY])


def test_station_that_sends_too_much_waits(
    station: Station, settings: Any, mail_server: ScriptedSmtpServer, deliver: Deliver, staff: User, client: Client
) -> None:
    settings.MAIL_HOURLY_LIMIT_PER_STATION, settings.MAIL_SERVER = 3, {"EMAIL_HOST": "127.0.0.1"}
    made = create_for(station, [f"guest{n}@example.com" for n in range(5)])
    other = create(open_station(code="bar"))
    deliver()
    client.force_login(staff)
    held = Mail.objects.filter(problem=Problem.HOURLY_LIMIT)

    assert (len(mail_server.received), stands()) == (4, [(State.SENT, "")] * 3 + [HELD] * 2 + [(State.SENT, "")])
    assert all(HOUR <= mail.due_at - mail.created_at < HOUR + timedelta(minutes=16) for mail in held)
    assert (
        "sent too many emails in the last hour. Next attempt:"
        in client.get(f"/bookings/{made[-1].pk}/").content.decode()
    )

    deliver(HOUR + timedelta(minutes=20))
    assert (len(mail_server.received), stands()) == (6, [(State.SENT, "")] * 6)
    assert Mail.objects.filter(booking=other, state=State.SENT).exists()


def test_what_the_mail_server_did_not_take_counts_no_more(
    station: Station, mail_server: ScriptedSmtpServer, deliver: Deliver
) -> None:
    mail_server.answers["RCPT"] = ["451 Later", "552 Full", "451 Later"]
    for _n in range(4):
        create(station)
    deliver()
    deliver(HOUR)

    assert len(mail_server.received) == 3
    assert CountedMail.objects.count() == 3


@pytest.mark.usefixtures("short_timeouts")
def test_what_may_have_arrived_counts_once(station: Station, mail_server: ScriptedSmtpServer, deliver: Deliver) -> None:
    mail_server.answers["DATA"] = ["drop"]
    for _n in range(4):
        create(station)
    deliver(HOUR)
    deliver(2 * HOUR)

    assert (len({*mail_server.ids}), len(mail_server.received)) == (3, 4)
    assert sorted(stands()) == sorted([(State.SENT, "")] * 3 + [TOO_MANY])


def test_change_after_a_mail_that_was_not_sent_tells_all(
    station: Station, mail_server: ScriptedSmtpServer, deliver: Deliver
) -> None:
    *_first, last = [create(station) for _n in range(4)]
    deliver()
    services.reschedule(last.pk, to=Place(SATURDAY, EVENING[1]), by=roles.OPERATOR)
    deliver(DAY + HOUR)

    assert "Your booking at Kitchen: Saturday 8 March" in mail_server.received[-1].decoded("Subject")


@pytest.mark.looks
@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("ana@example.com", "ANA@Example.COM", True),
        ("ana@example.com", "ana+shop@example.com", True),
        ("a.n.a@gmail.com", "ana+1@googlemail.com", True),
        ("a.na@example.com", "ana@example.com", False),
        ("+49@example.com", "+50@example.com", False),
        ("ana@example.com", "ana@example.org", False),
    ],
)
def test_spellings_of_a_mailbox_are_one(one: str, other: str, same: bool) -> None:
    assert (limits.recipient_key(one) == limits.recipient_key(other)) is same


def test_release_takes_back_the_latest_count_alone(station: Station) -> None:
    create(station)
    mail, now = Mail.objects.get(), timezone.now()
    for hours in (1, 2, 0):
        counted = {"station": station, "recipient": b"r" * 16, "handed_at": now - HOUR * hours}
        CountedMail.objects.create(mail=mail, **counted)

    limits.release(mail)

    assert {*CountedMail.objects.values_list("handed_at", flat=True)} == {now - HOUR, now - HOUR * 2}


def test_counts_are_kept_no_longer_than_they_count(
    station: Station, mail_server: ScriptedSmtpServer, deliver: Deliver
) -> None:
    create(station)
    deliver()

    worker.tidy(timezone.now() + HOUR)
    assert CountedMail.objects.count() == 1
    worker.tidy(timezone.now() + DAY + HOUR)
    assert CountedMail.objects.count() == 0


def test_counts_name_nobody_and_go_with_the_customer(
    station: Station, mail_server: ScriptedSmtpServer, deliver: Deliver
) -> None:
    made = create(station)
    deliver()
    assert [len(bytes(one.recipient)) for one in CountedMail.objects.all()] == [16]
    services.change_status(made.pk, Status.CANCELLED, by=roles.OPERATOR)

    assert made.customer_id
    erasure.erase(made.customer_id, by=roles.OPERATOR)

    assert CountedMail.objects.count() == 0


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_workers_at_once_send_no_more_than_the_limit(database_url: str, mail_server: ScriptedSmtpServer) -> None:
    """Of one station all mails are to one address, of the other each is to another: seven may go for either reason."""
    one, many = open_station(code="one", capacity=20), open_station(code="many", capacity=20)
    outbox.queue_created(bookings(20, one, customer=ANA))
    for number in range(20):
        outbox.queue_created(bookings(1, many, customer=Contact("Bo", f"bo{number}@example.com")))

    sent = run_concurrently(database_url, 4, str(mail_server.port), "7", module="tests.bookings.mails.worker_once")

    assert (sum(map(int, sent)), len(mail_server.received)) == (14, 14)
    assert Counter(Mail.objects.values_list("station__code", "state", "problem")) == {
        ("one", State.SENT, ""): 7,
        ("one", *TOO_MANY): 13,
        ("many", State.SENT, ""): 7,
        ("many", *HELD): 13,
    }
