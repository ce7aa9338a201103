"""What strangers wrote is not carried to others: no words of theirs in a mail, and nothing that becomes a link."""

import json
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import pytest
from django.test import Client

from accounts import roles
from accounts.auth import api_keys, authentication
from accounts.models import User
from bookings import services
from bookings.mails.untrusted_text import name_to_repeat, without_links
from bookings.models import Booking
from bookings.services import Place
from stations.models import Station
from tests.bookings.importing.commands import counts, import_file, write
from tests.bookings.mails.conftest import Deliver
from tests.bookings.mails.received_email import ReceivedEmail
from tests.bookings.mails.smtp_server import ScriptedSmtpServer
from tests.bookings.mails.test_outbox import EVENING, create
from tests.factories import SATURDAY, person

pytestmark = pytest.mark.django_db

LURE: Final = "Your parcel waits: https://evil.example/pay"
BODY: Final = {
    "station": "kitchen",
    "date": "2031-03-07",
    "slot": "18:00",
    "party_adults": 2,
    "special_requests": LURE,
    "source": LURE[:50],
    "external_ref": LURE,
    "customer": {"name": LURE, "email": "stranger@example.com"},
}


def key_of(user: User) -> str:
    rights = [roles.VIEW, roles.PII, roles.CHANGE]
    _key, text = api_keys.create(name="Shop", stations=user.stations.all(), rights=rights, expires_on=None, by=user)
    return text


def token_of(user: User) -> str:
    return str(authentication.issue_tokens(user)["access"])


def book(bearer: str, **fields: Any) -> UUID:
    answer = Client().post(
        "/api/bookings/",
        json.dumps(BODY | fields),
        content_type="application/json",
        headers={"Authorization": f"Bearer {bearer}"},
    )
    assert answer.status_code == 201, answer.content
    return UUID(answer.json()["data"]["booking_id"])


def everything_in(mail: ReceivedEmail) -> str:
    """All that its reader can see or be shown, and its headers."""
    files = "".join(file.decode().replace("\r\n ", "") for file in mail.calendars)
    return "\n".join([mail.text, mail.html, files, *(mail.decoded(name) for name in mail.message.keys())])  # noqa: SIM118


@pytest.mark.parametrize("bearer", [key_of, token_of], ids=["key", "token"])
def test_mail_of_a_booking_from_outside_carries_none_of_its_callers_words(
    station: Station, mail_server: ScriptedSmtpServer, deliver: Deliver, bearer: Any
) -> None:
    made = book(bearer(person(roles.INTEGRATORS, station)))
    deliver()
    services.reschedule(made, to=Place(SATURDAY, EVENING[1]), by=roles.OPERATOR)
    deliver(timedelta(hours=1))

    first, moved = mail_server.received
    for mail in (first, moved):
        assert mail.recipients == ("stranger@example.com",)
        assert [word for word in ("evil", "parcel", "wishes") if word in everything_in(mail)] == []
        assert mail.text.startswith("Hello,\n")
        assert mail.mailboxes("To") == [("", "stranger@example.com")]


def test_requests_that_the_api_writes_into_staffs_booking_are_not_repeated(
    station: Station, mail_server: ScriptedSmtpServer, deliver: Deliver
) -> None:
    made, bearer = create(station, special_requests="By the window"), key_of(person(roles.INTEGRATORS, station))
    Client().patch(
        f"/api/bookings/{made.pk}/",
        json.dumps({"special_requests": LURE}),
        content_type="application/json",
        headers={"Authorization": f"Bearer {bearer}"},
    )
    deliver()

    assert Booking.objects.get(pk=made.pk).special_requests == LURE
    assert "evil" not in everything_in(mail_server.received[0])


def test_requests_that_came_from_outside_are_repeated_once_staff_have_written_them(
    station: Station, staff: User, client: Client, mail_server: ScriptedSmtpServer, deliver: Deliver
) -> None:
    made = Booking.objects.get(pk=book(key_of(person(roles.INTEGRATORS, station)), special_requests="Nuts"))
    client.force_login(staff)
    client.post(f"/bookings/{made.pk}/edit/", {**form_of(made), "special_requests": "No nuts"})
    deliver()

    assert Booking.objects.get(pk=made.pk).special_requests == "No nuts"
    assert "Your special requests: No nuts" in mail_server.received[0].text


