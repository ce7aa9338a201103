"""Malformed input: only one spelling of each value is accepted, and nothing causes a server error."""

import json
import re
from datetime import date, timedelta
from typing import Any, Final
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.customers import Contact
from bookings.models import Booking
from core.api.fields import DATE_PATTERN
from core.dates import FIRST_DATE, LAST_DATE
from stations.models import Station
from tests.bookings.api.caller import Caller, failure
from tests.factories import booking
from tests.samples import example_count

pytestmark = pytest.mark.looks

LIST, SEARCH = "/api/bookings/", "/api/customers/search"
NEW: Final[dict[str, Any]] = {"station": "kitchen", "date": "2031-03-07", "slot": "18:00", "party_adults": 2}
NO_DATES = [
    "20310307", "2031-W10-5", "2031-066", "2031-3-7", "2031-02-30", "2031-13-01", "07.03.2031", " 2031-03-07", "2031-03-07 ",
    "2031-03-07\n", "2031-03-07T00:00", "+2031-03-07", "-2031-03-07", "02031-03-07", "0000-01-01", "9999-12-31",
    "٢٠٣١-٠٣-٠٧", "２０３１-０３-０７", "2031–03–07", "today", "",
]  # fmt: skip
NO_SLOTS = [
    "1800", "18", "6:00", "18:0", "18:00:00", "18:00Z", "18:00+01:00", "24:00", "18:60", " 18:00", "18:00\n", "6:00 pm", "18.00",
    "١٨:٠٠", "１８:００", "-1:00", "",
]  # fmt: skip
NO_TEXT: list[Any] = [None, True, 5, 1.5, [], {}, ["2031-03-07"]]


def fault(response: Any) -> tuple[int, str, list[str]]:
    said = failure(response)
    return said["status"], said["code"], list(said["errors"])


@pytest.mark.parametrize("text", [*NO_DATES, *NO_TEXT])
def test_a_date_is_written_in_one_way(api: Caller, station: Station, text: Any) -> None:
    assert fault(api.post(LIST, {**NEW, "date": text})) == (400, "invalid_date", ["date"])


@pytest.mark.parametrize("text", NO_DATES)
def test_a_date_in_an_address_is_written_in_one_way(api: Caller, text: str) -> None:
    query = urlencode({"date_from": "2031-03-07", "date_to": text})

    assert fault(api.get(f"/api/bookings/admin/weekly?{query}")) == (400, "invalid_date", ["date_to"])


@pytest.mark.parametrize("day", [FIRST_DATE, LAST_DATE])
@pytest.mark.parametrize("beyond", [False, True])
def test_the_first_and_last_date_are_those_described(api: Caller, day: date, beyond: bool) -> None:
    asked = day + timedelta(days=(-1 if day == FIRST_DATE else 1) if beyond else 0)
    query = urlencode({"date_from": asked, "date_to": asked})

    answer = api.get(f"/api/bookings/admin/weekly?{query}")

    assert answer.status_code == (400 if beyond else 200)
    assert bool(re.fullmatch(DATE_PATTERN, asked.isoformat())) is not beyond


@pytest.mark.parametrize("text", [*NO_SLOTS, *NO_TEXT])
def test_a_slot_is_written_in_one_way(api: Caller, station: Station, text: Any) -> None:
    assert fault(api.post(LIST, {**NEW, "slot": text})) == (400, "invalid_slot", ["slot"])


@pytest.mark.parametrize("number", [True, False, "2", 2.5, None, [], {}, -1, 10_001, 2**31, 2**63, 2**64, 1e300])
@pytest.mark.parametrize("name", ["party_adults", "party_kids", "slots"])
def test_a_number_is_a_whole_one_in_its_range(api: Caller, station: Station, name: str, number: Any) -> None:
    assert fault(api.post(LIST, {**NEW, name: number})) == (400, "invalid", [name])


def test_a_whole_number_may_be_written_with_a_point_as_json_schema_has_it(api: Caller, station: Station) -> None:
    row = api.post(LIST, {**NEW, "party_adults": 2.0, "total_due_cents": 1e3}).json()["data"]

    assert (row["total_guests"], row["total_due_cents"]) == (2, 1000)


