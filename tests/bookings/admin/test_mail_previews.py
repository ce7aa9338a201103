"""What customers are sent, shown with a customer and a booking that never were."""

import re
from html import unescape
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts import roles
from accounts.customers import Contact
from accounts.models import Customer, User
from bookings.models import Booking, Mail
from stations.models import Station
from tests.bookings.admin.conftest import SignIn
from tests.factories import booking, open_station, person

pytestmark = pytest.mark.looks

PREVIEW = "/admin/bookings/mail/preview/"


def preview(admin: Client, **query: Any) -> str:
    return admin.get(PREVIEW, {"station": "kitchen", **query}).content.decode()


def counts() -> list[int]:
    return [model.objects.count() for model in (Booking, Customer, Mail)]


@pytest.mark.parametrize(
    ("language", "subjects"),
    [
        ("en", ["Your booking at Kitchen: ", "Your request at Kitchen: ", "Your booking at Kitchen is confirmed: ",
                "Your booking at Kitchen has been moved: ", "Your booking at Kitchen is cancelled: ",
                "See you soon at Kitchen: "]),
        ("es", ["Su reserva en Kitchen: ", "Su solicitud en Kitchen: ", "Su reserva en Kitchen está confirmada: ",
                "Su reserva en Kitchen ha cambiado: ", "Su reserva en Kitchen está cancelada: ",
                "Hasta pronto en Kitchen: "]),
        ("de", ["Ihre Buchung bei Kitchen: ", "Ihre Anfrage bei Kitchen: ", "Ihre Buchung bei Kitchen ist bestätigt: ",
                "Ihre Buchung bei Kitchen wurde verschoben: ", "Ihre Buchung bei Kitchen ist storniert: ",
                "Bis bald bei Kitchen: "]),
    ],
)  # fmt: skip
def test_preview_shows_every_kind_in_the_language(
    admin: Client, station: Station, language: str, subjects: list[str]
) -> None:
    shown = preview(admin, language=language)

    assert [shown.count(f"<strong>{subject}") for subject in subjects] == [1] * 6
    assert [shown.count(f'<div lang="{language}">'), shown.count('class="as-text"')] == [6, 6]


def test_preview_speaks_the_stations_language_unless_another_is_chosen(admin: Client, station: Station) -> None:
    Station.objects.update(language="de")

    assert ["Guten Tag Alex Sample," in preview(admin, language=said) for said in ("", "xx", "es")] == [
        True,
        True,
        False,
    ]


def headers(shown: str) -> list[dict[str, str]]:
    """What stands above each mail: the names and their values, whole."""
    letters = re.findall(r"<dl>(.*?)</dl>", shown, re.DOTALL)
    pairs = [re.findall(r"<dt>(.*?)</dt>\s*<dd[^>]*>(.*?)</dd>", letter, re.DOTALL) for letter in letters]
    return [{name: unescape(re.sub(r"<[^>]+>", "", value)) for name, value in one} for one in pairs]


def addresses(shown: str) -> list[dict[str, str]]:
    """Of every mail, without its subject."""
    return [{name: value for name, value in one.items() if name != "Subject"} for one in headers(shown)]


def test_preview_has_the_installations_sender_for_a_station_without_one(
    admin: Client, station: Station, settings: LazySettings
) -> None:
    settings.MAIL_FROM = "all@example.com"

    shown = preview(admin)

    assert (
        addresses(shown)
        == [{"Sender": "Kitchen <all@example.com>", "Recipient": "Alex Sample <alex.sample@example.com>"}] * 6
    )


def test_preview_has_the_stations_own_sender_answers_and_signature(admin: Client, station: Station) -> None:
    Station.objects.update(
        name="Küche, am Markt",
        mail_from="kitchen@example.com",
        mail_reply_to="desk@example.com",
        mail_signature="Ana & Bo\nAt your service",
    )

    shown = preview(admin)

    assert (
        addresses(shown)
        == [
            {
                "Sender": '"Küche, am Markt" <kitchen@example.com>',
                "Recipient": "Alex Sample <alex.sample@example.com>",
                "Reply-To": '"Küche, am Markt" <desk@example.com>',
            }
        ]
        * 6
    )
    assert shown.count("Ana &amp; Bo<br>At your service") == 6


def test_preview_writes_nothing_and_asks_for_nobody_real(admin: Client, station: Station) -> None:
    booking(station, customer=Contact("Ana García", "ana@example.com"))
    preview(admin)  # whose session notes now and then that it is used
    before = counts()

    with CaptureQueriesContext(connection) as asked:
        shown = preview(admin)

    tables = ("accounts_customer", "bookings_booking", "bookings_mail")
    assert [query["sql"] for query in asked if any(table in query["sql"] for table in tables)] == []
    assert [query["sql"] for query in asked if not query["sql"].startswith(("SELECT", "SAVEPOINT", "RELEASE"))] == []
    assert (counts(), "García" in shown) == (before, False)


def test_preview_is_of_the_managers_stations_only(admin: Client, station: Station) -> None:
    open_station(code="elsewhere", name="Elsewhere")

    assert admin.get(PREVIEW, {"station": "elsewhere"}).status_code == 404
    assert admin.get(PREVIEW, {"station": "nowhere"}).status_code == 404
    assert "Elsewhere" not in preview(admin)


def test_preview_begins_with_the_managers_first_station(admin: Client, station: Station, manager: User) -> None:
    manager.stations.add(open_station(code="bar", name="Bar"))

    assert "Your booking at Bar: " in admin.get(PREVIEW).content.decode()


def test_preview_without_a_station_says_so(client: Client, station: Station) -> None:
    client.force_login(person(roles.MANAGERS))

    assert "You don't have a station yet." in client.get(PREVIEW).content.decode()


def test_preview_is_reached_from_the_list_and_from_the_stations_page(admin: Client, station: Station) -> None:
    pages = ("/admin/bookings/mail/", f"/admin/stations/station/{station.pk}/change/")

    shown = [admin.get(page).content.decode() for page in pages]

    assert f'href="{PREVIEW}"' in shown[0]
    assert f'href="{PREVIEW}?station=kitchen"' in shown[1]


@pytest.mark.parametrize(("rights", "status"), [((), 403), ((roles.VIEW,), 200)])
def test_preview_takes_the_right_to_see_bookings(
    admin_with: SignIn, station: Station, rights: tuple[str, ...], status: int
) -> None:
    assert admin_with(*rights).get(PREVIEW).status_code == status


def test_preview_names_an_address_that_no_mail_can_bear(admin: Client, station: Station) -> None:
    Station.objects.update(mail_from=f"kitchen@{'ü' * 60}.de")

    assert "One of the station's addresses cannot be used for emails." in preview(admin)


def test_preview_escapes_the_stations_words(admin: Client, station: Station) -> None:
    Station.objects.update(name="<script>alert(1)</script>", mail_signature="<script>alert(2)</script>")

    assert "<script>alert" not in preview(admin)


@pytest.mark.parametrize("zone", ["Pacific/Apia", "Asia/Kathmandu", "America/St_Johns", "Africa/Casablanca"])
def test_preview_tells_the_time_of_any_zone(admin: Client, station: Station, zone: str) -> None:
    Station.objects.update(time_zone=zone)

    assert ", 12:00 to 13:00 (time in " in preview(admin)
