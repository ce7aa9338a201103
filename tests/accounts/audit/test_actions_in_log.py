"""Actions of staff in the log: who did what to which object, at which station and by which channel, but nothing they wrote."""

import json
from collections.abc import Iterator
from datetime import time
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from accounts import roles
from accounts.auth import authentication
from accounts.models import AuditEntry, User
from bookings import services
from bookings.models import Booking
from bookings.services import Draft
from stations.models import Opening, Station
from tests import captured_log
from tests.captured_log import CapturedLog
from tests.factories import FRIDAY, booking, customer, open_station, person, staff


@pytest.fixture
def kitchen(transactional_db: None) -> Station:
    return open_station(code="kitchen")


@pytest.fixture
def log() -> Iterator[CapturedLog]:
    with captured_log.capture_log(level="DEBUG") as book:
        yield book


def actions(log: CapturedLog) -> list[dict[str, Any]]:
    """Without what every line has, and told apart from another time's."""
    unlike = ("time", "level", "logger", "event", "request")
    return [{name: value for name, value in line.items() if name not in unlike} for line in log.entries("action")]


def test_change_on_a_page_is_described(kitchen: Station, log: CapturedLog) -> None:
    made, ana, client = booking(kitchen), staff(kitchen), Client()
    client.force_login(ana)
    before = len(log.entries("action"))

    answer = client.post(
        f"/bookings/{made.pk}/move/", {"date": "2031-03-08", "slot": "19:00", "version": 1}, follow=False
    )

    [told] = actions(log)[before:]
    assert told == {
        "user": ana.pk,
        "action": "rescheduled",
        "object": "bookings.booking",
        "id": str(made.pk),
        "station": kitchen.pk,
        "channel": "page",
    }
    assert (
        log.entries("action")[-1]["request"] == answer.headers["X-Request-Id"] == log.entries("request")[-1]["request"]
    )


def test_change_by_a_program_is_described_with_its_person(kitchen: Station, log: CapturedLog) -> None:
    shop = person(roles.INTEGRATORS, kitchen)
    client = Client(headers={"authorization": f"Bearer {authentication.issue_tokens(shop)['access']}"})
    body = {"station": "kitchen", "date": f"{FRIDAY}", "slot": "18:00", "party_adults": 2}
    guest = {"name": "Quillon Xanthe", "email": "quillon.x@example.com", "phone": ""}

    client.post("/api/bookings/", json.dumps({**body, "customer": guest}), content_type="application/json")

    told = [(line["action"], line["object"], line["user"], line["channel"]) for line in actions(log)[-2:]]
    assert told == [
        ("created", "accounts.customer", shop.pk, "jwt"),
        ("created", "bookings.booking", shop.pk, "jwt"),
    ]
    assert "uillon" not in log.text


def test_look_at_a_contact_is_described(kitchen: Station, log: CapturedLog) -> None:
    ana, known, client = staff(kitchen), customer(kitchen), Client()
    made = booking(kitchen, customer_id=known.pk)
    client.force_login(ana)

    client.post(f"/bookings/{made.pk}/contact/")

    told = actions(log)[-1]
    assert (told["action"], told["object"], told["id"]) == ("revealed", "accounts.customer", str(known.pk))


def test_what_auditlog_sees_is_described(kitchen: Station, log: CapturedLog) -> None:
    opening = Opening.objects.create(station=kitchen, weekday=1, start=time(9), minutes=60, capacity=2)
    opening.capacity = 3
    opening.save()
    opening.delete()
    User.objects.create_user("new@example.com", "a password")

    told = [(line["action"], line["object"], line["user"], line["channel"]) for line in actions(log)[-4:]]
    assert told == [
        ("created", "stations.opening", None, "command"),
        ("changed", "stations.opening", None, "command"),
        ("deleted", "stations.opening", None, "command"),
        ("created", "accounts.user", None, "command"),
    ]
    assert "new@example.com" not in log.text


def test_each_entry_of_the_trail_has_its_line(kitchen: Station, log: CapturedLog) -> None:
    before = AuditEntry.objects.count()
    told = len(log.entries("action"))

    for slot in (18, 19, 20):
        booking(kitchen, slot=time(slot))

    assert len(log.entries("action")) - told == AuditEntry.objects.count() - before == 3


def test_what_nobody_of_the_staff_did_is_for_those_who_look_into_it(kitchen: Station, log: CapturedLog) -> None:
    booking(kitchen)
    services.create(Draft(station="kitchen", date=FRIDAY, slot=time(19)), by=staff(kitchen))

    told = [line["level"] for line in log.entries("action") if line["object"] == "bookings.booking"]
    assert told == ["debug", "info"]


def test_what_was_rolled_back_is_not_told(kitchen: Station, log: CapturedLog) -> None:
    told = len(log.entries("action"))

    with transaction.atomic():
        booking(kitchen)
        transaction.set_rollback(True)

    assert (len(log.entries("action")), Booking.objects.count()) == (told, 0)
