"""What every request gets on its way: a name, the origin that the trail records, and a page that travels light."""

import gzip
import re
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory

from accounts.audit import origin
from accounts.models import AuditEntry, User
from config.middleware import audit_origin, request_id
from stations.models import Station
from tests.factories import booking


def test_each_request_has_a_name_of_its_own_whatever_it_brings(db: None) -> None:
    names = {Client().get("/api/", headers={"X-Request-Id": "mine"}).headers["X-Request-Id"] for _n in range(3)}

    assert len(names) == 3
    assert all(re.fullmatch(r"[0-9a-f]{32}", name) for name in names)


def test_pages_travel_compressed_and_json_as_it_is(client: Client, station: Station, staff: User) -> None:
    client.force_login(staff)
    asked = {"Accept-Encoding": "gzip", "If-None-Match": ""}

    page = client.get("/calendar/week/?station=kitchen", headers=asked)
    rows = client.get("/api/bookings/admin/weekly?date_from=2031-03-03&date_to=2031-03-09", headers=asked)

    assert page["Content-Encoding"] == "gzip"
    assert b"<title>Kitchen" in gzip.decompress(page.content)
    assert "Content-Encoding" not in rows.headers
    assert rows["ETag"].startswith('"')


@pytest.mark.parametrize(
    ("path", "channel"),
    [("/admin/", "admin"), ("/api/", "api"), ("/calendar/week/", "page"), ("/", "page"), ("/apiary/", "page")],
)
def test_an_address_says_by_which_door_a_change_came(db: None, path: str, channel: str) -> None:
    seen: list[origin.Origin] = []

    def view(request: HttpRequest) -> HttpResponse:
        seen.append(origin.current_origin())
        return HttpResponse()

    answer = request_id(audit_origin(view))(RequestFactory().get(path))

    assert seen == [origin.Origin(origin.Channel(channel), None, "127.0.0.1", answer.headers["X-Request-Id"])]
    assert origin.current_origin() == origin.Origin()


def test_reading_asks_the_database_for_nobody(db: None, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        request_id(audit_origin(lambda _request: HttpResponse()))(RequestFactory().get("/calendar/week/"))


def test_a_page_knows_who_writes(staff: User, station: Station) -> None:
    made = booking(station)
    client = Client()
    client.force_login(staff)

    client.post(f"/bookings/{made.pk}/step/", {"status": "completed", "version": "1"})

    entry = AuditEntry.objects.get(event="status")
    assert (entry.actor, entry.channel, entry.remote_addr) == (staff, "page", "127.0.0.1")


def test_who_acted_in_one_request_is_forgotten_by_the_next(station: Station, staff: User) -> None:
    made = booking(station)
    client = Client()
    client.force_login(staff)

    client.patch(f"/api/bookings/{made.pk}/", {"party_adults": 2}, content_type="application/json")

    assert origin.current_origin() == origin.Origin()
