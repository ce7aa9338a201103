"""Where the emails about a booking go, when it came with another address than its customer's own."""

from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest

from accounts import customers, roles
from accounts.customers import Contact
from accounts.models import Customer
from bookings import services
from bookings.models import Booking, ContactProposal, Mail
from bookings.models.mail_state import Kind, Problem, State
from bookings.models.status import Status
from bookings.services import Draft, Place, contact_decisions, contacts
from stations.models import Station
from tests.booking_channels import BookingChannels
from tests.bookings.mails.conftest import Deliver
from tests.bookings.mails.smtp_server import ScriptedSmtpServer
from tests.bookings.mails.test_outbox import EVENING, LATER
from tests.factories import FRIDAY, SATURDAY, booking, customer, open_station

pytestmark = pytest.mark.django_db

A_WHILE = timedelta(hours=4)
NAME, PHONE, OTHER = "Nora Silva", "+12025550143", "mallory@example.com"


@pytest.fixture
def channels(station: Station, tmp_path: Path) -> BookingChannels:
    return BookingChannels(station, tmp_path)


def recipients(mail_server: ScriptedSmtpServer) -> list[tuple[str, str]]:
    """To whom each message went, and what it was about."""
    return [(message["To"].addresses[0].addr_spec, message["Subject"].split(":")[0]) for message in mail_server.kept]


def create(station: Station, contact: Contact) -> Booking:
    draft = Draft(station.code, *EVENING, status=Status.CONFIRMED, customer=contact)
    return services.create(draft, by=roles.OPERATOR)


@pytest.mark.parametrize("way", ["by_api", "by_page", "by_admin", "by_import"])
def test_address_of_somebody_who_knows_name_and_phone_gets_no_email_about_the_customers_own_booking(
    channels: BookingChannels, mail_server: ScriptedSmtpServer, deliver: Deliver, way: str
) -> None:
    """By every way in: who gives a customer's name and phone together with an address of their own gets nothing of theirs."""
    hers = booking(channels.station, customer=Contact(NAME, "", PHONE))
    assert getattr(channels, way)(NAME, OTHER, PHONE) == 1
    deliver(A_WHILE)
    mail_server.take_out()

    moved = {"date": "2031-03-08", "slot": "19:00"}
    assert channels.api.patch(f"/api/bookings/admin/{hers.pk}", moved).status_code == 200
    deliver(A_WHILE)

    assert mail_server.kept == []
    assert list(Customer.objects.values_list("name", "email", "phone")) == [(NAME, "", PHONE)]
    mail = Mail.objects.get(booking=hers)
    assert (mail.kind, mail.state, mail.problem) == (Kind.MOVED, State.UNREACHED, Problem.NO_ADDRESS)


def test_address_that_came_with_a_booking_gets_the_emails_about_it(
    station: Station, mail_server: ScriptedSmtpServer, deliver: Deliver
) -> None:
    customer(station, NAME, "", PHONE)
    made = create(station, Contact(NAME, OTHER, PHONE))
    services.reschedule(made.pk, to=LATER, by=roles.OPERATOR)

    deliver(A_WHILE)

    assert recipients(mail_server) == [(OTHER, "Your booking at Kitchen")]
    [message] = mail_server.kept
    assert f"mailto:{OTHER}" in calendar_of(message).replace("\r\n ", "")


def calendar_of(message: EmailMessage) -> str:
    [part] = [part for part in message.walk() if part.get_content_type() == "text/calendar" and not part.get_filename()]
    return str(part.get_content())


def test_address_that_came_with_a_booking_goes_before_the_one_on_file_for_that_booking_alone(
    station: Station, mail_server: ScriptedSmtpServer, deliver: Deliver
) -> None:
    nora = customer(station, NAME, "nora@example.com", PHONE)
    create(station, Contact(NAME, "nora.new@example.com", PHONE))
    services.create(Draft(station.code, *EVENING, customer_id=nora.pk), by=roles.OPERATOR)

    deliver(A_WHILE)

    assert sorted(to for to, _subject in recipients(mail_server)) == ["nora.new@example.com", "nora@example.com"]


