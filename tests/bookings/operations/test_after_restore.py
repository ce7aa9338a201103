"""A database that was brought back by other means than manage.py restore, as by point-in-time recovery, and is put into use."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.sessions.models import Session as DjangoSession
from django.db import connection
from django.db.models import Q
from django.test import Client
from django.utils import timezone

from accounts import roles
from accounts.models import AuditEntry, Customer, Session, User
from bookings.models import Booking, Mail, WorkerBeat
from bookings.models.mail_state import OPEN, Problem, State
from bookings.operations.backup.after_restore import VERSION_JUMP
from bookings.privacy.erasure import ErasureRecord
from stations.models import Station
from tests.bookings.importing.commands import run
from tests.factories import customer


def test_recovered_database_is_verified_and_everybody_is_signed_out(business: Station) -> None:
    client = Client()
    client.force_login(User.objects.get(groups__name=roles.STAFF))
    versions = dict(Booking.objects.values_list("pk", "version"))

    done = run("after_restore")

    assert (done.status, done.err) == (0, "")
    assert done.out.splitlines()[1:3] == [
        "Every entry of the trail is as it was written, bookings and ledger agree, and every encrypted value can be read.",
        f"Signed out: {User.objects.count()} people. Their sessions and tokens have ended.",
    ]
    assert (Session.objects.count(), DjangoSession.objects.count()) == (0, 0)
    assert client.get("/calendar/week/").status_code == 302
    assert dict(Booking.objects.values_list("pk", "version")) == {pk: n + VERSION_JUMP for pk, n in versions.items()}
    assert run("verify_audit").status == 0


@pytest.mark.looks
def test_recovered_database_holds_emails_that_may_have_been_sent(business: Station) -> None:
    waiting = {*Mail.objects.filter(state__in=OPEN).values_list("pk", flat=True)}

    run("after_restore")

    held = Mail.objects.filter(Q(state__in=OPEN) | Q(state=State.FAILED, problem=Problem.UNKNOWN))
    assert waiting
    assert set(held.values_list("pk", "state")) == {(pk, State.FAILED) for pk in waiting}


@pytest.mark.looks
def test_recovered_customer_whom_the_list_names_is_erased_again(business: Station, tmp_path: Path) -> None:
    back = customer(business, "Cleo Roe", "cleo@example.com")
    (erasures := tmp_path / "erasures").write_text(ErasureRecord("kitchen", back.pk, timezone.now()).to_line())

    done = run("after_restore", "--erasures", erasures)

    assert done.status == 0
    assert Customer.objects.get(pk=back.pk).erased_at is not None


@pytest.mark.looks
def test_database_that_a_worker_uses_is_left_alone(business: Station) -> None:
    WorkerBeat.objects.create(seen_at=timezone.now() - timedelta(seconds=20))
    epochs = dict(User.objects.values_list("pk", "epoch"))

    done = run("after_restore")

    assert done.status == 1
    assert "Stop servers and workers, wait a minute, and run this again." in done.err
    assert dict(User.objects.values_list("pk", "epoch")) == epochs


@pytest.mark.looks
def test_recovered_database_that_was_tampered_with_is_left_alone(business: Station) -> None:
    entry = AuditEntry.objects.filter(station=business).earliest("number")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_auditentry SET event = 'x' WHERE id = %s", [entry.pk])
    epochs = dict(User.objects.values_list("pk", "epoch"))

    done = run("after_restore")

    assert done.status == 1
    assert done.err.startswith(f"Entry {entry.number} of station {business.pk} was changed")
    assert dict(User.objects.values_list("pk", "epoch")) == epochs
