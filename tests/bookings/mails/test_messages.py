"""What a mail server is handed, octet by octet, and what every reader finds in it."""

import re
from collections.abc import Callable, Iterator
from copy import copy
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest
from django.core.exceptions import ValidationError
from django.utils import translation
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from accounts.models import Customer
from bookings.mails import rendering
from bookings.mails.untrusted_text import name_to_repeat, without_links
from bookings.models import Booking, Mail
from bookings.models.mail_state import BookingSnapshot, Kind
from bookings.models.status import Status
from core.mail.smtp import Outcome, SmtpTransport
from stations import timetable
from stations.models import Station
from tests.bookings.mails.conftest import server_settings
from tests.bookings.mails.received_email import ReceivedEmail
from tests.bookings.mails.smtp_server import ScriptedSmtpServer
from tests.bookings.mails.test_outbox import ANA
from tests.calendars import Read, by_icalendar, by_thunderbird, faults_of_form
from tests.factories import SATURDAY, booking, open_station
from tests.samples import example_count

pytestmark = [pytest.mark.django_db, pytest.mark.looks]

NOW: Final = datetime(2031, 3, 1, 9, 30, tzinfo=UTC)
EVENING: Final = time(18)
MANY: Final = settings(max_examples=example_count(60), suppress_health_check=[HealthCheck.function_scoped_fixture])

Post = Callable[..., ReceivedEmail]


@pytest.fixture
def post(station: Station, mail_server: ScriptedSmtpServer) -> Iterator[Post]:
    """`post(kind, known, customer={…}, station={…}, **fields of the booking)`: the mail of such a booking, as the mail server
    got it. Nothing of it is written to the database.
    """
    made = booking(station, customer=ANA)
    told = Booking.objects.select_related("station", "customer").get(pk=made.pk)
    with SmtpTransport(server_settings(mail_server)) as transport:

        def send(kind: Kind = Kind.MADE, known: BookingSnapshot | None = None, **fields: Any) -> ReceivedEmail:
            booked = copy(told)
            booked.station, booked.customer = copy(told.station), copy(told.customer)
            assert booked.customer
            of_customer, of_station = fields.pop("customer", {}), fields.pop("station", {})
            for thing, values in ((booked.customer, of_customer), (booked.station, of_station), (booked, fields)):
                for name, value in values.items():
                    setattr(thing, name, value)
            mail = Mail(booking=booked, kind=kind, known=known and known.as_json())
            message = rendering.build_message(mail, booked, booked.customer, now=NOW)
            assert transport.send(rendering.envelope_of(message.as_bytes().decode("ascii"))) is Outcome.SENT
            return mail_server.received[-1]

        yield send


def taken(model: Any, name: str) -> st.SearchStrategy[str]:
    """Texts that a field takes: of any characters that its validators let pass, up to its length."""
    field = model._meta.get_field(name)

    def passes(text: str) -> bool:
        try:
            field.run_validators(text)
        except ValidationError:
            return False
        return True

    telling = [*',;:"\\<>()@[]=?_.% \t\n\r🎉é漢אm', "\u2028", "\u202e", "=?utf-8?q?", "?=", "\r\n", "a" * 37, "é" * 19]
    pieces = st.one_of(st.sampled_from([one for one in telling if passes(one)]), st.characters().filter(passes), LONG)
    return st.lists(pieces, min_size=1, max_size=40).map("".join).map(lambda text: text[: field.max_length].strip())


LONG: Final = st.builds(
    lambda character, count: character * count,
    st.sampled_from(["x", "é", "🎉", "א", "a "]),
    st.sampled_from([20, 37, 38, 55, 56, 74, 75, 76, 77, 78, 79, 997, 998, 999]),
)
"""So many of one character that lines end within: those of 75 octets, and those of 78 and 998 characters."""
NAMES: Final = taken(Customer, "name").filter(bool)
TITLES: Final = taken(Station, "name").filter(bool)
WISHES: Final = taken(Booking, "special_requests")


@MANY
@example(name="Doe, John " * 7 + "x", title="Kitchen, " * 20 + "Bar")
@example(name="Doe, John " * 15 + "x", title="x" * 70 + ", <evil@example.com>")
@example(name="=?utf-8?q?evil=40example=2Ecom?=", title="=?utf-8?q?a?= b")
@example(name="x" * 70 + ", <evil@example.com>", title='"Kitchen" <evil@example.com>, x')
@example(name="a  b   c", title="é  à  b")
@example(name="🎉" * 80, title="é" * 200)
@given(name=NAMES, title=TITLES)
def test_names_come_through_in_every_header_and_bring_no_other_address(post: Post, name: str, title: str) -> None:
    mail = post(customer={"name": name}, station={"name": title, "email": "kitchen@example.com"})

    assert mail.faults() == []
    assert mail.mailboxes("To") == [(name_to_repeat(name), "ana@example.com")]
    assert mail.mailboxes("From") == [(title, "stationbook@localhost")]
    assert mail.mailboxes("Reply-To") == [(title, "kitchen@example.com")]
    assert title in mail.decoded("Subject")
    assert (mail.sender, mail.recipients) == ("stationbook@localhost", ("ana@example.com",))