@pytest.mark.parametrize(
    ("on_file", "bounced", "expected"),
    [("nora@example.com", False, "nora@example.com"), ("nora@example.com", True, OTHER), ("", False, OTHER)],
)
def test_address_of_a_later_edit_is_written_to_only_where_none_on_file_works(
    station: Station, on_file: str, bounced: bool, expected: str
) -> None:
    made = booking(station, customer=Contact(NAME, on_file, PHONE))
    Customer.objects.update(email_bounced=bounced)

    services.edit(made.pk, {"customer": Contact(NAME, OTHER, PHONE)}, by=roles.OPERATOR)

    assert contacts.recipient(Booking.objects.get(pk=made.pk)).email == expected


def test_dismissed_address_gets_nothing_more(
    station: Station, mail_server: ScriptedSmtpServer, deliver: Deliver
) -> None:
    customer(station, NAME, "", PHONE)
    made = create(station, Contact(NAME, OTHER, PHONE))
    deliver()
    mail_server.take_out()

    contact_decisions.dismiss(made.pk, "email", by=roles.OPERATOR)
    services.reschedule(made.pk, to=LATER, by=roles.OPERATOR)
    deliver(A_WHILE)

    assert mail_server.kept == []


def test_address_that_staff_confirm_gets_the_emails_about_all_bookings(
    station: Station, mail_server: ScriptedSmtpServer, deliver: Deliver
) -> None:
    hers = booking(station, customer=Contact(NAME, "", PHONE))
    made = create(station, Contact(NAME, "nora@example.com", PHONE))
    deliver()
    mail_server.take_out()

    contact_decisions.use(made.pk, "email", by=roles.OPERATOR)
    services.reschedule(hers.pk, to=LATER, by=roles.OPERATOR)
    deliver(A_WHILE)

    assert [to for to, _subject in recipients(mail_server)] == ["nora@example.com"]


def test_address_that_does_not_work_is_marked_where_it_came_from(
    station: Station, mail_server: ScriptedSmtpServer, deliver: Deliver
) -> None:
    nora = customer(station, NAME, "nora@example.com", PHONE)
    made = create(station, Contact(NAME, "nora@münchen.example", PHONE))
    mail_server.answers["RCPT"] = ["550 5.1.1 Nobody here"]

    deliver()

    nora.refresh_from_db()
    assert (nora.email_bounced, ContactProposal.objects.get(booking=made).email_bounced) == (False, True)
    assert contacts.recipient(made) == contacts.Recipient("nora@münchen.example", bounced=True)


def test_address_with_letters_of_another_script_is_marked_when_it_does_not_work(
    station: Station, mail_server: ScriptedSmtpServer, deliver: Deliver
) -> None:
    nora = customer(station, NAME, "nora@münchen.example", PHONE)
    services.create(Draft(station.code, *EVENING, customer_id=nora.pk), by=roles.OPERATOR)
    mail_server.answers["RCPT"] = ["550 5.1.1 Nobody here"]

    deliver()

    nora.refresh_from_db()
    assert nora.email_bounced


def test_move_to_another_station_writes_to_the_address_that_the_booking_had(
    station: Station, mail_server: ScriptedSmtpServer, deliver: Deliver
) -> None:
    """Somebody of the same name and phone is known there under another address, which gets nothing."""
    bar = open_station(code="bar", name="Bar")
    there = customer(bar, NAME, "other@example.com", PHONE)
    made = booking(station, customer=Contact(NAME, "nora@example.com", PHONE))

    moved = services.reschedule(made.pk, to=Place(SATURDAY, LATER.slot, "bar"), by=roles.OPERATOR).booking
    deliver(A_WHILE)

    assert moved.customer == there
    assert [to for to, _subject in recipients(mail_server)] == ["nora@example.com"]
    assert customers.search(roles.OPERATOR, "nora@example.com", stations=[bar]) == []


def test_move_to_another_station_fills_in_no_address_there(station: Station) -> None:
    bar = open_station(code="bar", name="Bar")
    there = customer(bar, NAME, "", PHONE)
    made = booking(station, FRIDAY, customer=Contact(NAME, "nora@example.com", PHONE))

    services.reschedule(made.pk, to=Place(SATURDAY, LATER.slot, "bar"), by=roles.OPERATOR)

    there.refresh_from_db()
    assert there.email == ""
    assert list(ContactProposal.objects.values_list("station", "customer", "email", "phone", "email_source")) == [
        (bar.pk, there.pk, "nora@example.com", "", "moved")
    ]
