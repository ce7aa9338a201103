"""What is remembered of an imported row: its fields by their names, whatever fields an import may get."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, time
from pathlib import Path
from typing import Any, Final

import pytest

from accounts import roles
from accounts.encryption import blind_indexes
from accounts.encryption.keys import KEY_ID_BYTES
from bookings import services
from bookings.importing import identity
from bookings.importing.entries import Entry
from bookings.importing.fields import INPUT_FIELDS
from bookings.models import Booking, ImportedRow
from bookings.models.status import Status
from bookings.services import Draft
from stations.models import Station
from tests.bookings.importing.commands import counts, import_file, write

HEADER: Final = "external_ref,station,date,slot,party_adults,customer_name,customer_email"
ROW: Final = "A1,kitchen,2031-03-07,18:00,2,Ana García,ana@example.com"
VALUES: Final = {"date": date(2031, 3, 7), "slot": time(18), "party_adults": 2, "customer_name": "Ana García"}
ENTRY: Final = Entry(Draft(station="kitchen", date=date(2031, 3, 7), slot=time(18), external_ref="A1"), VALUES)


def in_first_format(station: Station, values: Mapping[str, Any]) -> bytes:
    """The digests of a row as the first release stored them: all fields by position, zeros for absent ones."""
    digests = [
        blind_indexes(f"imported {name}", station.pk, str(values[name]))[0] if name in values else bytes(40)
        for name in identity.FIELDS_BY_POSITION
    ]
    key = next(one for one in digests if any(one))[:KEY_ID_BYTES]
    return key + b"".join(digest[KEY_ID_BYTES:][: identity.FIELD_BYTES] for digest in digests)


def entry_with(**changes: Any) -> Entry:
    return replace(ENTRY, values={**VALUES, **changes})


@pytest.mark.looks
def test_content_is_remembered_in_the_same_bytes_by_every_release() -> None:
    key, by_name, fields = "b3b349bf", "02", "0e87633f0c609b94e10f608026fed690bc746558838ba388ed6ea6a3f821ed92f6288626"

    assert identity.content_digests(1, ENTRY).hex() == key + by_name + fields


@pytest.mark.looks
def test_new_field_in_the_middle_changes_nothing_but_itself(station: Station) -> None:
    before = identity.content_digests(station.pk, ENTRY)
    wider = replace(ENTRY, values=dict(sorted({**VALUES, "colour": "red"}.items())))

    assert identity.changed_fields(station.pk, wider, before) == {"colour"}
    assert identity.changed_fields(station.pk, ENTRY, identity.content_digests(station.pk, wider, before)) == set()


@pytest.mark.looks
@pytest.mark.parametrize(
    "kept", [identity.content_digests, lambda pk, entry: in_first_format(Station(pk=pk), entry.values)]
)
@pytest.mark.parametrize(
    ("said", "changed"),
    [
        ({}, set()),
        ({"party_kids": 0, "status": Status.CONFIRMED, "special_requests": None, "customer_email": "", "slots": 1}, set()),
        ({"party_kids": 1}, {"party_kids"}),
        ({"party_adults": 1}, {"party_adults"}),
        ({"customer_name": ""}, {"customer_name"}),
        ({"slot": time(19), "party_adults": 3}, {"slot", "party_adults"}),
    ],
)  # fmt: skip
def test_only_what_a_file_says_otherwise_has_changed(
    station: Station, kept: Any, said: dict[str, Any], changed: set[str]
) -> None:
    assert identity.changed_fields(station.pk, entry_with(**said), kept(station.pk, ENTRY)) == changed


@pytest.mark.looks
def test_field_that_becomes_empty_has_changed_once(station: Station) -> None:
    before = identity.content_digests(station.pk, entry_with(party_kids=2))
    empty = entry_with(party_kids=0)

    after = identity.content_digests(station.pk, empty, before)

    assert identity.changed_fields(station.pk, empty, before) == {"party_kids"}
    assert identity.changed_fields(station.pk, empty, after) == set()
    assert after == identity.content_digests(station.pk, ENTRY)


@pytest.mark.looks
def test_what_a_later_file_does_not_speak_of_stays_remembered(station: Station) -> None:
    wider = entry_with(party_kids=2)

    after = identity.content_digests(station.pk, ENTRY, identity.content_digests(station.pk, wider))

    assert after == identity.content_digests(station.pk, wider)


@pytest.mark.looks
def test_row_of_the_first_format_is_erased_and_remembered_anew(station: Station) -> None:
    old = in_first_format(station, VALUES)

    assert identity.content_digests(station.pk, ENTRY, old) == identity.content_digests(station.pk, ENTRY)
    assert identity.erase_personal(old) == identity.erase_personal(identity.content_digests(station.pk, ENTRY))
    assert identity.changed_fields(station.pk, entry_with(customer_name="Bo"), identity.erase_personal(old)) == set()


@pytest.mark.looks
def test_names_of_fields_have_different_digests() -> None:
    assert len({identity.name_tag(name) for name in INPUT_FIELDS}) == len(INPUT_FIELDS)


def test_rows_of_the_first_format_are_known_and_rewritten_when_they_are_met(station: Station, tmp_path: Path) -> None:
    file = write(tmp_path / "rows.csv", f"{HEADER}\n{ROW}\n")
    import_file(file)
    row = ImportedRow.objects.get()
    by_name = bytes(row.content)
    said = {**VALUES, "customer_email": "ana@example.com"}
    ImportedRow.objects.filter(pk=row.pk).update(content=in_first_format(station, said))
    services.edit(row.booking_id, {"party_adults": 5}, by=roles.OPERATOR)

    assert import_file(file).summary == counts(unchanged=1)
    assert Booking.objects.get().party_adults == 5
    assert bytes(ImportedRow.objects.get().content) == by_name


def test_column_that_comes_in_empty_leaves_alone_what_staff_changed(station: Station, tmp_path: Path) -> None:
    import_file(write(tmp_path / "rows.csv", f"{HEADER}\n{ROW}\n"))
    services.edit(Booking.objects.get().pk, {"party_kids": 2, "special_requests": "Nuts!"}, by=roles.OPERATOR)

    done = import_file(write(tmp_path / "wider.csv", f"party_kids,special_requests,{HEADER}\n,,{ROW}\n"))

    made = Booking.objects.get()
    assert (done.summary, made.party_kids, made.special_requests) == (counts(unchanged=1), 2, "Nuts!")
