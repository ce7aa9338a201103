"""Real processes save the same pages at once, on both databases: one wins each, every other is told."""

import json
from pathlib import Path

import pytest
from django.test import Client

from accounts import roles
from tests.concurrency import run_concurrently
from tests.factories import customer, open_station, person
from tests.form_data import form_data

PROCESSES = 3


@pytest.mark.race
def test_one_of_several_managers_saves_and_the_others_are_told(database_url: str, tmp_path: Path) -> None:
    station = open_station(code="kitchen", name="Kitchen", hours=[18])
    manager, mate = person(roles.MANAGERS, station), person(roles.STAFF, station, name="Mate")
    things = [
        (customer(station), "/admin/accounts/customer/{}/change/", "customer_form", "notes"),
        (station, "/admin/stations/station/{}/change/", "station_form", "name"),
        (mate, "/admin/accounts/user/{}/change/", "user_form", "name"),
    ]
    client, pages, file = Client(), [], tmp_path / "pages.json"
    client.force_login(manager)
    for thing, address, form_id, field in things:
        words = form_data(client.get(address.format(thing.pk)).content.decode(), form_id)
        del words["form_key"]  # each manager's page has its own
        pages.append({"address": address.format(thing.pk), "words": words, "field": field})
    file.write_text(json.dumps(pages))

    said = run_concurrently(database_url, PROCESSES, manager.email, str(file), module="tests.bookings.admin.racer")

    for (thing, _address, _form_id, field), ends in zip(things, zip(*map(json.loads, said), strict=True), strict=True):
        thing.refresh_from_db()
        assert sorted(ends) == sorted([getattr(thing, field), *["told"] * (PROCESSES - 1)])
