"""Whose address a request has: behind proxies, over IPv6, and with whatever stands in X-Forwarded-For."""

import logging
from typing import Any

import pytest
from django.test import Client, RequestFactory

from accounts.models import AuditEntry, User
from core.web import client_address
from core.web.client_address import parse_address, remote_address
from stations.models import Station
from tests.factories import PASSWORD, booking

PEER = "192.0.2.1"
LOGIN = "/accounts/login/"


@pytest.fixture(autouse=True)
def nothing_logged_yet() -> None:
    client_address._warn_once.cache_clear()


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("203.0.113.7", "203.0.113.7"),
        (" 203.0.113.7 ", "203.0.113.7"),
        ("203.0.113.7:51234", "203.0.113.7"),
        ("2001:db8::1", "2001:db8::1"),
        ("2001:0DB8:0::1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("[2001:db8::1]:51234", "2001:db8::1"),
        ('"[2001:db8::1]:51234"', "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("[fe80::1%eth0]:443", "fe80::1"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("::FFFF:cb00:7107", "203.0.113.7"),
        ("[::ffff:203.0.113.7]:51234", "203.0.113.7"),
        ("", None),
        ("unknown", None),
        ("_hidden", None),
        ("no address", None),
        ("203.0.113", None),
        ("203.0.113.7.", None),
        ("203.0.113.007", None),
        ("[2001:db8::1", "2001:db8::1"),
        ("[]:80", None),
        (":", None),
        ("x" * 300, None),
        ("1" * 300, None),
        ("203.0.113.7\0", None),
    ],
)
def test_address_is_parsed(text: str, address: str | None) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        (0, "203.0.113.7", PEER),
        (0, None, PEER),
        (1, "203.0.113.7", "203.0.113.7"),
        (1, "198.51.100.9, 203.0.113.7", "203.0.113.7"),
        (1, "198.51.100.9,203.0.113.7:51234", "203.0.113.7"),
        (1, "no address", PEER),
        (1, "203.0.113.7, no address", PEER),
        (1, "", PEER),
        (1, ",", PEER),
        (1, None, PEER),
        (2, "198.51.100.9, 203.0.113.7, 10.0.0.2", "203.0.113.7"),
        (2, "203.0.113.7,10.0.0.2", "203.0.113.7"),
        (2, "[2001:db8::1]:443, 10.0.0.2:80", "2001:db8::1"),
        (2, "198.51.100.9, rubbish, 10.0.0.2", PEER),
        (2, "203.0.113.7", PEER),
        (3, "198.51.100.9, 203.0.113.7, 10.0.0.3, 10.0.0.2", "203.0.113.7"),
    ],
)
def test_address_is_believed_only_from_proxies_of_ones_own(
    settings: Any, proxies: int, forwarded: str | None, address: str
) -> None:
    settings.TRUSTED_PROXIES = proxies
    request = RequestFactory().get("/", headers={} if forwarded is None else {"X-Forwarded-For": forwarded})
    request.META["REMOTE_ADDR"] = PEER

    assert remote_address(request) == address


@pytest.mark.parametrize(("peer", "address"), [("::ffff:192.0.2.1", "192.0.2.1"), ("", None), ("unix:", None)])
def test_peer_is_parsed_as_well(peer: str, address: str | None) -> None:
    assert remote_address(RequestFactory().get("/", REMOTE_ADDR=peer)) == address


def test_rubbish_is_logged_once_and_not_quoted(settings: Any, caplog: pytest.LogCaptureFixture) -> None:
    settings.TRUSTED_PROXIES = 1
    for number in range(3):
        remote_address(RequestFactory().get("/", headers={"X-Forwarded-For": f"rubbish {number}"}))

    [line] = [one for one in caplog.records if one.name == "core.web.client_address"]
    assert (line.levelno, "TRUSTED_PROXIES=1" in line.getMessage()) == (logging.WARNING, True)
    assert "rubbish" not in line.getMessage()


def statuses(addresses: list[str], header: str = "") -> list[int]:
    """Of a failed sign-in from each of them, as another person each time."""
    found = []
    for number, address in enumerate(addresses):
        client = Client(headers={header: address}) if header else Client(REMOTE_ADDR=address)
        body = {"email": f"person-{number}@example.com", "password": "wrong"}
        found.append(client.post(LOGIN, body).status_code)
    return found


def test_callers_over_mapped_ipv4_share_no_sign_in_limit(db: None, settings: Any) -> None:
    settings.LOGIN_RATE_LIMIT = "2/day"

    assert statuses(["::ffff:203.0.113.7"] * 3) == [400, 400, 429]
    assert statuses(["::ffff:203.0.113.8"]) == [400]
    assert statuses(["203.0.113.7"]) == [429]


@pytest.mark.parametrize("spelling", ["203.0.113.7:{}", "[::ffff:203.0.113.7]:{}", "[2001:db8::7]:{}"])
def test_callers_with_a_port_meet_the_sign_in_limit(db: None, settings: Any, spelling: str) -> None:
    settings.LOGIN_RATE_LIMIT, settings.TRUSTED_PROXIES = "2/day", 1

    assert statuses([spelling.format(port) for port in (51234, 51235, 51236)], "X-Forwarded-For") == [400, 400, 429]


def test_callers_with_rubbish_meet_the_sign_in_limit(db: None, settings: Any) -> None:
    settings.LOGIN_RATE_LIMIT, settings.TRUSTED_PROXIES = "2/day", 1

    assert statuses(["rubbish", "more", "x" * 300], "X-Forwarded-For") == [400, 400, 429]


@pytest.mark.parametrize(
    ("forwarded", "recorded"),
    [("203.0.113.7:51234", "203.0.113.7"), ("x" * 300, "127.0.0.1"), ("::ffff:1.2.3.4", "1.2.3.4")],
)
def test_audit_log_has_the_address(staff: User, station: Station, settings: Any, forwarded: str, recorded: str) -> None:
    settings.TRUSTED_PROXIES = 1
    made = booking(station)
    client = Client(headers={"X-Forwarded-For": forwarded, "X-Correlation-Id": "y" * 300})
    client.post(LOGIN, {"email": staff.email, "password": PASSWORD})

    answer = client.patch(f"/api/bookings/{made.pk}/", {"party_adults": 2}, content_type="application/json")

    assert (answer.status_code, AuditEntry.objects.get(event="edited").remote_addr) == (200, recorded)