@pytest.mark.parametrize("name", ["total_due_cents", "deposit_due_cents"])
@pytest.mark.parametrize("number", [-1, 1_000_000_001, 10**30, "100", 1.5, True])
def test_money_is_whole_cents_in_its_range(api: Caller, station: Station, name: str, number: Any) -> None:
    assert fault(api.post(LIST, {**NEW, name: number})) == (400, "invalid", [name])


@pytest.mark.parametrize("text", ["\x00", "a\x00b", "\x07", "\x7f", "\x85", "a\nb", "x" * 10_000, 5, True, [], {}])
@pytest.mark.parametrize("name", ["source", "external_ref", "station"])
def test_a_line_of_text_is_short_and_without_control_characters(
    api: Caller, station: Station, name: str, text: Any
) -> None:
    assert fault(api.post(LIST, {**NEW, name: text})) == (400, "invalid", [name])


@pytest.mark.parametrize("text", ["\x00", "\x1b[31m", "x" * 2001, 5, [], {}])
def test_wishes_are_text_with_line_breaks_and_no_other_control_characters(
    api: Caller, station: Station, text: Any
) -> None:
    assert fault(api.post(LIST, {**NEW, "special_requests": text})) == (400, "invalid", ["special_requests"])


@pytest.mark.parametrize("name", ["name", "email", "phone"])
@pytest.mark.parametrize("text", ["\x00", "a\nb", "x" * 10_000, 5, [], None])
def test_a_customers_fields_are_lines_of_text(api: Caller, station: Station, name: str, text: Any) -> None:
    body = {**NEW, "customer": {"name": "Ana", name: text}}

    assert fault(api.post(LIST, body)) == (400, "invalid", [f"customer.{name}"])


@pytest.mark.parametrize("customer", ["Ana", 5, True, [], [{"name": "Ana"}]])
def test_a_customer_is_an_object(api: Caller, station: Station, customer: Any) -> None:
    assert fault(api.post(LIST, {**NEW, "customer": customer})) == (400, "invalid", ["customer"])


@pytest.mark.parametrize("pk", ["", "x", 5, None, True, [], "{00000000-0000-0000-0000-000000000000}", "٠" * 32])
def test_an_id_is_a_uuid(api: Caller, station: Station, pk: Any) -> None:
    assert fault(api.post(LIST, {**NEW, "customer_id": pk})) == (400, "invalid", ["customer_id"])


@pytest.mark.parametrize("q", [None, 5, [], {}, "", "\x00", "x" * 10_000])
def test_a_search_is_a_line_of_text(api: Caller, q: Any) -> None:
    assert fault(api.post(SEARCH, {"q": q})) == (400, "invalid", ["q"])


def test_a_long_unknown_name_is_named_in_part(api: Caller) -> None:
    said = failure(api.post(SEARCH, {"q": "ana", "x" * 10_000: 1}))

    assert said["errors"] == {"x" * 100: ["Unknown field."]}


@pytest.mark.parametrize(
    ("code", "status"), [("%00", 400), ("%0A", 400), ("x" * 5000, 400), ("%C3%A9", 404), ("%ED%A0%80", 404)]
)
def test_a_station_in_a_query_is_a_line_of_text(api: Caller, code: str, status: int) -> None:
    answer = api.get(f"/api/bookings/admin/weekly?date_from=2031-03-07&date_to=2031-03-07&station={code}")

    assert answer.status_code == status


@pytest.mark.parametrize("code", ["%00", "%0A", "%C3%A9", "x" * 5000, "%ED%A0%80"])
def test_a_station_in_an_address_that_no_code_can_be_is_not_found(api: Caller, code: str) -> None:
    assert failure(api.get(f"/api/stations/{code}/slots?date_from=2031-03-07&date_to=2031-03-07"))["status"] == 404


