"""Every address there is, asked with what no browser sends: in its query, in its headers, as its body. Never a crash."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

import pytest
from django.db import transaction
from django.test import Client

from accounts.models import User
from tests.samples import SAMPLE_RATES, sample
from tests.test_access import ROWS, Row, World, built, world

__all__ = ["built", "world"]

ALONE: Final = ("\0", "9" * 30, "0001-01-01")
"""What one parameter says while no other says anything."""
TOGETHER: Final = (
    *ALONE,
    *("", "-1", "x" * 5000, "٢٠٣١-٠٣-٠٧", "9999-12-31", "\u202e", "NaN", "[]", "%00", "../../etc/passwd", "' OR 1=1--"),
)
"""What all of them say at once."""
KNOWN: Final = {
    "accounts/login/": ("next",),
    "calendar/": ("station", "date", "status", "customer", "booking"),
    "bookings/new/": ("station", "date", "slot", "slots", "customer"),
    "bookings/<uuid:booking_id>/move/": ("station", "date", "slot"),
    "bookings/<uuid:booking_id>/move-options/": ("first", "last", "station"),
    "api/bookings/": ("station", "status", "date_from", "date_to", "customer", "external_ref", "cursor"),
    "api/stations/": ("date_from", "date_to"),
}
"""What an address takes, and those below it. What the admin's lists make of one at a time stands in their own tests."""
OF_PAGES: Final = sorted({name for names in KNOWN.values() for name in names})
OF_THE_ADMIN: Final = (
    *(
        "q",
        "p",
        "o",
        "all",
        "e",
        "next",
        "station",
        "status",
        "kind",
        "action",
        "_changelist_filters",
        "_popup",
        "_to_field",
    ),
    *("station__id__exact", "id__in", "pk__gt", "pk__regex", "customer__name", "password__startswith", "app_label"),
)

HEADERS: Final[tuple[dict[str, str], ...]] = (
    {"If-None-Match": "\0"},
    {"If-None-Match": '"'},
    {"If-None-Match": "W/,*,Ã©"},
    {"If-Match": '"99999999999999999999"'},
    {"If-Modified-Since": "Mon, 99 Foo 99999 99:99:99 GMT"},
    {"Accept": "text/html;q=abc;;,*/*;version=\0"},
    {"Accept": "a/b/c"},
    {"Accept-Language": "x" * 9000},
    {"Accept-Language": "de;q=9e999,\0"},
    {"Accept-Encoding": "gzip;q=x,\0"},
    {"Authorization": "Bearer \0Ã©"},
    {"Authorization": "Bearer sb_" + "x" * 9000},
    {"Authorization": "Basic ==="},
    {"Content-Type": "text/html; charset=nope"},
    {"Cookie": "stationbook_session=\0; stationbook_language=../../x; stationbook_csrf=Ã©"},
    {"Cookie": "stationbook_session=" + "x" * 9000},
    {"Host": "testserver:99999"},
    {"Origin": "null"},
    {"Range": "bytes=-,9-1"},
    {"Referer": "http://[::1"},
    {"Transfer-Encoding": "chunked"},
    {"User-Agent": "\0Mobi"},
    {"X-Csrftoken": "Ã©"},
    {"X-Forwarded-For": "\0,"},
    {"X-Part": "\0"},
)
FORM, PARTS, JSON = "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/json"
BODIES: Final = (
    (FORM, b"date=%FF%00&station=%FF"),
    (FORM, b"=&&=%&a[b][]=1"),
    (f"{FORM}; charset=utf-16", b"\xff\xfe\x00"),
    (f"{FORM}; charset=nope", b"date=1"),
    (PARTS, b"--x"),
    ("multipart/form-data", b"--x"),
    (PARTS, b'--x\r\nContent-Disposition: form-data; name="date"; filename="\0"\r\n\r\nx\r\n--x--\r\n'),
    (JSON, b"{"),
    (JSON, b"[1]"),
    (JSON, b'{"date": 1e999, "station": "\xff"}'),
    (JSON, b'{"date":' + b"[" * 5000),
    (JSON, b'{"date": null, "slot": {}, "station": [], "version": true, "status": 0, "email": {}, "refresh": []}'),
    ("text/\xff", b"\xff"),
)


@pytest.fixture
def root(world: World) -> Client:
    client, person = Client(raise_request_exception=False), world.people["root"]
    assert isinstance(person, User)
    client.force_login(person)
    return client


Call = tuple[Any, Callable[[], Any]]
"""What is asked, in words, and the asking."""


def crashes(asked: Iterator[Call], one_in: int, *, at_least: int) -> list[Any]:
    """Try one in `one_in` of the calls, undo each, and return those that crash. There must be `at_least` that many in all."""
    found, calls = [], 0
    for what, ask in sample(asked, one_in):
        with transaction.atomic():
            answer = ask()
            b"".join(answer)
            transaction.set_rollback(True)
        calls += 1
        found += [what] if answer.status_code >= 500 else []
    assert calls >= at_least // one_in
    return found


READ: Final = [row for row in ROWS if row.method == "GET"]
WRITTEN: Final = [row for row in ROWS if row.method != "GET"]


def queries(row: Row) -> Iterator[dict[str, str]]:
    all_names = OF_THE_ADMIN if row.route.startswith("admin/") else OF_PAGES
    yield from (dict.fromkeys(all_names, odd) for odd in TOGETHER)
    for names in (names for prefix, names in KNOWN.items() if row.route.startswith(prefix)):
        yield from ({name: odd} for name in names for odd in ALONE)


@pytest.mark.parametrize("one_in", SAMPLE_RATES)
def test_no_query_is_a_crash(world: World, root: Client, one_in: int) -> None:
    def asked() -> Iterator[Call]:
        for row in READ:
            address = world.address(row.route)
            for query in queries(row):
                yield (row.route, query), partial(root.get, address, query)

    assert crashes(asked(), one_in, at_least=1200) == []


@pytest.mark.parametrize("one_in", SAMPLE_RATES)
def test_no_header_is_a_crash(world: World, root: Client, one_in: int) -> None:
    def asked() -> Iterator[Call]:
        for row in READ:
            address = world.address(row.route) + world.query(row.method, row.route)
            for headers in HEADERS:
                yield (row.route, headers), partial(root.get, address, headers=headers)

    assert crashes(asked(), one_in, at_least=1500) == []


@pytest.mark.parametrize("one_in", SAMPLE_RATES)
def test_no_body_is_a_crash(world: World, root: Client, one_in: int) -> None:
    def asked() -> Iterator[Call]:
        for method, route, _statuses in WRITTEN:
            for kind, body in BODIES:
                yield (route, kind, body), partial(root.generic, method, world.address(route), body, kind)

    assert crashes(asked(), one_in, at_least=500) == []
