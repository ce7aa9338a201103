"""ETags, If-None-Match and compressed responses of the API."""

import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest

from accounts import customers, roles
from accounts.customers import Contact
from accounts.models import AuditEntry, User
from bookings import services
from bookings.models import Booking
from bookings.models.status import Status
from stations.models import Station
from tests import factories
from tests.bookings.api.caller import Caller
from tests.factories import booking

ANA = Contact("Ana García", "ana@example.com", "+12025550143")
WEEK = "/api/bookings/admin/weekly?date_from=2031-03-03&date_to=2031-03-09"
SLOTS = "/api/stations/kitchen/slots?date_from=2031-03-03&date_to=2031-03-09"
GZIP = {"Accept_Encoding": "deflate, gzip;q=0.8"}


@pytest.fixture
def made(station: Station) -> Booking:
    return booking(station, customer=ANA, special_requests="By the window. " * 100)


def addresses(made: Booking) -> list[str]:
    return [WEEK, SLOTS, f"/api/bookings/{made.pk}/", f"/api/customers/{made.customer_id}/"]


# --- what the caller has -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("which", range(4), ids=["week", "slots", "booking", "customer"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("named", ["{}", "W/{}", '"other", {}', 'W/"other",W/{}', "*"])
def test_answer_that_the_caller_has_is_not_sent_again(
    api: Caller, made: Booking, which: int, method: str, named: str
) -> None:
    address = addresses(made)[which]
    seen = api.get(address)

    again = api.call(method, address, If_None_Match=named.format(seen.headers["ETag"]))

    assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", seen.headers["ETag"])
    kept = "no-store" if which > 1 else "private, no-cache"  # one's own personal data stands in no cache
    assert again.headers["Cache-Control"] == seen.headers["Cache-Control"] == kept


@pytest.mark.parametrize("which", range(4), ids=["week", "slots", "booking", "customer"])
@pytest.mark.parametrize("named", ['"other"', "", "other", '"'])
def test_answer_that_the_caller_lacks_is_sent(api: Caller, made: Booking, which: int, named: str) -> None:
    assert api.get(addresses(made)[which], If_None_Match=named).status_code == 200


def edit_the_booking(made: Booking, by: User) -> None:
    services.edit(made.pk, {"party_adults": 3}, by=by)


def edit_the_customer(made: Booking, by: User) -> None:
    assert made.customer_id
    customers.edit(made.customer_id, {"email": "ana.garcia@example.com"}, by=by)


def take_a_right_away(made: Booking, by: User) -> None:
    by.groups.set(factories.person(roles.VIEWERS).groups.all())


@pytest.mark.parametrize(
    ("which", "change"),
    [
        (1, lambda made, by: services.change_status(made.pk, Status.CANCELLED, by=by)),
        (2, edit_the_booking),
        (2, edit_the_customer),
        (2, take_a_right_away),
        (3, edit_the_customer),
        (3, take_a_right_away),
    ],
)
def test_answer_is_sent_again_after_a_change(
    staff: User, made: Booking, which: int, change: Callable[[Booking, User], None]
) -> None:
    address = addresses(made)[which]
    seen = Caller(staff).get(address).headers["ETag"]
    change(made, staff)

    again = Caller(User.objects.get(pk=staff.pk)).get(address, If_None_Match=seen)

    assert again.status_code == 200
    assert again.headers["ETag"] != seen


@pytest.mark.parametrize("which", range(4), ids=["week", "slots", "booking", "customer"])
def test_answer_to_nobodys_eyes_is_not_told_apart(made: Booking, bar: Station, which: int) -> None:
    """Not found comes first: a tag tells nothing of what one may not see."""
    stranger = Caller(factories.staff(bar))
    address = addresses(made)[which] + ("&station=kitchen" if which == 0 else "")

    assert stranger.get(address, If_None_Match="*").status_code == 404


