"""What the order and number of blind index rows reveal without a key: as little as possible."""

from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection

from accounts import customers, roles
from accounts.customers import Contact
from accounts.customers.blind_index import (
    EMAIL,
    EMAIL_PREFIX,
    LAST_FOUR,
    LOCAL,
    PADDING_MULTIPLE,
    Key,
    digests,
    index_keys,
)
from accounts.encryption import blind_index, blind_indexes
from accounts.models import BlindIndex, Customer
from stations.models import Station
from tests.accounts.key_management.conftest import Change, change, keys  # noqa: F401
from tests.bookings.importing.commands import import_file, write

pytestmark = pytest.mark.django_db
PEOPLE = [
    Contact(f"Ana García {word}", f"ana.{word.lower()}@example.com", f"+49 30 90{number:04}")
    for number, word in enumerate(
        ["Zuleta", "Abad", "Mora", "Quintana", "Bermejo", "Ximenez", "Cuesta", "Wagner", "Delgado", "Vidal"]
    )
]


WITH_DECOYS = Contact("Ana García", "ana@example.com", "+49 30 901820")
"""Somebody with ten keys."""


def written(station: Station) -> dict[Customer, list[bytes]]:
    """Each customer's digests in the order of their rows."""
    rows = BlindIndex.objects.filter(station=station).order_by("pk").values_list("customer", "digest")
    found: dict[Customer, list[bytes]] = {one: [] for one in Customer.objects.filter(station=station)}
    by_key = {one.pk: one for one in found}
    for pk, digest in rows:
        found[by_key[pk]].append(bytes(digest))
    return found


def meanings(customer: Customer, stored: list[bytes]) -> list[str | None]:
    """What each stands for, None for a decoy."""
    known = {
        digest: f"{key.kind} {key.value}"
        for key in index_keys(customer, customer.station.country)
        for digest in blind_indexes(key.kind, customer.station_id, key.value)
    }
    return [known.get(digest) for digest in stored]


def by_creation(station: Station, folder: Path, rotate: Callable[[], object]) -> None:
    for one in PEOPLE:
        customers.find_or_create(station, [one], strict=True)


def by_batch(station: Station, folder: Path, rotate: Callable[[], object]) -> None:
    customers.find_or_create(station, PEOPLE, strict=True)


def by_edit(station: Station, folder: Path, rotate: Callable[[], object]) -> None:
    for made, one in zip(customers.find_or_create(station, PEOPLE, strict=True), PEOPLE[::-1], strict=True):
        customers.edit(made.pk, {"name": f"{one.name} Nueva"}, by=roles.OPERATOR)


def by_import(station: Station, folder: Path, rotate: Callable[[], object]) -> None:
    lines = [f"kitchen,2031-03-07,{17 + n % 5}:00,{one.name},{one.email},{one.phone}" for n, one in enumerate(PEOPLE)]
    header = "station,date,slot,customer_name,customer_email,customer_phone"
    assert import_file(write(folder / "rows.csv", "\n".join([header, *lines]))).status == 0


def by_rotation(station: Station, folder: Path, rotate: Callable[[], object]) -> None:
    by_batch(station, folder, rotate)
    rotate()


@pytest.mark.parametrize("way", [by_creation, by_batch, by_edit, by_import, by_rotation])
def test_rows_stand_in_no_order_of_what_they_mean(
    station: Station,
    tmp_path: Path,
    change: Change,  # noqa: F811
    way: Callable[[Station, Path, Callable[[], object]], None],
) -> None:
    def rotate() -> None:
        change.index_to("new", "old")
        assert keys("rotate", "--ring", "index").status == 0
        change.index_to("new")

    way(station, tmp_path, rotate)

    found = written(station)
    assert len(found) == len(PEOPLE)
    places = []
    for customer, stored in found.items():
        order = [meaning for meaning in meanings(customer, stored) if meaning]
        assert order != sorted(order)
        assert order != sorted(order, key=len)
        places.append(order.index("word ana"))
    assert len(set(places)) > 2  # the same word stands in another place each time


def test_number_of_rows_tells_only_how_many_fours(station: Station) -> None:
    customers.find_or_create(station, [*PEOPLE, Contact("Li Wu"), Contact("Bo", "bo@example.com")], strict=True)

    for customer, stored in written(station).items():
        keys_there = len(index_keys(customer, "DE"))
        assert len(stored) % PADDING_MULTIPLE == 0
        assert 0 <= len(stored) - keys_there < PADDING_MULTIPLE


def test_decoys_look_like_digests_and_find_nobody(station: Station) -> None:
    [made] = customers.find_or_create(station, [WITH_DECOYS], strict=True)
    [stored] = written(station).values()
    decoys = [digest for digest, meaning in zip(stored, meanings(made, stored), strict=True) if meaning is None]
    real = blind_index("email", station.pk, "x")

    assert decoys
    assert {(len(digest), digest[:4]) for digest in decoys} == {(len(real), real[:4])}
    assert not set(decoys) & set(digests(index_keys(made, "DE"), station.pk))


def test_decoys_of_two_customers_are_never_the_same(station: Station) -> None:
    customers.find_or_create(station, PEOPLE, strict=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT digest FROM accounts_blindindex GROUP BY digest HAVING count(*) > 1")
        shared = {bytes(digest) for (digest,) in cursor.fetchall()}

    meant = {meaning for one, stored in written(station).items() for meaning in meanings(one, [*shared & set(stored)])}

    assert meant == {"email prefix ana.", "word ana", "word gar", "word garc", "word garci", "word garcia"}


def test_reindexing_leaves_alone_what_is_current_decoys_or_not(station: Station) -> None:
    customers.find_or_create(station, [*PEOPLE, Contact("Li Wu")], strict=True)
    before = written(station)

    call_command("index_customers")

    assert written(station) == before


def test_reindexing_adds_the_decoys_that_an_earlier_release_did_not_write(station: Station) -> None:
    [made] = customers.find_or_create(station, [WITH_DECOYS], strict=True)
    current = digests(index_keys(made, "DE"), station.pk)
    assert BlindIndex.objects.exclude(digest__in=current).delete()[0]

    call_command("index_customers")

    assert len(written(station)[made]) % PADDING_MULTIPLE == 0
    assert set(current) < set(written(station)[made])


def test_reindexing_replaces_a_form_of_an_earlier_release_that_stands_where_a_decoy_would(station: Station) -> None:
    [made] = customers.find_or_create(station, [Contact("Ana", "ana@m\u00fcnchen.example")], strict=True)
    [earlier] = digests([Key(EMAIL, "ana@m\u00fcnchen.example")], station.pk)
    decoy = BlindIndex.objects.exclude(digest__in=digests(index_keys(made, "DE"), station.pk)).first()
    assert decoy
    BlindIndex.objects.filter(pk=decoy.pk).update(digest=earlier)

    call_command("index_customers")

    assert earlier not in written(station)[made]


@pytest.mark.parametrize("q", ["guest38", "3090182", "0182"])
def test_reindexing_adds_the_keys_that_an_earlier_release_did_not_write(station: Station, q: str) -> None:
    [made] = customers.find_or_create(station, [Contact("Bo", "guest38@example.com", "+49 30 3090182")], strict=True)
    added = [key for key in index_keys(made, "DE") if key.kind in (EMAIL_PREFIX, LOCAL, LAST_FOUR)]
    BlindIndex.objects.filter(digest__in=digests(added, station.pk)).delete()
    assert customers.search(roles.OPERATOR, q) == []

    call_command("index_customers")

    assert customers.search(roles.OPERATOR, q) == [made]