def test_words_come_through_in_text_html_and_calendar_file(post: Post) -> None:
    files: list[bytes] = []
    read: list[Read] = []

    @MANY
    @example(
        name='<b>Ana</b> & "Bo" {{ name }} %(name)s %s', title="&lt;Kitchen&gt;", wishes="<script>\r\n&amp;\r.\n..\n"
    )
    @example(name="Ana", title="Kitchen", wishes="x" * 998 + "\n" + "y" * 999)
    @example(name="Ana", title="Kitchen", wishes=".\n.\n\nFrom here\n-- \n  indented\ttab \n")
    @given(name=NAMES, title=TITLES, wishes=WISHES)
    def through(name: str, title: str, wishes: str) -> None:
        signed = f"{wishes[:400]}."
        mail = post(customer={"name": name}, special_requests=wishes, station={"name": title, "mail_signature": signed})

        lines, name = re.sub(r"\r\n?", "\n", without_links(wishes)), name_to_repeat(name)
        for told in (mail.text, mail.rendered_html):
            assert [words in told for words in (name, title, lines, re.sub(r"\r\n?", "\n", signed))] == [True] * 4
        [entry] = by_icalendar(mail.calendars[0]).entries
        assert (entry.summary, entry.description) == (title, "\n".join(filter(None, ["1 adult", lines])))
        assert (mail.faults(), faults_of_form(mail.calendars[0])) == ([], [])
        files.append(mail.calendars[0])
        read.append(by_icalendar(mail.calendars[0]))

    through()

    found = by_thunderbird(files)
    assert [without_names(one) for one in found] == [without_names(one) for one in read]


def without_names(read: Read) -> list[tuple[str, ...]]:
    """Thunderbird takes a backslash before an n in a party's name for a line break: see tests/bookings/test_invitation.py."""
    return [(one.uid, one.summary, one.description, one.location, one.status) for one in read.entries]


@pytest.mark.parametrize(
    ("email", "sent_to"),
    [
        ("ana@münchen.example", "ana@xn--mnchen-3ya.example"),
        ("ana@MÜNCHEN.example", "ana@xn--mnchen-3ya.example"),
        ("ana@straße.example", "ana@xn--strae-oqa.example"),
        ("ana@例え.テスト", "ana@xn--r8jz45g.xn--zckzah"),
        ("ana@[192.0.2.7]", "ana@[192.0.2.7]"),
        ("Ana.García".replace("í", "i") + "+x'y@Example.com", "Ana.Garcia+x'y@Example.com"),
        ('"a,b"@example.com', '"a,b"@example.com'),
        ('"<ana@x>"@example.com', '"<ana@x>"@example.com'),
        (
            "a" * 64 + "@" + ".".join(["b" * 58] * 3) + ".example",
            "a" * 64 + "@" + ".".join(["b" * 58] * 3) + ".example",
        ),
    ],
)
def test_address_that_customers_may_have_is_written_as_servers_know_it(post: Post, email: str, sent_to: str) -> None:
    Customer._meta.get_field("email").run_validators(email)

    mail = post(customer={"email": email})

    assert mail.recipients == (sent_to,)
    assert mail.mailboxes("To") == [("Ana García", sent_to)]
    assert [
        read.entries[0].attendee for read in (by_icalendar(mail.calendars[0]), *by_thunderbird(mail.calendars[:1]))
    ] == [("Ana García", sent_to)] * 2
    assert mail.faults() == []


@pytest.mark.parametrize(
    "email",
    [
        "",
        "ana",
        "ana@",
        "@example.com",
        "ſana@example.com",
        "ana@example.com, bo@example.com",
        "ana@example.com\r\nBcc: bo@example.com",
        "ana@example.com>\r\nRCPT TO:<bo@example.com",
        '"ana\r\n"@example.com',
        "ana@ex\u2028ample.com",
        "ana@münchen..example",
        "ana@" + "ü" * 60 + ".example",
    ],
)
def test_what_is_no_address_is_never_sent_to(post: Post, mail_server: ScriptedSmtpServer, email: str) -> None:
    with pytest.raises(Exception):  # noqa: B017, PT011 - of the email package's many
        post(customer={"email": email})

    assert mail_server.received == []


