"""A customer's data, exported as JSON and as a page, for those who may; and that it was is in the trail."""

import json
from datetime import UTC, datetime, time, timedelta
from uuid import uuid4

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from accounts import customers, roles
from accounts.customers import Contact
from accounts.models import AuditEntry, User
from bookings import services
from bookings.mails import delivery, outbox
from bookings.models import Booking, Mail
from bookings.models.mail_state import State
from bookings.models.status import Status
from stations.models import Station
from tests.bookings.admin.conftest import SignIn
from tests.factories import booking, customer, open_station

ADDRESS = "/admin/accounts/customer"
NOW = datetime(2031, 3, 1, 12, tzinfo=UTC)
ANA = Contact("Ana García", "ana@example.com", "+49 30 901820")


def in_session(user: User) -> User:
    user.undo_stack = uuid4()
    return user


@pytest.fixture
def told(station: Station, manager: User) -> Booking:
    """A booking of Ana's, about which she got a mail."""
    with time_machine.travel(NOW, tick=False):
        made = booking(station, customer=ANA, special_requests="Nuts", total_due_cents=900, external_ref="A1")
        booking(station, slot=time(19), customer=Contact("Bo Li", "bo@example.com"), special_requests="Milk")
        outbox.queue_created([made])
        [letter, _message] = delivery.lease_next(timezone.now()) or []
        letter.end(State.SENT)
        customers.edit(made.customer_id, {"notes": "Allergic"}, by=manager)  # type: ignore[arg-type]
        services.edit(made.pk, {"party_kids": 1}, by=manager)
    return made


def test_export_holds_all_that_is_known_of_the_customer_and_of_nobody_else(
    client: Client, manager: User, told: Booking
) -> None:
    with time_machine.travel(NOW, tick=False):
        client.force_login(manager)
        answer = client.post(f"{ADDRESS}/{told.customer_id}/export/")

    at, key = "2031-03-01T12:00:00Z", str(told.pk)
    found = json.loads(answer.content)
    [mail] = found.pop("mails")
    assert ("Nuts" in mail.pop("text"), mail) == (
        True,
        {
            "booking_id": key,
            "about": "made",
            "state": "sent",
            "created_at": at,
            "ended_at": at,
            "subject": "Your booking at Kitchen: Friday 7 March 2031, 18:00",
        },
    )
    said = [(line["booking_id"], line["event"], line["what"]) for line in found.pop("history")]
    assert said == [
        (None, "created", "Customer added: name, email, phone"),
        (key, "created", "Booked: Fri 7 Mar 2031 18:00"),
        (None, "edited", "Customer edited: notes"),
        (key, "edited", "Edited: children"),
    ]
    assert found == {
        "exported_at": at,
        "station": {"code": "kitchen", "name": "Kitchen", "email": "", "phone": "", "address": ""},
        "customer": {
            "customer_id": str(told.customer_id),
            "name": "Ana García",
            "email": "ana@example.com",
            "phone": "+4930901820",
            "language": "",
            "notes": "Allergic",
            "email_is_valid": True,
            "email_bounced": False,
            "phone_is_valid": True,
            "created_at": at,
            "updated_at": at,
        },
        "bookings": [
            {
                "booking_id": key,
                "date": "2031-03-07",
                "slot": "18:00:00",
                "slots": 1,
                "starts_at": "2031-03-07T17:00:00Z",
                "ends_at": "2031-03-07T18:00:00Z",
                "status": "confirmed",
                "party_adults": 1,
                "party_kids": 1,
                "total_due_cents": 900,
                "deposit_due_cents": 0,
                "special_requests": "Nuts",
                "source": "",
                "external_ref": "A1",
                "created_at": at,
                "updated_at": at,
            }
        ],
        "given_with_bookings": [],
        "replaced_requests": [],
    }


def test_export_holds_what_an_edit_replaced_while_it_can_be_undone(
    client: Client, manager: User, told: Booking
) -> None:
    client.force_login(manager)
    services.edit(told.pk, {"special_requests": "Milk"}, by=in_session(manager))
    services.edit(told.pk, {"customer": Contact("Bo Li", "bo@example.com"), "special_requests": "Eggs"}, by=manager)

    found = json.loads(client.post(f"{ADDRESS}/{told.customer_id}/export/").content)["replaced_requests"]
    page = client.post(f"{ADDRESS}/{told.customer_id}/data/").content.decode()

    assert [(one["booking_id"], one["special_requests"]) for one in found] == [
        (str(told.pk), text) for text in ("Nuts", "Milk", "Milk")
    ]
    assert "Nuts" in page[page.index("can still undo") :]