def test_answer_that_the_caller_has_is_no_reading_in_the_audit_log(api: Caller, made: Booking) -> None:
    assert api.get(addresses(made)[2], If_None_Match="*").status_code == 304
    assert not AuditEntry.objects.filter(event="bookings_read").exists()


def test_tag_of_a_booking_whose_customer_changed_is_its_version_to_writes(
    api: Caller, staff: User, made: Booking
) -> None:
    edit_the_customer(made, staff)
    tag = api.get(addresses(made)[2]).headers["ETag"]

    answer = api.patch(addresses(made)[2], {"party_adults": 4}, If_Match=tag)

    assert (answer.status_code, tag[:3], answer.headers["ETag"]) == (200, '"1.', '"2"')
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("which", range(4), ids=["week", "slots", "booking", "customer"])
def test_page_for_a_browser_is_made_anew(staff: User, made: Booking, which: int) -> None:
    page = Caller(staff, session=True).get(addresses(made)[which], Accept="text/html", If_None_Match="*")

    assert (page.status_code, "ETag" in page.headers, page.headers["Cache-Control"]) == (200, False, "no-store")


# --- compressed ----------------------------------------------------------------------------------------------------------


def test_answer_over_a_kilobyte_travels_compressed_with_a_tag_of_its_own(api: Caller, made: Booking) -> None:
    plain, small = api.get(WEEK), api.get(WEEK, **GZIP)

    assert gzip.decompress(small.content) == plain.content
    assert (small.headers["Content-Encoding"], int(small.headers["Content-Length"])) == ("gzip", len(small.content))
    assert small.headers["ETag"] == f'{plain.headers["ETag"][:-1]}-gzip"'
    assert "Content-Encoding" not in plain.headers
    assert {answer.headers["Vary"] for answer in (plain, small)} == {
        "Accept, Accept-Encoding, Authorization, Cookie, Accept-Language"
    }


def test_answer_under_a_kilobyte_travels_as_it_is(api: Caller, station: Station) -> None:
    answer = api.get(WEEK, **GZIP)

    assert "Content-Encoding" not in answer.headers
    assert answer.json()["data"] == []


@pytest.mark.parametrize("accepted", ["identity", "gzip;q=0", "gzip; q=0.0, *", "br", "*;q=0"])
def test_answer_is_not_compressed_for_those_who_do_not_take_it(api: Caller, made: Booking, accepted: str) -> None:
    assert "Content-Encoding" not in api.get(WEEK, Accept_Encoding=accepted).headers


def test_answer_to_a_browsers_session_is_never_compressed(staff: User, made: Booking) -> None:
    answer = Caller(staff, session=True).get(WEEK, **GZIP)

    assert "Content-Encoding" not in answer.headers
    assert answer.json()["total_count"] == 1


@pytest.mark.parametrize("before", [{}, GZIP], ids=["plain", "compressed"])
@pytest.mark.parametrize("after", [{}, GZIP], ids=["plain", "compressed"])
@pytest.mark.parametrize("which", [0, 1, 2], ids=["week", "slots", "booking"])
def test_answer_seen_before_is_known_compressed_or_not(
    api: Caller, made: Booking, which: int, before: dict[str, str], after: dict[str, str]
) -> None:
    address = addresses(made)[which]
    tag = api.get(address, **before).headers["ETag"]

    again = api.get(address, If_None_Match=tag, **after)

    assert again.status_code == 304
    assert again.headers["ETag"] == tag if before == after else '"' in again.headers["ETag"]


def test_tag_of_a_compressed_booking_is_its_version_to_writes(api: Caller, made: Booking) -> None:
    tag = api.get(addresses(made)[2], **GZIP).headers["ETag"]

    assert (tag, api.patch(addresses(made)[2], {"party_adults": 4}, If_Match=tag).status_code) == ('"1-gzip"', 200)


def test_failure_and_description_travel_compressed_too(db: None) -> None:
    answer: Any = Caller().get("/api/schema/", **GZIP)

    assert json.loads(gzip.decompress(answer.content))["openapi"] == "3.1.1"