TRICKS: Final = ["\r\nBcc: bo@example.com", "\n\nHello", "\rBcc: bo@example.com", "\x00", "\u2028Bcc: b@c.de"]


@pytest.mark.parametrize("trick", TRICKS)
def test_no_name_becomes_a_header_of_its_own(post: Post, trick: str) -> None:
    """Past the validators, too."""
    mail = post(customer={"name": f"Ana{trick}"}, station={"name": f"Kitchen{trick}"})

    assert (mail.message.keys(), mail.recipients) == (post().message.keys(), ("ana@example.com",))
    name = "" if "@" in trick else "Ana" + re.sub(r"[\r\n]+", " ", trick)
    assert mail.mailboxes("To") == [(name, "ana@example.com")]


@pytest.mark.parametrize("field", ["mail_from", "mail_reply_to", "email"])
@pytest.mark.parametrize("trick", TRICKS)
def test_no_address_of_a_station_becomes_a_header_of_its_own(
    post: Post, mail_server: ScriptedSmtpServer, field: str, trick: str
) -> None:
    with pytest.raises(Exception):  # noqa: B017, PT011 - of the email package's many
        post(station={field: f"kitchen@example.com{trick}"})

    assert mail_server.received == []


@pytest.mark.parametrize(
    ("station_s", "sender", "answers"),
    [
        ({}, "book@example.com", []),
        ({"email": "kitchen@example.com"}, "book@example.com", ["kitchen@example.com"]),
        ({"mail_from": "table@example.com"}, "table@example.com", []),
        (
            {"mail_from": "table@münchen.example", "mail_reply_to": "answers@example.com", "email": "no@example.com"},
            "table@xn--mnchen-3ya.example",
            ["answers@example.com"],
        ),
    ],
)
def test_mail_comes_from_its_station(
    post: Post, settings: Any, station_s: dict[str, str], sender: str, answers: list[str]
) -> None:
    settings.MAIL_FROM = "book@example.com"

    mail = post(station=station_s)

    assert (mail.sender, mail.mailboxes("From")) == (sender, [("Kitchen", sender)])
    assert mail.mailboxes("Reply-To") == [("Kitchen", answer) for answer in answers]
    assert by_icalendar(mail.calendars[0]).entries[0].organizer == ("Kitchen", sender)
    assert mail.message["Message-ID"].endswith(f"@{sender.rpartition('@')[2]}>")


@pytest.mark.parametrize(("signature", "signed"), [("", "Kitchen"), ("Yours,\nAna & Bo", "Yours,\nAna & Bo")])
def test_mail_is_signed(post: Post, signature: str, signed: str) -> None:
    mail = post(station={"mail_signature": signature})

    assert [told.rstrip().endswith(signed) for told in (mail.text, mail.rendered_html)] == [True, True]


@pytest.mark.parametrize(
    ("customer_s", "station_s", "language"),
    [
        ("de", "es", "de"),
        ("", "es", "es"),
        ("", "en", "en"),
        ("fr", "de", "de"),
        ("fr", "xx", "en"),
    ],
)
def test_mail_is_in_the_customers_language_else_the_stations_else_english(
    post: Post, customer_s: str, station_s: str, language: str
) -> None:
    weekday = {"de": "Freitag 7. März 2031", "es": "viernes 7 de marzo de 2031", "en": "Friday 7 March 2031"}

    with translation.override("es" if language != "es" else "de"):
        mail = post(customer={"language": customer_s}, station={"language": station_s})

    assert mail.message["Content-Language"] == language
    assert [weekday[language] in told for told in (mail.decoded("Subject"), mail.text, mail.rendered_html)] == [
        True
    ] * 3


@pytest.mark.parametrize("status", [Status.PENDING, Status.CONFIRMED, Status.CANCELLED])
@pytest.mark.parametrize("language", ["en", "es", "de"])
@pytest.mark.parametrize("kind", Kind)
def test_forms_of_a_mail_say_the_same(post: Post, station: Station, kind: Kind, language: str, status: Status) -> None:
    known = BookingSnapshot.of(booking(station, SATURDAY, customer=ANA))
    mail = post(kind, known, customer={"language": language}, special_requests="Nuts & <figs>", status=status)

    method, said = ("CANCEL", "CANCELLED") if status == Status.CANCELLED else ("REQUEST", "CONFIRMED")
    said = "TENTATIVE" if status == Status.PENDING else said
    assert [kind for kind, _part in mail.parts()] == ["text/plain", "text/html", "text/calendar", "text/calendar"]
    assert re.findall(r"\w+", mail.text) == re.findall(r"\w+", mail.rendered_html)
    assert mail.decoded("Subject").startswith(mail.decoded("Subject").strip())
    assert len(set(mail.calendars)) == 1
    found = by_icalendar(mail.calendars[0])
    assert [found] == by_thunderbird(mail.calendars[:1])
    assert (found.method, found.entries[0].status) == (method, said)
    assert [
        (part.get_param("method"), part.get_param("charset"), part.get_filename())
        for kind, part in mail.parts()
        if kind == "text/calendar"
    ] == [(method, "utf-8", None), (method, "utf-8", "booking.ics")]


