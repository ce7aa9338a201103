"""Audit entries for everything but bookings: who, from where and at which station, without personal data of customers."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from accounts import roles
from accounts.audit import origin
from accounts.audit.origin import Channel, Origin, override_origin
from accounts.auth import authentication
from accounts.models import AuditEntry, User
from stations.models import Opening, Station
from tests.factories import FRIDAY, PASSWORD, ExceptionFactory, OpeningFactory, StationFactory, UserFactory


def trail(instance: Any) -> list[AuditEntry]:
    return list(AuditEntry.objects.get_for_object(instance).order_by("id"))


def told(entry: AuditEntry) -> tuple[Any, ...]:
    return entry.actor, entry.actor_email, entry.channel, entry.remote_addr, entry.cid, entry.station


def test_a_change_is_recorded_with_its_origin_and_station(station: Station, staff: User) -> None:
    with override_origin(Origin(Channel.ADMIN, staff, "203.0.113.7", "request-1")):
        station.name = "The kitchen"
        station.save()
        opening = OpeningFactory(station=station)

    [entry] = trail(station)[1:]
    assert entry.changes == {"name": ["Kitchen", "The kitchen"]}
    assert told(entry) == (staff, staff.email, "admin", "203.0.113.7", "request-1", station)
    assert [told(entry) for entry in trail(opening)] == [told(entry)]


def test_a_change_without_an_origin_is_a_commands(db: None) -> None:
    station = StationFactory()
    assert [told(entry) for entry in trail(station)] == [(None, None, "command", None, None, station)]


def test_origins_end_with_their_block(staff: User) -> None:
    with override_origin(Origin(Channel.API)):
        origin.set_actor(staff, Channel.JWT)
        assert origin.current_origin() == Origin(Channel.JWT, staff)
    assert origin.current_origin() == Origin()


def test_what_a_calendar_counts_is_no_change_for_the_trail(station: Station) -> None:
    before = len(trail(station))
    station.changes += 1
    station.save()
    assert len(trail(station)) == before


def test_exceptions_and_openings_stand_in_their_stations_trail(station: Station) -> None:
    closed = ExceptionFactory(station=station, date=FRIDAY)
    opening = Opening.objects.filter(station=station).first()
    assert opening is not None
    opening.capacity = 9
    opening.save()
    closed.delete()
    recorded = AuditEntry.objects.filter(station=station).exclude(changes__has_key="code").order_by("id")
    assert [(entry.action, sorted(entry.changes or {})) for entry in recorded][1:] == [
        (AuditEntry.Action.UPDATE, ["capacity"]),
        (AuditEntry.Action.DELETE, ["closed", "date", "id", "reason", "station"]),
    ]


def test_people_are_recorded_with_groups_and_stations_but_no_password(station: Station) -> None:
    user = UserFactory(email="new@example.com")
    user.groups.add(Group.objects.get(name=roles.STAFF))
    user.stations.add(station)
    user.set_password("another long enough one")
    user.save()

    entries = trail(user)
    told = json.dumps([entry.changes for entry in entries])
    assert [sorted(entry.changes or {}) for entry in entries][1:] == [["groups"], ["stations"]]
    assert "password" not in told
    assert user.password not in told


def test_a_log_in_leaves_no_entry(staff: User) -> None:
    before = AuditEntry.objects.count()
    assert Client().login(username=staff.email, password=PASSWORD)
    assert AuditEntry.objects.count() == before


@pytest.mark.parametrize("channel", ["jwt", "api"])
def test_changes_by_the_api_name_who_and_how(station: Station, staff: User, channel: str) -> None:
    client = Client()
    body = {"station": "kitchen", "date": str(FRIDAY), "slot": "18:00", "party_adults": 2, "customer": {"name": "Ana"}}
    headers = {}
    if channel == "jwt":
        headers["Authorization"] = f"Bearer {authentication.issue_tokens(staff)['access']}"
    else:
        client.force_login(staff)
    answer = client.post(
        "/api/bookings/", json.dumps(body), content_type="application/json", headers=headers, REMOTE_ADDR="203.0.113.7"
    )
    assert answer.status_code == 201
    entries = AuditEntry.objects.filter(station=station, event="created")
    assert {(entry.content_type.model, *told(entry)[:4]) for entry in entries} == {
        ("customer", staff, staff.email, channel, "203.0.113.7"),
        ("booking", staff, staff.email, channel, "203.0.113.7"),
    }
    assert {entry.cid for entry in entries} == {answer.headers["X-Request-Id"]}
