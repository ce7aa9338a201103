"""Customers in the admin: found and mended, with what is known of how their mails reach them."""

import re

import pytest
from django.test import Client

from accounts import customers, roles
from accounts.customers import Contact
from accounts.models import AuditEntry, Customer, User
from stations.models import Station
from tests.bookings.admin.conftest import SignIn
from tests.factories import booking, customer, open_station


def test_list_and_search_find_the_managers_customers_only(admin: Client, station: Station) -> None:
    customer(station, "Ana García", "ana@example.com", "+49 30 901820")
    customer(open_station(), "Ana Other", "ana.other@example.com", "+49 30 901821")

    shown = admin.get("/admin/accounts/customer/").content.decode()

    assert "Ana García" in shown
    assert "Ana Other" not in shown
    found = {
        q: admin.get("/admin/accounts/customer/", {"q": q}).content.decode() for q in ("garc", "1820", "other", "1821")
    }
    assert {q: "1 customer" in page for q, page in found.items()} == {
        "garc": True,
        "1820": True,
        "other": False,
        "1821": False,
    }


def test_change_goes_through_the_service_once(admin: Client, station: Station, manager: User) -> None:
    known = customer(station)

    answer = admin.post(
        f"/admin/accounts/customer/{known.pk}/change/",
        {"name": "Ana Maria", "email": "ana@example.com", "phone": "030 901820", "notes": "Allergic\nto nuts"},
    )

    assert answer.status_code == 302
    known.refresh_from_db()
    assert (known.name, known.phone, known.notes) == ("Ana Maria", "+4930901820", "Allergic\nto nuts")
    entry = AuditEntry.objects.filter(object_pk=known.pk, action=AuditEntry.Action.UPDATE).get()
    assert (entry.actor, entry.channel) == (manager, "admin")
    assert "Maria" not in str(entry.changes)


def test_language_of_mails_is_chosen(admin: Client, station: Station) -> None:
    known = customer(station)
    page = f"/admin/accounts/customer/{known.pk}/change/"

    admin.post(page, {"name": "Ana García", "email": "ana@example.com", "language": "de"})
    refused = admin.post(page, {"name": "Ana García", "email": "ana@example.com", "language": "xx"})

    known.refresh_from_db()
    assert (known.language, refused.status_code) == ("de", 200)
    entry = AuditEntry.objects.filter(object_pk=known.pk, action=AuditEntry.Action.UPDATE).get()
    assert list(entry.changes) == ["language"]


def field(shown: str, name: str) -> tuple[str, str]:
    """A field of a page that is only read: its label and its value, an icon by what it stands for."""
    [row] = re.findall(rf'<div class="form-row field-{name}">(.*?)</div>\s*</div>\s*</div>', shown, re.DOTALL)
    words = re.sub(r'<img[^>]* alt="(\w+)">', r"\1", row)
    label, _colon, value = re.sub(r"<[^>]+>", "", words).partition(":")
    return " ".join(label.split()), " ".join(value.split())


def test_email_status_says_in_words_whether_emails_arrive(admin: Client, station: Station) -> None:
    works, bounced = customer(station), customer(station, "Bo Li", "bo@example.com")
    without = customer(station, "Cy Roe", "", "+49 30 901820")
    customers.mark_bounced(bounced, "bo@example.com")

    pages = [
        admin.get(f"/admin/accounts/customer/{one.pk}/change/").content.decode() for one in (works, bounced, without)
    ]

    assert [field(page, "email_status") for page in pages] == [
        ("Email status", "OK"),
        ("Email status", "bounced: emails to this address come back"),
        ("Email status", "–"),
    ]


def test_address_that_does_not_work_is_found_by_the_words_of_its_filter(admin: Client, station: Station) -> None:
    known = customer(station)
    customer(station, "Bo Li", "bo@example.com")
    customers.mark_bounced(known, "ana@example.com")

    shown = admin.get("/admin/accounts/customer/").content.decode()
    found = admin.get("/admin/accounts/customer/?email_bounced__exact=1").content.decode().partition("<tbody>")[2]

    assert re.findall(r'href="\?email_bounced__exact=(\d)">\s*(.*?)</a>', shown) == [("1", "bounced"), ("0", "OK")]
    assert "By email status" in shown
    assert [name in found for name in ("Ana García", "Bo Li")] == [True, False]


