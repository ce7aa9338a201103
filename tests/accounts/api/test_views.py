"""Customers by the API: searching by post, and one customer."""

import json
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from accounts import customers, roles
from accounts.auth import authentication
from accounts.models import Customer, User
from stations.models import Station
from tests.factories import StationFactory, customer, person, staff


@pytest.fixture
def ana(station: Station) -> Customer:
    return customer(station, "Ana García", "ana@example.com", "030 901820")


def bearer(user: User) -> dict[str, str]:
    return {"Authorization": f"Bearer {authentication.issue_tokens(user)['access']}"}


def search(user: User, body: Any) -> tuple[int, Any]:
    answer = Client().post(
        "/api/customers/search", json.dumps(body), content_type="application/json", headers=bearer(user)
    )
    return answer.status_code, answer.json()


def one(user: User, customer_id: Any) -> tuple[int, Any]:
    answer = Client().get(f"/api/customers/{customer_id}/", headers=bearer(user))
    return answer.status_code, answer.json()


def row(found: Customer, **other: str) -> dict[str, Any]:
    return {
        "customer_id": str(found.pk),
        "station": found.station.code,
        "name": "Ana García",
        "email": "ana@example.com",
        "phone": "+4930901820",
        "created_at": found.created_at.isoformat(),
        "version": found.version,
        **other,
    }


@pytest.mark.parametrize("group", [roles.STAFF, roles.MANAGERS, roles.INTEGRATORS])
def test_search_answers_with_rows_and_their_count(station: Station, ana: Customer, group: str) -> None:
    assert search(person(group, station), {"q": "garcia"}) == (
        200,
        {"success": True, "data": [row(ana)], "total_count": 1},
    )


def test_search_finds_nobody_without_a_word_of_other_stations(ana: Customer) -> None:
    assert search(staff(StationFactory()), {"q": "garcia"}) == (200, {"success": True, "data": [], "total_count": 0})


def test_search_is_refused_without_the_right(station: Station, ana: Customer) -> None:
    status, body = search(person(roles.VIEWERS, station), {"q": "garcia"})
    assert (status, body["code"]) == (403, "permission_denied")


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({}, "required", "q"),
        ({"q": ""}, "invalid", "q"),
        ({"q": 5}, "invalid", "q"),
        ({"q": None}, "invalid", "q"),
        ({"q": ["ana"]}, "invalid", "q"),
        ({"q": "a\x00b"}, "invalid", "q"),
        ({"q": "x" * 10_000}, "invalid", "q"),
        ({"q": "ana", "station": "kitchen"}, "invalid", "station"),
    ],
)
def test_search_refuses_malformed_input(station: Station, body: Any, code: str, field: str) -> None:
    status, found = search(staff(station), body)
    assert (status, found["code"], list(found["errors"])) == (400, code, [field])


def test_search_is_posted_and_nothing_else(station: Station) -> None:
    answer = Client().get("/api/customers/search?q=ana", headers=bearer(staff(station)))
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")


def test_one_customer_is_shown_in_full_to_those_with_the_permission(station: Station, ana: Customer) -> None:
    assert one(staff(station), ana.pk) == (200, {"success": True, "data": row(ana)})


def test_one_customer_is_initials_to_those_without(station: Station, ana: Customer) -> None:
    hidden = row(ana, name="A. G.", email="", phone="")
    assert one(person(roles.VIEWERS, station), ana.pk) == (200, {"success": True, "data": hidden})


def test_one_customers_version_is_its_etag_and_grows_with_each_change(station: Station, ana: Customer) -> None:
    by = staff(station)
    customers.edit(ana.pk, {"notes": "Loud"}, by=by)

    answer = Client().get(f"/api/customers/{ana.pk}/", headers=bearer(by))

    assert (answer.headers["ETag"], answer.json()["data"]["version"]) == ('"2"', 2)


def test_one_customer_of_another_station_is_as_unknown_as_none(ana: Customer) -> None:
    stranger = staff(StationFactory())
    answers = [one(stranger, customer_id) for customer_id in (ana.pk, uuid4(), "1", "x" * 300, "%00")]
    assert {(status, body["code"], body["error"]) for status, body in answers} == {
        (404, "not_found", answers[0][1]["error"])
    }
