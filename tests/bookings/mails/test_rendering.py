"""What an email says: what has happened, and what its reader can do about it."""

from datetime import time
from typing import Any

import pytest
from django.utils import translation

from accounts import roles
from accounts.customers import Contact
from bookings import services
from bookings.mails import rendering
from bookings.mails.rendering import EmailContent
from bookings.models import Booking
from bookings.models.mail_state import BookingSnapshot, Kind
from bookings.models.status import Status
from stations.models import Station
from tests.factories import FRIDAY, SATURDAY, booking, open_station

pytestmark = [pytest.mark.django_db, pytest.mark.looks]

ANA = Contact("Ana García", "ana@example.com")


def rendered(made: Booking, kind: Kind, known: BookingSnapshot | None = None) -> EmailContent:
    return rendering.render(Booking.objects.select_related("station", "customer").get(pk=made.pk), kind, known)


def test_mail_of_a_new_booking_is_all_that_a_customer_needs(station: Station) -> None:
    Station.objects.update(
        address="Main Street 1\n10115 Berlin", phone="+49 30 901820", mail_signature="Ana & Bo\nKitchen"
    )
    made = booking(station, customer=ANA, party_adults=2, party_kids=1, special_requests="By the <window>")

    content = rendered(made, Kind.MADE)

    assert content.subject == "Your booking at Kitchen: Friday 7 March 2031, 18:00"
    assert content.text.split("\n") == [
        "Hello Ana García,",
        "",
        "Your booking is confirmed. We look forward to seeing you.",
        "",
        "When: Friday 7 March 2031, 18:00 to 19:00 (time in Berlin)",
        "Where: Kitchen, Main Street 1, 10115 Berlin",
        "Guests: 2 adults, 1 child",
        "Your special requests: By the <window>",
        "",
        "If you cannot come, please let us know. Please call +49 30 901820.",
        "",
        "Ana & Bo",
        "Kitchen",
        "",
    ]
    assert [
        part in content.html for part in ('<div lang="en">', "By the &lt;window&gt;", "Ana &amp; Bo<br>Kitchen")
    ] == [
        True,
        True,
        True,
    ]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        (
            {"email": "kitchen@example.com", "phone": "+49 30 901820"},
            "Just reply to this email, or call +49 30 901820.",
        ),
        ({"mail_reply_to": "kitchen@example.com"}, "Just reply to this email."),
        ({"mail_from": "kitchen@example.com"}, "Just reply to this email."),
        ({"phone": "+49 30 901820"}, "Please call +49 30 901820."),
        ({}, ""),
    ],
)
def test_mail_names_the_ways_to_answer_that_there_are(station: Station, fields: dict[str, Any], sentence: str) -> None:
    Station.objects.update(**fields)

    asked = rendered(booking(station, customer=ANA), Kind.REMINDER).text.split("\n\n")[-2]

    assert asked == f"If you cannot come, please let us know. {sentence}".strip()


def test_mail_of_a_longer_stay_says_that_its_end_moved(station: Station) -> None:
    made = booking(station, customer=ANA)
    known = BookingSnapshot.of(made)
    services.edit(made.pk, {"slots": 2}, by=roles.OPERATOR)

    content = rendered(made, Kind.MOVED, known)

    assert content.subject == "Your booking at Kitchen has changed: Friday 7 March 2031, 18:00 to 20:00"
    assert "It starts at the same time and now ends at 20:00." in content.text


@pytest.mark.parametrize(
    ("language", "when"),
    [
        ("en", "When: Friday 7 March 2031, 22:00 to Saturday 8 March 2031, 01:00 (time in Berlin)"),
        ("es", "Cuándo: viernes 7 de marzo de 2031, de 22:00 a 1:00 del sábado 8 de marzo de 2031 (hora de Berlín)"),
        ("de", "Wann: Freitag 7. März 2031, 22:00 bis Samstag 8. März 2031, 01:00 (Ortszeit Berlin)"),
    ],
)
def test_mail_names_the_day_of_an_end_past_midnight(db: None, language: str, when: str) -> None:
    made = booking(open_station(hours=[22], minutes=180, language=language), slot=time(22), customer=ANA)

    assert rendered(made, Kind.MADE).text.split("\n")[4] == when


