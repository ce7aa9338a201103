"""Different spellings of a phone number or an email identify the same customer, by every interface."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.core.management import call_command

from accounts.customers import Contact
from accounts.customers.blind_index import EMAIL, PHONE, Key, digests
from accounts.customers.normalization import clean_email, e164, normalize_email
from accounts.models import BlindIndex, Customer
from core.invisible_characters import without_invisible
from stations.models import Station
from tests.booking_channels import BookingChannels
from tests.factories import customer, open_station, store

NUMBER = "+12025550143"
PHONES = [
    "\u202a+1 (202) 555\u20110143\u202c",
    "+1 202\u2012555\u20120143",
    "\u200b+12025550143",
    "+1\u00a0202\u2009555\u202f0143",
    "tel:+1-202-555-0143",
    "TEL:%2B1%20202%20555%200143",
    "tel://+12025550143",
    "\u2066+1\u2212202\u2212555\u22120143\u2069",
    "\ufeff＋１（２０２）５５５－０１４３",
    "+1 202·555·0143",
    "(+1) 202 555 0143",
    "+1 [202] 555\u20140143\u00ad",
]
ADDRESS = "ana@example.com"
EMAILS = [
    "ana@example.com\u200b",
    "ana@exam\u00adple.com",
    "\u200eana@example.com\u200f",
    "\ufeffana\u2060@example.com",
    "\u00a0ANA@Example.COM ",
    "ana@example.com\ufe0f",
]
TWO_FORMS = ("ana@münchen.example", "ana@xn--mnchen-3ya.example")


@pytest.mark.parametrize("phone", PHONES)
def test_phone_of_any_spelling_is_the_number(phone: str) -> None:
    assert e164(phone, "DE") == NUMBER


@pytest.mark.parametrize("email", EMAILS)
def test_email_of_any_spelling_is_the_address(email: str) -> None:
    assert (normalize_email(email), clean_email(email).lower()) == (ADDRESS, ADDRESS)


@pytest.mark.parametrize(
    ("one", "other"),
    [TWO_FORMS, ("ana@MÜNCHEN.example", TWO_FORMS[1]), ("ana@bücher。example", "ANA@XN--BCHER-KVA.EXAMPLE")],
)
def test_two_forms_of_a_domain_are_one_address(one: str, other: str) -> None:
    assert normalize_email(one) == normalize_email(other)


def test_domains_that_mail_servers_tell_apart_are_two_addresses() -> None:
    assert normalize_email("ana@straße.example") != normalize_email("ana@strasse.example")


def test_what_is_drawn_is_kept() -> None:
    assert without_invisible("Ångström सीता 山田 – ★") == "Ångström सीता 山田 – ★"


@pytest.fixture
def channels(db: None, tmp_path: Path) -> BookingChannels:
    return BookingChannels(open_station(code="kitchen", capacity=100), tmp_path)


@pytest.mark.parametrize("phone", PHONES[:5])
def test_booking_by_any_way_with_any_spelling_of_a_phone_is_for_the_same_customer(
    channels: BookingChannels, phone: str
) -> None:
    ana = customer(channels.station, "Ana García", "", NUMBER)

    assert channels.book("Ana García", "", phone) == [1, 1, 1, 1]
    assert list(Customer.objects.values_list("pk", "phone", "phone_is_valid")) == [(ana.pk, NUMBER, True)]


@pytest.mark.parametrize("email", EMAILS[:3])
def test_booking_by_any_way_with_any_spelling_of_an_email_is_for_the_same_customer(
    channels: BookingChannels, email: str
) -> None:
    assert channels.book("Ana García", email, "") == [1, 1, 1, 1]
    assert list(Customer.objects.values_list("email", flat=True)) == [ADDRESS]


def test_booking_by_any_way_with_the_other_form_of_a_domain_is_for_the_same_customer(channels: BookingChannels) -> None:
    ana = customer(channels.station, "Ana García", TWO_FORMS[0])

    assert channels.book("Ana García", TWO_FORMS[1], "") == [1, 1, 1, 1]
    assert list(Customer.objects.values_list("pk", flat=True)) == [ana.pk]


@pytest.mark.parametrize("q", [*PHONES, *EMAILS])
def test_search_takes_any_spelling(channels: BookingChannels, q: str) -> None:
    ana = customer(channels.station, "Ana García", ADDRESS, NUMBER)

    hits = channels.api.post("/api/customers/search", {"q": q}).json()["data"]
    page = channels.pages.post("/bookings/new/find/", {"q": q, "station": "kitchen"}).content.decode()
    admin = channels.admin.get("/admin/accounts/customer/", {"q": q}).content.decode()

    assert [hit["customer_id"] for hit in hits] == [str(ana.pk)]
    assert (f'data-customer="{ana.pk}"' in page, "found by" in page, "1 customer" in admin) == (True, True, True)


@pytest.mark.parametrize("stored", TWO_FORMS)
def test_search_takes_either_form_of_a_domain(channels: BookingChannels, stored: str) -> None:
    ana = customer(channels.station, "Ana García", stored)

    found = [channels.api.post("/api/customers/search", {"q": q}).json()["data"] for q in TWO_FORMS]

    assert [[hit["customer_id"] for hit in hits] for hits in found] == [[str(ana.pk)], [str(ana.pk)]]


def test_last_four_digits_are_found_with_an_invisible_mark_among_them(channels: BookingChannels) -> None:
    ana = customer(channels.station, "Ana García", "", NUMBER)

    assert [
        hit["customer_id"] for hit in channels.api.post("/api/customers/search", {"q": "01\u200b43"}).json()["data"]
    ] == [str(ana.pk)]


def test_admin_saves_a_pasted_contact_without_its_marks(channels: BookingChannels) -> None:
    ana = customer(channels.station, "Ana García", "ana.garcia@example.com")

    answer = channels.admin.post(
        f"/admin/accounts/customer/{ana.pk}/change/", {"name": "Ana García", "email": EMAILS[0], "phone": PHONES[0]}
    )

    ana.refresh_from_db()
    assert (answer.status_code, ana.email, ana.phone) == (302, ADDRESS, NUMBER)


def test_other_spelling_of_a_broken_address_stays_broken(channels: BookingChannels) -> None:
    ana = customer(channels.station, "Ana García", TWO_FORMS[0])
    Customer.objects.update(email_bounced=True)

    channels.admin.post(f"/admin/accounts/customer/{ana.pk}/change/", {"name": "Ana García", "email": TWO_FORMS[1]})

    ana.refresh_from_db()
    assert (ana.email, ana.email_bounced) == (TWO_FORMS[1], True)


def written_before(station: Station, name: str, email: str, phone: str, key: Key) -> Customer:
    """A customer as an earlier release stored and indexed them: contact as it was pasted, under a key that was made of that."""
    one = customer(station, name, "" if email else "ana.garcia@example.com")
    store(one, email=email, phone=phone, phone_is_valid=not phone)
    BlindIndex.objects.filter(
        customer=one, digest__in=digests([Key(EMAIL, "ana.garcia@example.com")], station.pk)
    ).delete()
    BlindIndex.objects.create(customer=one, station=station, digest=digests([key], station.pk)[0])
    return one


@pytest.mark.parametrize(
    ("email", "phone", "key", "q"),
    [
        ("ana@münchen.example", "", Key(EMAIL, "ana@münchen.example"), "ANA@münchen.example"),
        ("", "+1 202\u2012555\u20120143", Key(PHONE, "12025550143"), "+1 (202) 555-0143"),
    ],
)
def test_customer_of_an_earlier_release_is_found_as_before_and_in_any_spelling_once_indexed(
    channels: BookingChannels, email: str, phone: str, key: Key, q: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ana = written_before(channels.station, "Ana García", email, phone, key)
    assert [hit["customer_id"] for hit in channels.api.post("/api/customers/search", {"q": q}).json()["data"]] == [
        str(ana.pk)
    ]
    assert channels.by_api("Ana García", email, phone) == 1

    call_command("index_customers")
    call_command("index_customers")

    assert capsys.readouterr().out == "kitchen: 1 reindexed.\n1 reindexed.\nkitchen: 0 reindexed.\n0 reindexed.\n"
    other = (TWO_FORMS[1], "") if email else ("", PHONES[0])
    assert channels.by_api("Ana García", *other) == 1
    assert list(Customer.objects.values_list("pk", flat=True)) == [ana.pk]


def test_reindexing_leaves_the_erased_unindexed(channels: BookingChannels) -> None:
    ana = customer(channels.station)
    BlindIndex.objects.all().delete()
    store(ana, name="", email="", erased_at=datetime(2031, 1, 1, tzinfo=UTC))

    call_command("index_customers")

    assert not BlindIndex.objects.exists()
    assert Contact("").given is False
