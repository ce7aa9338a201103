"""A rotation binds the values of the previous release to their rows; afterwards unbound values are refused."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.auth import password_reset, two_factor
from accounts.encryption.keys import key_id
from accounts.key_management.keyrings import DATA, count_unbound
from accounts.models import Authenticator, Customer, ResetRequest
from bookings.mails import outbox
from bookings.models import Booking, Mail
from bookings.operations.backup import verification
from stations.models import Station
from tests.accounts.encryption.test_row_binding import ANA, plant, stored
from tests.accounts.key_management.conftest import Change, keys
from tests.bookings.importing.commands import run
from tests.decrypted import read_everything
from tests.factories import UserFactory, booking

pytestmark = pytest.mark.django_db


@pytest.fixture
def from_before(station: Station, settings: Any) -> Booking:
    """All that can be encrypted, as the release before wrote it."""
    settings.PII_ROW_BINDING = "off"
    made = booking(station, customer=ANA, special_requests="By the window")
    outbox.queue_created([made])
    mail = Mail.objects.get()
    mail.message, mail.ended_at = "Dear Ana", timezone.now() - timedelta(days=1)
    mail.save()
    two_factor.start_enrolment(UserFactory())
    password_reset.request_reset("ana@example.com", language="en", address=None)
    ResetRequest.objects.update(key=None)  # a column that it does not know
    settings.PII_ROW_BINDING = "on"
    return made


def test_rotation_binds_every_value_and_changes_no_text(from_before: Booking, settings: Any) -> None:
    before = read_everything()
    values = sum(counts.total() for counts in DATA.uses().values())
    assert count_unbound() == values == 8

    done = keys("rotate")

    assert (done.status, done.out) == (0, "All values that can be re-encrypted use the first key of their setting.\n")
    assert done.err.endswith("Set PII_ROW_BINDING=required, so that no others are read.\n")
    assert (count_unbound(), set(DATA.uses())) == (0, {key_id(settings.PII_KEYS[0])})
    settings.PII_ROW_BINDING = "required"
    assert read_everything() == before


def test_rotation_to_another_key_binds_as_well(from_before: Booking, change: Change, settings: Any) -> None:
    before = read_everything()
    change.to("new", "old")

    keys("rotate")

    change.to("new")
    settings.PII_ROW_BINDING = "required"
    assert (count_unbound(), read_everything()) == (0, before)


def test_rotation_binds_nothing_while_the_release_before_runs(from_before: Booking, settings: Any) -> None:
    settings.PII_ROW_BINDING = "off"

    assert keys("rotate").status == 0

    assert count_unbound() == 8


def test_list_counts_what_is_not_bound(from_before: Booking) -> None:
    told = "  Not bound to their rows: 8 values. Bind them: manage.py keys rotate --ring data"
    assert told in keys("list").out.splitlines()

    keys("rotate")

    assert "Not bound" not in keys("list").out


def test_value_of_before_that_somebody_plants_later_is_refused_and_named(from_before: Booking, settings: Any) -> None:
    """An old copy of a name is put into another customer's row, after all have been bound."""
    assert from_before.customer
    copy = stored(from_before.customer, "name")
    keys("rotate")
    settings.PII_ROW_BINDING = "required"
    other = booking(from_before.station).customer or Customer.objects.create(station=from_before.station, name="Bob")
    plant(other, "name", copy)

    done = keys("rotate")

    assert done.status == 1
    assert done.err.splitlines()[0] == (
        f"accounts.Customer {other.pk}: accounts.customer.name: the stored value is not bound to its row, and PII_ROW_BINDING "
        "refuses it"
    )
    [told] = [line for line in run("preflight").out.splitlines() if "PII_ROW_BINDING" in line]
    assert told.startswith("- PII_ROW_BINDING=required refuses 1 encrypted values, which are not bound to their rows.")


def test_request_for_a_new_password_gets_a_key_of_its_own(from_before: Booking) -> None:
    password_reset.request_reset("bob@example.com", language="en", address=None)

    keys("rotate")

    found = {one.key: one.email for one in ResetRequest.objects.all()}
    assert None not in found
    assert set(found.values()) == {"ana@example.com", "bob@example.com"}


def test_app_of_before_still_signs_in_and_is_bound_by_its_next_change(from_before: Booking, settings: Any) -> None:
    one = Authenticator.objects.get()
    secret = two_factor.pending_secret(one.user)
    assert secret

    one.save()

    settings.PII_ROW_BINDING = "required"
    assert two_factor.pending_secret(one.user) == secret


def test_values_of_before_are_no_fault_of_a_restored_backup(from_before: Booking, settings: Any) -> None:
    assert list(verification.faults()) == []

    settings.PII_ROW_BINDING = "required"

    assert len(list(verification.faults())) == 8