def test_mail_of_a_longer_stay_past_midnight_names_the_day_of_its_end(db: None) -> None:
    made = booking(open_station(hours=[21, 23], minutes=120, name="Bar"), slot=time(21), customer=ANA)
    known = BookingSnapshot.of(made)
    services.edit(made.pk, {"slots": 2}, by=roles.OPERATOR)

    content = rendered(made, Kind.MOVED, known)

    assert (
        content.subject == "Your booking at Bar has changed: Friday 7 March 2031, 21:00 to Saturday 8 March 2031, 01:00"
    )
    assert content.text.split("\n\n")[1] == (
        "Your booking has changed. It starts at the same time and now ends on Saturday 8 March 2031, 01:00."
    )


def test_mail_of_a_move_to_another_station_names_both(station: Station) -> None:
    court = open_station(code="court", name="Court")
    made = booking(station, customer=ANA)
    known = BookingSnapshot.of(made)
    services.reschedule(made.pk, to=services.Place(SATURDAY, made.slot, "court"), by=roles.OPERATOR)

    assert (
        "moved from Kitchen, Friday 7 March 2031, 18:00, to Court, Saturday 8 March 2031, 18:00."
        in rendered(made, Kind.MOVED, known).text
    )
    assert court.name in rendered(made, Kind.MOVED, known).subject


def test_mail_of_a_cancellation_names_the_place_that_the_customer_knows(station: Station) -> None:
    """Moved and cancelled before anybody was told of the move."""
    open_station(code="court", name="Court")
    made = booking(station, customer=ANA)
    known = BookingSnapshot.of(made)
    services.reschedule(made.pk, to=services.Place(SATURDAY, made.slot, "court"), by=roles.OPERATOR)
    services.change_status(made.pk, Status.CANCELLED, by=roles.OPERATOR)

    content = rendered(made, Kind.CANCELLED, known)

    assert content.subject == "Your booking at Kitchen is cancelled: Friday 7 March 2031, 18:00"
    assert content.text.split("\n\n")[1] == "Your booking at Kitchen on Friday 7 March 2031, 18:00, has been cancelled."


@pytest.mark.parametrize("status", [Status.PENDING, Status.CONFIRMED])
@pytest.mark.parametrize("kind", [Kind.MADE, Kind.MOVED])
def test_mail_says_of_a_request_that_it_is_not_confirmed(station: Station, status: Status, kind: Kind) -> None:
    made = booking(station, SATURDAY, customer=ANA, status=status)
    known = BookingSnapshot.of(booking(station, FRIDAY, customer=ANA))

    assert ("It is not confirmed yet" in rendered(made, kind, known).text) == (status == Status.PENDING)


@pytest.mark.parametrize(
    ("language", "greeting", "when"),
    [
        ("en", "Hello Ana García,", "When: Friday 7 March 2031, 18:00 to 19:00 (time in Berlin)"),
        ("es", "Hola, Ana García:", "Cuándo: viernes 7 de marzo de 2031, de 18:00 a 19:00 (hora de Berlín)"),
        ("de", "Guten Tag Ana García,", "Wann: Freitag 7. März 2031, 18:00 bis 19:00 (Ortszeit Berlin)"),
    ],
)
def test_mail_speaks_the_customers_language_whoever_asks(
    station: Station, language: str, greeting: str, when: str
) -> None:
    made = booking(station, customer=ANA)
    assert made.customer
    made.customer.language = language
    made.customer.save()

    with translation.override("es"):
        text = rendered(made, Kind.MADE).text

    assert (text.split("\n")[0], text.split("\n")[4]) == (greeting, when)


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("language", ["es", "de"])
def test_mail_has_no_english_left_in_another_language(station: Station, kind: Kind, language: str) -> None:
    Station.objects.update(language=language, email="kitchen@example.com", phone="+49 30 901820")
    made = booking(station, customer=ANA, special_requests="Nuts")

    content = rendered(made, kind, BookingSnapshot.of(made))

    english = ("your", "booking", "please", "where", "when", " at ", "party", "hello", "call")
    assert [word for word in english if word in f"{content.subject} {content.text}".lower()] == []
