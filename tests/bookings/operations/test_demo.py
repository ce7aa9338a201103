"""What a newcomer finds: a demo as busy as a real week, the same again for a seed, and never known passwords in production."""

import re
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
import time_machine
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.db import transaction
from django.test import Client
from django.utils import timezone

from accounts.models import AuditEntry, Customer, User
from bookings.mails import reminders
from bookings.models import Booking, Mail
from bookings.models.mail_state import State
from bookings.models.status import Status
from bookings.operations import demo
from bookings.services.verification import differences
from stations.models import Station

pytestmark = pytest.mark.looks


def load(bookings: int, *words: str, **options: Any) -> str:
    out = StringIO()
    call_command("demo", f"--bookings={bookings}", *words, stdout=out, stderr=out, **options)
    return out.getvalue()


def shape() -> list[tuple[Any, ...]]:
    """All that a seed decides, without what is new each time."""
    rows = Booking.objects.select_related("station", "customer").order_by("station__code", "date", "slot", "created_at")
    return [
        (
            row.station.code,
            row.date,
            row.slot,
            row.slots,
            row.status,
            row.source,
            str(row.customer and row.customer.name),
        )
        for row in rows
    ]


@pytest.mark.slow
def test_demo_fills_past_and_future_of_every_station_by_the_rules(db: None) -> None:
    said = load(200)

    assert Booking.objects.count() == 200
    assert set(Booking.objects.values_list("station__code", flat=True)) == set(demo.EVERYWHERE)
    assert set(Booking.objects.values_list("status", flat=True)) >= {
        Status.PENDING, Status.CONFIRMED, Status.COMPLETED, Status.NO_SHOW, Status.CANCELLED,
    }  # fmt: skip
    assert list(differences()) == []
    assert Booking.objects.filter(needs_place=True).count() == 1
    assert {"created", "rescheduled", "status", "displaced"} <= set(AuditEntry.objects.values_list("event", flat=True))
    assert [login.email for login in demo.LOGINS if login.email not in said] == []
    assert demo.PASSWORD in said


def test_demo_customers_are_clearly_samples(db: None) -> None:
    load(60)

    people = [*Customer.objects.all()]
    assert {one.email.partition("@")[2] for one in people} == {"example.com"}
    assert [one.name for one in people if one.name.split()[1] not in demo.SURNAMES] == []
    assert all(one.phone_is_valid for one in people)


@pytest.mark.slow
def test_demo_writes_to_nobody(db: None) -> None:
    load(200)

    assert set(Mail.objects.values_list("state", flat=True)) == {State.WITHHELD}
    assert [reminders.queue_due(timezone.now() + timedelta(days=day)) for day in range(8)] == [0] * 8


@pytest.mark.slow
@time_machine.travel("2026-03-04T10:20:00Z", tick=False)
def test_demo_is_the_same_for_a_seed_and_another_for_another(db: None) -> None:
    found = []
    for seed in ("1", "1", "2"):
        with transaction.atomic():
            load(40, f"--seed={seed}")
            found.append(shape())
            transaction.set_rollback(True)

    assert found[0] == found[1] != found[2]


@pytest.mark.slow
def test_demo_adds_to_what_is_there_unless_told_to_load_where_it_is_empty(db: None) -> None:
    load(10)
    load(10)
    load(10, "--if-empty")

    assert (Station.objects.count(), Booking.objects.count()) == (4, 20)
    assert User.objects.count() == len(demo.LOGINS)


@pytest.mark.parametrize("login", demo.LOGINS, ids=lambda login: login.email)
def test_demo_people_can_sign_in_until_their_password_is_their_own(db: None, login: demo.Login) -> None:
    load(0)

    assert Client().login(username=login.email, password=demo.PASSWORD)
    User.objects.get(email=login.email).delete()
    assert login.email not in load(0, "--if-empty")


def test_demo_says_nothing_of_log_ins_that_are_gone(db: None) -> None:
    load(0)
    for user in User.objects.all():
        user.set_password("of one's own")
        user.save()

    assert load(0) == ""


@pytest.mark.slow
def test_demo_says_when_there_is_no_more_room(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "SHAPES", [one for one in demo.SHAPES if one.code == "demo-rooms"])
    monkeypatch.setattr(demo, "PAST", {Status.COMPLETED: 1})
    monkeypatch.setattr(demo, "AHEAD", {Status.CONFIRMED: 1})
    monkeypatch.setattr(demo, "MOST_FRUITLESS", 2)

    said = re.search(r"room for (\d+) bookings only", load(300))

    assert said is not None
    assert int(said[1]) == Booking.objects.count() < 300
    assert list(differences()) == []


def test_demo_is_refused_in_production_unless_asked_for_by_name(db: None, settings: LazySettings) -> None:
    settings.PRODUCTION = True

    with pytest.raises(CommandError, match="--even-in-production"):
        load(5)
    assert load(5, "--if-empty") == ""
    assert not Station.objects.exists()

    said = load(5, "--even-in-production")
    assert Booking.objects.count() == 5
    assert (demo.PASSWORD in said, "admin@example.com" in said) == (False, True)


@pytest.mark.parametrize("count", ["-1", "many"])
def test_demo_of_a_number_that_is_none_is_refused(db: None, count: str) -> None:
    with pytest.raises(CommandError):
        call_command("demo", f"--bookings={count}")
