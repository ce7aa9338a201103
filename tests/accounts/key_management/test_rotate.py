"""`manage.py keys rotate`: everything comes under the first key of its ring, and nothing else changes."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, models, transaction
from django.utils import timezone

from accounts import customers, roles
from accounts.customers import Contact
from accounts.encryption.keys import key_id
from accounts.key_management import rotation
from accounts.key_management.keyrings import DATA, INDEX
from accounts.models import AuditEntry, BlindIndex, Customer
from bookings.mails import outbox
from bookings.models import Booking, Mail
from stations.models import Station
from tests import factories
from tests.accounts.encryption.test_fields import overwrite, raw
from tests.accounts.key_management.conftest import Change, connected, keys

EVERYTHING: tuple[type[models.Model], ...] = (Station, Customer, Booking, Mail, AuditEntry)


def as_it_is() -> dict[str, list[dict[str, Any]]]:
    """All that anybody may notice, to the last counter."""
    return {model._meta.label: list(model._base_manager.order_by("pk").values()) for model in EVERYTHING}


@pytest.fixture
def book(station: Station) -> Station:
    """Two stations' customers, bookings with wishes and without, and a mail as it was sent."""
    court = factories.open_station(code="court", name="Court")
    for number, where in enumerate([station, station, station, court, court]):
        contact = Contact(f"Ana Number{number}", f"ana{number}@example.com", f"+49 30 90182{number}")
        factories.booking(where, customer=contact, special_requests="By the window" if number % 2 else None)
    outbox.queue_created([Booking.objects.order_by("created_at")[0]])
    mail = Mail.objects.get()
    mail.message, mail.ended_at = "Dear Ana", timezone.now() - timedelta(days=1)
    mail.save()
    return station


def heads() -> dict[str, set[bytes]]:
    """For each ring the keys that anything is under."""
    return {ring.name: set(ring.uses()) for ring in (DATA, INDEX)}


def found(*words: str) -> list[list[str]]:
    """What a search for each of these finds."""
    return [[one.email for one in customers.search(roles.OPERATOR, word)] for word in words]


def test_rotation_brings_all_under_the_first_keys_and_changes_nothing_else(book: Station, change: Change) -> None:
    before = as_it_is()
    change.to("new", "old")

    done = keys("rotate")

    assert (done.status, done.out) == (0, "All values that can be re-encrypted use the first key of their setting.\n")
    assert heads() == {"data": {key_id(change.data.new)}, "index": {key_id(change.index.new)}}
    change.to("new")
    assert as_it_is() == before


def test_rotated_customers_are_found_as_before(book: Station, change: Change) -> None:
    wanted = ("ana1@example.com", "number3", "030 901824", "1822", "ana")
    before = found(*wanted)
    assert [len(hits) for hits in before] == [1, 1, 1, 1, 5]
    change.index_to("new", "old")
    assert found(*wanted) == before

    keys("rotate", "--ring", "index")

    change.index_to("new")
    assert found(*wanted) == before


@pytest.mark.parametrize("ring", ["data", "index"])
def test_rotation_of_one_ring_leaves_the_other_alone(book: Station, change: Change, ring: str) -> None:
    before = heads()
    change.to("new", "old")

    keys("rotate", "--ring", ring)

    after = heads()
    assert {name for name in before if after[name] != before[name]} == {ring}


def test_rotation_again_writes_nothing(book: Station, change: Change) -> None:
    def stored() -> list[bytes | None]:
        return [raw("name", customer) for customer in Customer.objects.order_by("pk")]

    change.to("new", "old")
    keys("rotate")
    before = stored(), set(BlindIndex.objects.values_list("pk", flat=True))

    assert keys("rotate").status == 0
    assert (stored(), set(BlindIndex.objects.values_list("pk", flat=True))) == before


def test_column_of_a_new_model_is_rotated_without_a_word(diary: Any, change: Change) -> None:
    page = diary.objects.create(text="Dear diary", mood=None)
    change.to("new", "old")

    keys("rotate")

    change.to("new")
    page.refresh_from_db()
    assert (page.text, page.mood) == ("Dear diary", None)


def test_edit_made_meanwhile_is_kept(book: Station, change: Change) -> None:
    [customer] = customers.search(roles.OPERATOR, "ana1@example.com")
    change.to("new", "old")
    works = [(work, list(work.pages())) for ring in (DATA, INDEX) for work in rotation.tasks_for(ring)]
    customers.edit(customer.pk, {"name": "Anna Newname", "notes": "Moved"}, by=roles.OPERATOR)

    for work, pages in works:
        for page in pages:
            work.rewrite(page)

    change.to("new")
    [again] = customers.search(roles.OPERATOR, "newname")
    assert (again.pk, again.name, again.notes) == (customer.pk, "Anna Newname", "Moved")
    assert found("number1") == [[]]


def test_rotation_waits_for_a_row_in_hand_with_nothing_else_in_hand(
    transactional_db: None, book: Station, change: Change
) -> None:
    change.to("new", "old")
    [work] = [work for work in rotation.tasks_for(DATA) if work.label == "accounts.Customer"]
    # On SQLite a writer has the whole database in hand.
    left_meanwhile = 1 if connection.vendor == "postgresql" else work.count_remaining()

    def rotate() -> set[str]:
        try:
            return rotation.rotate(work, lambda rewritten: None)
        finally:
            connection.close()

    with ThreadPoolExecutor() as pool:
        with transaction.atomic():
            Customer.objects.select_for_update().order_by("pk").first()
            running = pool.submit(rotate)
            while work.count_remaining() > left_meanwhile:
                assert not running.done()
            assert len(Customer.objects.select_for_update(nowait=True)) == 5
        assert running.result() == set()
    assert work.count_remaining() == 0