def test_what_is_stored_comes_back_unchanged(api: Caller, station: Station) -> None:
    texts = {
        "special_requests": "<script>alert(1)</script>\r\n\t' OR 1=1 -- \u202e𝒳 ",
        "source": "=cmd()",
        "external_ref": "{{7*7}}",
    }
    pk = api.post(LIST, {**NEW, **texts}).json()["data"]["booking_id"]

    row = api.get(f"{LIST}{pk}/").json()["data"]

    made = Booking.objects.get()
    assert (row["special_requests"], row["source"]) == (texts["special_requests"], texts["source"])
    assert {name: getattr(made, name) for name in texts} == texts


@pytest.fixture
def made(station: Station) -> Booking:
    return booking(station, status="cancelled", customer=Contact("Ana García"))


# --- anything at all -------------------------------------------------------------------------------------------------------

fuzz = settings(
    max_examples=example_count(150),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
GOOD: Final[dict[str, Any]] = {
    **NEW,
    "status": "arrived",
    "slots": 2,
    "party_kids": 1,
    "total_due_cents": 100,
    "deposit_due_cents": 100,
    "special_requests": "Quiet",
    "source": "web",
    "external_ref": "A-1",
    "customer": {"name": "Ana García", "email": "ana@example.com", "phone": "+1 202-555-0143"},
    "customer_id": "00000000-0000-4000-8000-000000000000",
    "email": "ana@example.com",
    "password": "x",
    "refresh": "x.y.z",
    "q": "ana",
}
anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["2031-03-07", "17:00"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=5,
)
names = st.sampled_from([*GOOD, "name", "phone"]) | st.text(max_size=10)
bodies = st.dictionaries(names, anything, max_size=5).flatmap(
    lambda odd: st.sets(st.sampled_from(list(GOOD))).map(lambda good: {**{name: GOOD[name] for name in good}, **odd})
)
words = st.text(max_size=30) | st.sampled_from(["2031-03-07", "2031-03-09", "kitchen", "pending", "9999-12-31"])
header = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=60)


@fuzz
@given(body=bodies, which=st.integers(0, 7))
def test_no_body_is_a_crash(api: Caller, made: Booking, body: Any, which: int) -> None:
    pk = made.pk
    calls = [
        ("POST", LIST),
        ("PATCH", f"{LIST}{pk}/"),
        ("POST", f"{LIST}{pk}/status/"),
        ("PATCH", f"/api/bookings/admin/{pk}"),
        ("POST", SEARCH),
        ("POST", "/api/auth/login"),
        ("POST", "/api/auth/refresh"),
        ("POST", "/api/auth/logout"),
    ]
    method, address = calls[which]

    answer = api.call(method, address, json.dumps(body))

    assert answer.status_code < 500


@fuzz
@given(raw=st.binary(max_size=60))
def test_no_bytes_are_a_crash(api: Caller, raw: bytes) -> None:
    assert api.call("POST", SEARCH, raw).status_code in (400, 200)


@fuzz
@given(
    query=st.dictionaries(
        st.sampled_from(["date_from", "date_to", "status", "station", "customer", "external_ref", "cursor", "x"]),
        words,
        max_size=6,
    ),
    address=st.sampled_from(["weekly", "monthly", "list", "slots"]),
)
def test_no_query_is_a_crash(api: Caller, station: Station, query: dict[str, str], address: str) -> None:
    known = {"list": LIST, "slots": "/api/stations/kitchen/slots"}
    base = known.get(address, f"/api/bookings/admin/{address}")

    assert api.get(f"{base}?{urlencode(query, errors='replace')}").status_code in (200, 400, 404)


@fuzz
@given(
    name=st.sampled_from(["Accept", "If_Match", "If_None_Match", "Accept_Language", "X_Forwarded_For", "Content_Type"]),
    value=header,
)
def test_no_header_is_a_crash(api: Caller, made: Booking, name: str, value: str) -> None:
    body = {"special_requests": "Quiet"}

    assert api.patch(f"{LIST}{made.pk}/", body, **{name: value}).status_code < 500
    assert (
        api.get("/api/bookings/admin/weekly?date_from=2031-03-07&date_to=2031-03-07", **{name: value}).status_code < 500
    )