def test_export_and_page_hold_the_contact_that_came_with_a_booking(
    admin: Client, told: Booking, station: Station
) -> None:
    given = booking(station, customer=Contact("Ana García", "ana@example.com", "+49 30 901829"))

    exported = admin.post(f"{ADDRESS}/{told.customer_id}/export/").json()["given_with_bookings"]
    page = admin.post(f"{ADDRESS}/{told.customer_id}/data/").content.decode()

    assert [(one["booking_id"], one["email"], one["phone"]) for one in exported] == [(str(given.pk), "", "+4930901829")]
    assert "+4930901829" in page


def test_export_tells_what_waits_to_be_said(admin: Client, told: Booking, manager: User) -> None:
    services.change_status(told.pk, Status.CANCELLED, by=manager)
    Mail.objects.filter(state=State.WAITING).update(created_at=NOW + timedelta(days=1))

    mails = admin.post(f"{ADDRESS}/{told.customer_id}/export/").json()["mails"]

    assert [(mail["about"], mail["state"], mail["subject"].partition(":")[0]) for mail in mails] == [
        ("made", "sent", "Your booking at Kitchen"),
        ("cancelled", "waiting", "Your booking at Kitchen is cancelled"),
    ]


def test_export_is_a_file_that_nobody_keeps_and_whose_name_says_nothing(admin: Client, told: Booking) -> None:
    answer = admin.post(f"{ADDRESS}/{told.customer_id}/export/")

    assert answer["Content-Disposition"] == 'attachment; filename="customer.json"'
    assert answer["Content-Type"] == "application/json"
    assert "no-store" in answer["Cache-Control"]


def test_page_says_the_same_for_people(admin: Client, told: Booking) -> None:
    answer = admin.post(f"{ADDRESS}/{told.customer_id}/data/")

    page = answer.content.decode()
    known = ("Ana García", "ana@example.com", "+4930901820", "Allergic", "Nuts", "A1", "Your booking at Kitchen")
    told_so = ("Fri 7 Mar 2031 18:00 – 19:00", "9,00\N{NO-BREAK SPACE}€", "(sent)", "Edited: children")
    assert [word for word in (*known, *told_so) if word not in page] == []
    assert [word for word in ("Bo Li", "Milk") if word in page] == []
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.parametrize("kind", ["data", "export"])
def test_each_time_is_in_the_trail(admin: Client, manager: User, told: Booking, kind: str) -> None:
    for _time in range(2):
        admin.post(f"{ADDRESS}/{told.customer_id}/{kind}/")

    entries = AuditEntry.objects.filter(object_pk=told.customer_id, event="exported")
    assert [(one.actor, one.channel, one.changes, one.action) for one in entries] == [
        (manager, "admin", {}, AuditEntry.Action.ACCESS)
    ] * 2
    trail = admin.get("/admin/accounts/auditentry/?event=exported").content.decode()
    assert '<td class="field-what">Data exported</td>' in trail


@pytest.mark.parametrize("kind", ["data", "export"])
def test_without_the_right_to_personal_data_there_is_neither_button_nor_answer(
    admin_with: SignIn, told: Booking, kind: str
) -> None:
    client, page = admin_with(roles.VIEW, roles.CHANGE), f"{ADDRESS}/{told.customer_id}"

    assert f"/{kind}/" not in client.get(f"{page}/change/").content.decode()
    assert client.post(f"{page}/{kind}/").status_code == 403
    assert not AuditEntry.objects.filter(event="exported").exists()


@pytest.mark.parametrize("kind", ["data", "export"])
def test_customer_of_another_station_is_no_address_and_a_link_is_not_enough(
    admin: Client, told: Booking, kind: str
) -> None:
    other = customer(open_station())

    assert admin.post(f"{ADDRESS}/{other.pk}/{kind}/").status_code == 404
    assert admin.get(f"{ADDRESS}/{told.customer_id}/{kind}/").status_code == 405


def test_buttons_stand_on_the_customers_page(admin: Client, told: Booking) -> None:
    page = admin.get(f"{ADDRESS}/{told.customer_id}/change/").content.decode()

    assert [f"{told.customer_id}/{kind}/" in page for kind in ("data", "export", "erase")] == [True] * 3