def damage(column: str, customer: Customer) -> None:
    stored = raw(column, customer)
    assert stored is not None
    overwrite(column, customer, stored[:-1] + bytes([stored[-1] ^ 1]))


def test_value_that_cannot_be_read_is_named_and_all_others_rewritten(book: Station, change: Change) -> None:
    damaged = Customer.objects.order_by("pk")[0]
    damage("notes", damaged)
    change.to("new", "old")

    done = keys("rotate")

    assert (done.status, done.out) == (1, "")
    assert done.err.splitlines() == [
        f"accounts.Customer {damaged.pk}: accounts.customer.notes: the stored value was changed or damaged",
        "Values that can't be decrypted stay as they are: 1. All others are re-encrypted.",
    ]
    assert DATA.uses()[key_id(change.data.old)] == {"accounts.Customer.notes": 1}
    assert heads()["index"] == {key_id(change.index.new)}


def test_customer_who_cannot_be_read_is_found_by_the_old_hashes_and_all_others_by_new_ones(
    book: Station, change: Change
) -> None:
    damaged = Customer.objects.order_by("pk")[0]
    damage("email", damaged)
    change.index_to("new", "old")

    done = keys("rotate", "--ring", "index")

    assert done.status == 1
    assert done.err.startswith(f"accounts.Customer {damaged.pk}: accounts.customer.email: the stored value was")
    left = BlindIndex.objects.filter(digest__lt=key_id(change.index.new)) | BlindIndex.objects.filter(
        digest__gt=key_id(change.index.new) + b"\xff" * 16
    )
    assert set(left.values_list("customer", flat=True)) == {damaged.pk}


def test_rotation_says_when_somebody_goes_on_writing_under_the_old_key(book: Station, change: Change) -> None:
    customer = Customer.objects.order_by("pk")[0]
    change.to("new", "old")

    def old_server_writes(rewritten: int) -> None:
        change.data_to("old", "new")
        customer.save()
        change.data_to("new", "old")

    [work] = [work for work in rotation.tasks_for(DATA) if work.label == "accounts.Customer"]
    with pytest.raises(rotation.StillWritten):
        rotation.rotate(work, old_server_writes)


def test_rotation_refuses_a_ring_that_lacks_a_key_in_use(book: Station, change: Change) -> None:
    change.data_to("new")

    done = keys("rotate")

    assert (done.status, done.err) == (
        1,
        f"Values encrypted with the key {change.data.old_id}, which is not in PII_KEYS: "
        f"{DATA.uses()[key_id(change.data.old)].total()}. Check that the servers have the same keys. "
        f"Add this key, or, if it is lost for good, use --lost {change.data.old_id}.",
    )
    assert heads()["index"] == {key_id(change.index.old)}


def test_value_that_was_cut_off_is_no_reason_to_refuse(book: Station, change: Change) -> None:
    overwrite("notes", Customer.objects.order_by("pk")[0], b"\x01")
    change.to("new", "old")

    assert keys("rotate").status == 0
    assert keys("retire", change.data.old_id).status == 0


def test_customers_whose_index_key_is_lost_are_found_again(book: Station, change: Change) -> None:
    change.index_to("new")
    assert found("ana1@example.com") == [[]]

    assert keys("rotate", "--ring", "index").status == 1
    done = keys("rotate", "--ring", "index", "--lost", change.index.old_id)

    assert done.status == 0
    assert found("ana1@example.com") == [["ana1@example.com"]]
    assert heads()["index"] == {key_id(change.index.new)}


def test_values_under_a_lost_key_are_left_as_they_are(book: Station, change: Change) -> None:
    change.data_to("new")
    lost = raw("name", Customer.objects.only("pk").order_by("pk")[0])

    done = keys("rotate", "--ring", "data", "--lost", change.data.old_id)

    assert done.status == 0
    assert raw("name", Customer.objects.only("pk").order_by("pk")[0]) == lost


@pytest.mark.parametrize("ring", ["data", "index"])
def test_rotation_refuses_while_a_process_does_not_know_the_new_key(book: Station, change: Change, ring: str) -> None:
    before, both = heads(), {"data": [change.data.old, change.data.new], "index": [change.index.old, change.index.new]}
    change.to("new", "old")

    with connected(**{**both, ring: both[ring][:1]}) as known:
        done = keys("rotate", "--ring", ring)

    assert done.status == (1 if known else 0)
    assert done.err.startswith("Some processes connected to the database do not have the key" if known else "")
    assert (heads() == before) is known


def test_rotation_goes_on_beside_processes_that_read_the_new_key(book: Station, change: Change) -> None:
    change.to("new", "old")

    with connected(data=[change.data.old, change.data.new], index=[change.index.new]):
        assert keys("rotate").status == 0


def test_audit_trail_is_never_rotated(book: Station) -> None:
    done = keys("rotate", "--ring", "audit")

    assert (done.status, done.err) == (
        1,
        "The audit log is never resealed. Its older keys stay in AUDIT_KEYS.",
    )


def test_stopped_rotation_says_how_to_go_on(book: Station, change: Change, monkeypatch: pytest.MonkeyPatch) -> None:
    change.to("new", "old")

    def stopped(seconds: float) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as at_the_first_rest:
        at_the_first_rest.setattr(time, "sleep", stopped)
        done = keys("rotate")

    assert (done.status, done.err) == (1, "Stopped. Run it again to continue from here.")
    assert keys("rotate").status == 0
    assert heads() == {"data": {key_id(change.data.new)}, "index": {key_id(change.index.new)}}