def form_of(made: Booking) -> dict[str, Any]:
    names = ("version", "party_adults", "party_kids", "slots", "source", "external_ref")
    return {name: getattr(made, name) for name in names}


def test_other_edits_of_staffs_leave_requests_from_outside_unsaid(
    station: Station, staff: User, client: Client, mail_server: ScriptedSmtpServer, deliver: Deliver
) -> None:
    made = Booking.objects.get(pk=book(key_of(person(roles.INTEGRATORS, station)), special_requests="Nuts"))
    client.force_login(staff)
    client.post(f"/bookings/{made.pk}/edit/", {**form_of(made), "special_requests": "Nuts", "party_adults": 5})
    deliver()

    assert Booking.objects.get(pk=made.pk).party_adults == 5
    assert "Nuts" not in everything_in(mail_server.received[0])


def test_imported_requests_are_not_repeated(
    station: Station, mail_server: ScriptedSmtpServer, deliver: Deliver, tmp_path: Any
) -> None:
    header = "station,date,slot,customer_name,customer_email,special_requests"
    rows = write(tmp_path / "rows.csv", f"{header}\nkitchen,2031-03-07,18:00,Ana,ana@example.com,{LURE}\n")

    assert import_file(rows, "--notify").summary == counts(created=1)
    deliver()

    assert "parcel" not in everything_in(mail_server.received[0])
    assert mail_server.received[0].text.startswith("Hello Ana,\n")


def test_links_in_what_staff_wrote_are_taken_out(
    station: Station, mail_server: ScriptedSmtpServer, deliver: Deliver
) -> None:
    create(station, special_requests="Cake as on www.evil.example/cake, please")
    deliver()

    mail = mail_server.received[0]
    assert "Your special requests: Cake as on (link removed) please" in mail.text
    assert "evil" not in everything_in(mail)


LINKS: Final = [
    "https://evil.example/x?y=1", "HTTP://1.2.3.4/", "ftp://x", "javascript://x", "www.evil", "WWW.evil.example",
    "evil.com", "EVIL.COM", "EVIL.DE", "a.b.evil.co.uk", "evil.de", "bit.ly/abc", "evil.anything/abc",
    "evil.com:8080", "evil.com?x", "ana@evil.com", "münchen.de", "xn--mnchen-3ya.de", "evil。com", "evil.xn--p1ai",
    "evil.example",
]  # fmt: skip


@pytest.mark.looks
@pytest.mark.parametrize("link", LINKS)
def test_whatever_a_mail_program_makes_a_link_of_is_taken_out(link: str) -> None:
    assert (without_links(f"See {link}"), name_to_repeat(f"Ana {link}")) == ("See (link removed)", "")


@pytest.mark.looks
@pytest.mark.parametrize(
    "text",
    [
        "Ana García", "Dr. Müller", "Dr.med. Müller", "J. R. R. Tolkien", "St.Pierre", "O'Neil e.V.", "Table 12. Window!",
        "At 18.30, 1.5 litres", "and/or", "a.m.", "z.B. Nüsse", "Anne-Marie & Bo", "No nuts.No figs",
        "Muster GmbH & Co.KG", "Room 2023", "Room 202312", "José", "a" * 80,
    ],
)  # fmt: skip
def test_ordinary_words_stay(text: str) -> None:
    assert (without_links(text), name_to_repeat(text)) == (text, text)


@pytest.mark.looks
@pytest.mark.parametrize("name", ["Call 0900 1234567", "+49 30 23125987", "Call 2023125", "a" * 81])
def test_name_that_is_more_than_a_name_is_not_repeated(name: str) -> None:
    assert name_to_repeat(name) == ""


def test_preview_and_pages_show_requests_as_they_were_written(station: Station, staff: User, client: Client) -> None:
    """Staff read all of it; only mails leave it out."""
    made = book(key_of(person(roles.INTEGRATORS, station)))
    client.force_login(staff)

    page = client.get(f"/bookings/{made}/").content.decode()

    assert "Your parcel waits: https://evil.example/pay" in page
    assert 'href="https://evil' not in page
