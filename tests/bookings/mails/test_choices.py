"""What staff see of a booking's mails, and choose: now, again, or not at all, for they have told the customer themselves."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts import roles
from accounts.customers import Contact
from accounts.models import Customer, User
from bookings import audit, services
from bookings.errors import TooLate
from bookings.mails import display, outbox
from bookings.models import Booking, Mail
from bookings.models.mail_state import OPEN, BookingSnapshot, Kind, Problem, State
from bookings.models.status import Phase, Status
from bookings.services import mail_choices
from core.errors import NotFound, NotPermitted
from stations.models import Station
from tests.bookings.mails.conftest import Deliver
from tests.bookings.mails.smtp_server import ScriptedSmtpServer
from tests.bookings.mails.test_outbox import ANA, LATER, mails
from tests.factories import booking, open_station, person

pytestmark = [pytest.mark.django_db, pytest.mark.looks]

SERVER = {"EMAIL_HOST": "127.0.0.1"}


@pytest.fixture
def moved(station: Station) -> Booking:
    made = booking(station, customer=ANA)
    return services.reschedule(made.pk, to=LATER, by=roles.OPERATOR).booking


@pytest.fixture
def visitor(staff: User, client: Client) -> Client:
    client.force_login(staff)
    return client


def only() -> Mail:
    return Mail.objects.get()


def test_send_now_skips_the_grace_time(
    moved: Booking, staff: User, mail_server: ScriptedSmtpServer, deliver: Deliver
) -> None:
    mail_choices.send_now(only().pk, by=staff)

    deliver()

    assert (mails(moved), len(mail_server.kept)) == ([(Kind.MOVED, State.SENT, "")], 1)


def test_withheld_mail_is_never_sent_and_the_next_begins_from_here(
    moved: Booking, staff: User, mail_server: ScriptedSmtpServer, deliver: Deliver
) -> None:
    mail_choices.withhold(only().pk, by=staff)
    services.change_status(moved.pk, Status.CANCELLED, by=staff)
    services.change_status(moved.pk, Status.CONFIRMED, by=staff)

    assert mails(moved) == [(Kind.MOVED, State.WITHHELD, ""), (Kind.CANCELLED, State.WITHDRAWN, Problem.UNDONE)]


def test_failed_mail_is_sent_again(
    moved: Booking, staff: User, mail_server: ScriptedSmtpServer, deliver: Deliver
) -> None:
    mail_server.answers["DATA"] = ["554 No"]
    mail_choices.send_now(only().pk, by=staff)
    deliver()

    mail_choices.send_again(only().pk, by=staff)
    deliver()

    assert (mails(moved), len(mail_server.kept)) == ([(Kind.MOVED, State.SENT, "")], 1)


def test_address_that_staff_try_again_counts_as_good_until_it_is_refused_again(
    moved: Booking, staff: User, mail_server: ScriptedSmtpServer, deliver: Deliver
) -> None:
    mail_server.answers["RCPT"] = ["550 5.1.1 Nobody"]
    mail_choices.send_now(only().pk, by=staff)
    deliver()
    assert mails(moved) == [(Kind.MOVED, State.UNREACHED, Problem.BOUNCED)]

    mail_choices.send_again(only().pk, by=staff)
    deliver()

    moved.refresh_from_db()
    assert (mails(moved), len(mail_server.kept)) == ([(Kind.MOVED, State.SENT, "")], 1)
    assert moved.customer
    assert moved.customer.email_bounced is False


def test_failed_mail_is_not_sent_again_beside_the_one_that_says_it_all(moved: Booking, staff: User) -> None:
    failed = only()
    services.change_status(moved.pk, Status.CANCELLED, by=staff)
    Mail.objects.filter(pk=failed.pk).update(state=State.FAILED)
    Mail.objects.create(
        booking=moved, station=moved.station, kind=Kind.CANCELLED, known=failed.known, due_at=timezone.now()
    )

    with pytest.raises(TooLate):
        mail_choices.send_again(failed.pk, by=staff)


@pytest.mark.parametrize("choice", [mail_choices.send_now, mail_choices.send_again, mail_choices.withhold])
def test_choice_comes_too_late_for_what_was_sent(moved: Booking, staff: User, choice: Any) -> None:
    Mail.objects.update(state=State.SENT)

    with pytest.raises(TooLate):
        choice(only().pk, by=staff)


@pytest.mark.parametrize("choice", [mail_choices.send_now, mail_choices.send_again, mail_choices.withhold])
def test_choice_is_for_those_who_may_change_bookings_here(moved: Booking, station: Station, choice: Any) -> None:
    with pytest.raises(NotPermitted):
        choice(only().pk, by=person(roles.VIEWERS, station))
    with pytest.raises(NotFound):
        choice(only().pk, by=person(roles.MANAGERS, open_station(code="bar")))


def test_choice_stands_in_the_bookings_story(moved: Booking, staff: User) -> None:
    mail_choices.withhold(only().pk, by=staff)

    line = audit.story(moved, roles.OPERATOR)[0]
    assert (line.who, line.what) == (staff.email, "No email: the customer already knows (Booking moved)")


def test_page_says_what_goes_out_when(moved: Booking, visitor: Client, settings: Any) -> None:
    settings.MAIL_SERVER = SERVER
    html = visitor.get(f"/bookings/{moved.pk}/").content.decode()

    due = only().due_at.astimezone(moved.station.zone)
    assert f"Will be sent {due:%a} {due.day} {due:%b} {due:%H:%M}." in html
    assert ('value="now"' in html, 'value="withhold"' in html) == (True, True)


@pytest.mark.parametrize(
    ("state", "problem", "sentence"),
    [
        (State.WAITING, "", "Will be sent Fri 7 Mar 12:00."),
        (
            State.WAITING,
            Problem.DELAYED,
            "The mail server is not accepting the email right now. Next attempt: Fri 7 Mar 12:00.",
        ),
        (State.SENDING, "", "Being sent."),
        (
            State.SENDING,
            Problem.UNKNOWN,
            "The mail server did not confirm that it accepted the email. Next attempt: Fri 7 Mar 12:00.",
        ),
        (State.SENT, "", "Sent Fri 7 Mar 11:00."),
        (State.FAILED, Problem.DELAYED, "The mail server is not accepting the email right now."),
        (State.UNREACHED, Problem.NO_ADDRESS, "The customer has no email address."),
        (State.WITHHELD, "", "Not sent: staff told the customer, Fri 7 Mar 11:00."),
    ],
)
def test_sentence_says_what_became_of_a_mail_or_will(
    moved: Booking, staff: User, settings: Any, state: State, problem: str, sentence: str
) -> None:
    settings.MAIL_SERVER = SERVER
    ended = None if state in OPEN else datetime(2031, 3, 7, 10, 0, 59, tzinfo=UTC)
    Mail.objects.update(state=state, problem=problem, due_at=datetime(2031, 3, 7, 11, tzinfo=UTC), ended_at=ended)

    [told] = display.describe_all(moved, staff, timezone.now())

    assert told.sentence == sentence


def test_page_says_that_no_server_is_set(moved: Booking, visitor: Client) -> None:
    assert "no mail server is configured" in visitor.get(f"/bookings/{moved.pk}/").content.decode()


@pytest.mark.parametrize("state", [State.FAILED, State.UNREACHED])
def test_page_names_the_number_to_call(moved: Booking, visitor: Client, state: State) -> None:
    only().end(state, Problem.BOUNCED)

    html = visitor.get(f"/bookings/{moved.pk}/").content.decode()
    asked = visitor.post(f"/bookings/{moved.pk}/contact/").content.decode()

    assert ("does not work" in html, "Show the number to call" in html, 'value="again"' in html) == (True, True, True)
    assert ("901820" in html, "Call +4930901820" in asked) == (False, True)


def test_page_of_somebody_without_address_names_the_number_before_any_worker_has(
    station: Station, visitor: Client
) -> None:
    made = booking(station, customer=Contact("Ana García", "", "+4930901820"))
    services.reschedule(made.pk, to=LATER, by=roles.OPERATOR)

    html = visitor.get(f"/bookings/{made.pk}/").content.decode()

    assert ("The customer has no email address." in html, "Show the number to call" in html) == (True, True)
    assert ('value="now"' in html, 'value="withhold"' in html) == (False, True)


@pytest.mark.parametrize("bounced", [False, True])
@pytest.mark.parametrize("kind", [Kind.MADE, Kind.CONFIRMED, Kind.MOVED, Kind.CANCELLED])
def test_page_asks_for_a_call_where_the_worker_will(
    station: Station, staff: User, deliver: Deliver, kind: Kind, bounced: bool
) -> None:
    """Nobody was promised the first mail by an address that was never given."""
    made = booking(station, customer=Contact("Ana García", "ana@example.com" if bounced else "", "+4930901820"))
    Customer.objects.update(email_bounced=bounced)
    known = BookingSnapshot.of(made)
    told = {
        Kind.MADE: (None, {}),
        Kind.CONFIRMED: (replace(known, phase=Phase.PENDING), {}),
        Kind.MOVED: (replace(known, slots=2), {}),
        Kind.CANCELLED: (known, {"status": Status.CANCELLED}),
    }
    knows, now = told[kind]
    Booking.objects.update(**now)
    Mail.objects.create(
        booking=made, station=station, kind=kind, known=knows and knows.as_json(), due_at=timezone.now()
    )
    made = Booking.objects.select_related("station", "customer").get()

    [before] = display.describe_all(made, staff, timezone.now())
    deliver()
    after = display.describe_all(made, staff, timezone.now())

    assert [one.call for one in after] == ([True] if before.call else [])
    assert before.call == (bounced or kind in (Kind.MOVED, Kind.CANCELLED))
    assert [*before.choices] == (["withhold"] if before.call else [])


def test_page_asks_for_no_call_about_what_is_over_nor_for_a_reminder(moved: Booking, staff: User) -> None:
    only().end(State.FAILED, Problem.REFUSED)
    Mail.objects.create(
        booking=moved, station=moved.station, kind=Kind.REMINDER, reminds_of=moved.starts_at, due_at=timezone.now()
    ).end(State.FAILED, Problem.REFUSED)

    def calls(now: datetime) -> dict[str, bool]:
        return {one.mail.kind: one.call for one in display.describe_all(moved, staff, now)}

    assert calls(timezone.now()) == {Kind.REMINDER: False, Kind.MOVED: True}
    assert calls(moved.ends_at) == {Kind.REMINDER: False, Kind.MOVED: False}


def test_page_shows_a_viewer_no_contact_and_no_choice(moved: Booking, station: Station, client: Client) -> None:
    only().end(State.FAILED, Problem.REFUSED)
    client.force_login(person(roles.VIEWERS, station))

    html = client.get(f"/bookings/{moved.pk}/").content.decode()

    assert ("rejected the email" in html, "+4930901820" in html, 'value="again"' in html) == (True, False, False)


@pytest.mark.parametrize(("do", "state"), [("now", State.WAITING), ("withhold", State.WITHHELD)])
def test_button_chooses(moved: Booking, visitor: Client, do: str, state: State) -> None:
    address = f"/bookings/{moved.pk}/mails/{only().pk}/"

    answer = visitor.post(address, {"do": do})

    assert answer.headers["Location"] == f"/bookings/{moved.pk}/"
    assert (only().state, only().due_at <= timezone.now()) == (state, do == "now")


def test_button_that_comes_too_late_says_so(moved: Booking, visitor: Client) -> None:
    Mail.objects.update(state=State.SENT)

    html = visitor.post(f"/bookings/{moved.pk}/mails/{only().pk}/", {"do": "now"}, follow=True).content.decode()

    assert "This email has changed in the meantime." in html


def test_mail_can_be_read_before_it_goes_and_as_it_went(
    moved: Booking, visitor: Client, staff: User, deliver: Deliver
) -> None:
    address = f"/bookings/{moved.pk}/mails/{only().pk}/"

    before = visitor.get(address).content.decode()
    mail_choices.send_now(only().pk, by=staff)
    deliver()
    services.reschedule(moved.pk, to=LATER, by=staff)
    after = visitor.get(address).content.decode()

    for html in (before, after):
        assert "Hello Ana García," in html
        assert "Your booking has been moved from Friday 7 March 2031, 18:00" in html


def test_mail_that_is_read_is_escaped(station: Station, visitor: Client) -> None:
    hostile = "<script>alert(1)</script>"
    made = booking(station, customer=Contact(hostile, "x@example.com"), special_requests=hostile)
    outbox.queue_created([made])

    html = visitor.get(f"/bookings/{made.pk}/mails/{only().pk}/").content.decode()

    assert (html.count("<script>alert"), html.count("&lt;script&gt;alert")) == (0, 2)