EDGES: Final = [
    ("Europe/Berlin", "DE", date(2031, 3, 30), time(1), 60, "Sunday 30 March 2031, 01:00 to 03:00 (time in Berlin)"),
    ("Europe/Berlin", "DE", date(2031, 10, 26), time(1), 60, "Sunday 26 October 2031, 01:00 to 02:00 (time in Berlin)"),
    (
        "Europe/Berlin",
        "DE",
        date(2031, 10, 26),
        time(1),
        180,
        "Sunday 26 October 2031, 01:00 to 03:00 (time in Berlin)",
    ),
    (
        "America/New_York",
        "US",
        date(2031, 3, 9),
        time(1, 30),
        60,
        "Sunday March 9, 2031, 1:30 AM to 3:30 AM (time in New York)",
    ),
    (
        "America/New_York",
        "US",
        date(2031, 11, 2),
        time(0),
        180,
        "Sunday November 2, 2031, 12 AM to 2 AM (time in New York)",
    ),
    (
        "Australia/Lord_Howe",
        "AU",
        date(2031, 10, 5),
        time(1, 30),
        60,
        "Sunday 5 October 2031, 1:30 am to 3 am (time in Lord Howe Island)",
    ),
    (
        "Australia/Lord_Howe",
        "AU",
        date(2031, 4, 6),
        time(1),
        90,
        "Sunday 6 April 2031, 1 am to 2 am (time in Lord Howe Island)",
    ),
    (
        "Pacific/Auckland",
        "NZ",
        date(2031, 9, 28),
        time(1),
        60,
        "Sunday 28 September 2031, 1 am to 3 am (time in Auckland)",
    ),
    ("Pacific/Auckland", "NZ", date(2031, 4, 6), time(1), 180, "Sunday 6 April 2031, 1 am to 3 am (time in Auckland)"),
    ("Asia/Kolkata", "IN", date(2031, 3, 30), time(1), 60, "Sunday 30 March 2031, 1 am to 2 am (time in Kolkata)"),
    ("UTC", "GB", date(2031, 10, 26), time(1), 60, "Sunday 26 October 2031, 01:00 to 02:00 (time in UTC)"),
    (
        "Europe/Berlin",
        "DE",
        date(2031, 3, 7),
        time(23),
        120,
        "Friday 7 March 2031, 23:00 to Saturday 8 March 2031, 01:00 (time in Berlin)",
    ),
]


@pytest.mark.parametrize(("zone", "country", "day", "slot", "minutes", "when"), EDGES)
def test_times_are_those_of_the_station_s_clock(
    post: Post, zone: str, country: str, day: date, slot: time, minutes: int, when: str
) -> None:
    begin = timetable.instant(ZoneInfo(zone), day, slot)
    assert begin
    placed = {"date": day, "slot": slot, "starts_at": begin, "ends_at": begin + timedelta(minutes=minutes)}

    mail = post(**placed, station={"time_zone": zone, "country": country})

    assert [when in re.sub(r"\s", " ", told) for told in (mail.text, mail.rendered_html)] == [True, True]
    assert [
        (entry.starts_at, entry.ends_at)
        for read in (by_icalendar(mail.calendars[0]), *by_thunderbird(mail.calendars[:1]))
        for entry in read.entries
    ] == [(placed["starts_at"], placed["ends_at"])] * 2


def test_mail_of_a_move_from_another_station_names_the_one_left_by_its_own_clock(post: Post) -> None:
    court = open_station(code="court", name="Court", time_zone="America/New_York", country="US")
    known = BookingSnapshot.of(booking(court, SATURDAY, EVENING, customer=ANA))

    mail = post(Kind.MOVED, known)

    words = re.sub(r"\s+", " ", mail.text)
    assert ["Court, Saturday March 8, 2031, 6 PM" in words, "Friday 7 March 2031, 18:00" in words] == [True, True]
    assert "Kitchen" in mail.decoded("Subject")