def test_contact_that_an_import_kept_as_written_is_marked_and_found(admin: Client, station: Station) -> None:
    [known] = customers.find_or_create(station, [Contact("Ana García", "n/a", "ask at the door")], strict=False)
    customer(station, "Bo Li", "bo@example.com")

    shown = admin.get(f"/admin/accounts/customer/{known.pk}/change/").content.decode()
    found = [
        admin.get(f"/admin/accounts/customer/?{name}__exact=0").content.decode().partition("<tbody>")[2]
        for name in ("email_is_valid", "phone_is_valid")
    ]

    marks = [
        shown.partition(f"field-{name}")[2].partition("form-row")[0] for name in ("email_is_valid", "phone_is_valid")
    ]
    assert ['alt="False"' in mark for mark in marks] == [True, True]
    assert [("Ana García" in page, "Bo Li" in page) for page in found] == [(True, False), (True, False)]


def test_bad_email_does_not_stand_in_the_way_of_other_changes(admin: Client, station: Station) -> None:
    [known] = customers.find_or_create(station, [Contact("Ana García", "n/a")], strict=False)
    address = f"/admin/accounts/customer/{known.pk}/change/"

    taken = admin.post(address, {"name": "Ana Garcia", "email": "n/a"})
    refused = admin.post(address, {"name": "Ana Garcia", "email": "none"})

    known.refresh_from_db()
    assert (taken.status_code, refused.status_code, known.name, known.email) == (302, 200, "Ana Garcia", "n/a")


@pytest.mark.parametrize(
    ("words", "bounced"),
    [
        ({"email": "ana.garcia@example.com"}, False),
        ({"email": "ana@example.com", "phone": "+49 30 901820"}, True),
        ({"email": "ana@example.com", "email_bounced": ""}, True),
    ],
)
def test_mark_goes_with_a_new_address_and_with_nothing_else(
    admin: Client, station: Station, words: dict[str, str], bounced: bool
) -> None:
    known = customer(station)
    customers.mark_bounced(known, "ana@example.com")

    admin.post(f"/admin/accounts/customer/{known.pk}/change/", {"name": "Ana García", **words})

    known.refresh_from_db()
    assert (known.email, known.email_bounced) == (words["email"], bounced)


def test_change_to_no_telephone_number_is_a_form_error(admin: Client, station: Station) -> None:
    known = customer(station)

    answer = admin.post(f"/admin/accounts/customer/{known.pk}/change/", {"name": "Ana", "phone": "12"})

    assert answer.status_code == 200
    assert "phone number" in answer.content.decode()
    assert Customer.objects.get(pk=known.pk).name == "Ana García"


def test_customers_of_others_are_not_there(admin: Client) -> None:
    theirs = customer(open_station())

    answer = admin.post(f"/admin/accounts/customer/{theirs.pk}/change/", {"name": "Taken"})

    assert answer.status_code == 404
    assert Customer.objects.get(pk=theirs.pk).name == "Ana García"


def test_somebody_without_the_right_to_personal_data_sees_initials_and_no_more(
    admin_with: SignIn, station: Station
) -> None:
    blind = admin_with(roles.VIEW)
    made = booking(
        station, customer=Contact("Ana García", "ana@example.com", "+49 30 901820"), special_requests="Nuts!"
    )
    assert made.customer is not None
    known = made.customer

    pages = [
        blind.get(address).content.decode()
        for address in (
            "/admin/accounts/customer/",
            "/admin/accounts/customer/?q=garc",
            f"/admin/accounts/customer/{known.pk}/change/",
            "/admin/bookings/booking/",
            "/admin/bookings/booking/?q=garc",
            f"/admin/bookings/booking/{made.pk}/change/",
            "/admin/accounts/auditentry/",
        )
    ]

    assert [word for word in ("García", "ana@example.com", "901820", "Nuts!") for page in pages if word in page] == []
    assert "A. G." in pages[0]
    assert "A. G." in pages[3]


def test_index_names_no_library(admin: Client) -> None:
    shown = admin.get("/admin/").content.decode()

    assert [word for word in ("Blacklisted", "Outstanding", "Log entries", "auditlog") if word in shown] == []
