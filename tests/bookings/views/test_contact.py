"""Customers' email and phone: on no page before somebody asks for them, and then in the audit trail."""

import re
from collections.abc import Iterator

import pytest
from django.test import Client

from accounts import customers, roles
from accounts.customers import Contact
from accounts.models import AuditEntry, User
from bookings.admin.audit_trail import describe
from bookings.mails import outbox
from bookings.models import Booking, Mail
from bookings.models.status import Status
from bookings.privacy import erasure
from core.errors import NotFound, NotPermitted
from stations.models import Station
from tests.factories import FRIDAY, booking, customer, open_station, person

ANA = Contact("Ana García", "quillon@example.com", "+49 30 23125987")
MARKS = ("quillon", "23125987", "5987")


@pytest.fixture
def made(station: Station) -> Booking:
    """A booking of Ana's with a mail that waits and one that failed, and one that needs a place."""
    found = booking(station, customer=ANA, special_requests="Nuts")
    outbox.queue_created([found])
    lost = booking(station, customer=ANA)
    lost.holds.all().delete()
    Booking.objects.filter(pk=lost.pk).update(needs_place=True)
    return found


@pytest.fixture
def visitor(staff: User, client: Client) -> Client:
    client.force_login(staff)
    return client


def marks_in(text: str) -> list[str]:
    """Digits within an id, a token or a tag are nobody's number."""
    rest = re.sub(r"[\w+/=-]{20,}", "", text)
    return [mark for mark in MARKS if mark in rest]


def reveals() -> list[tuple[str | None, str, list[str]]]:
    entries = AuditEntry.objects.filter(event="revealed").order_by("id")
    return [(entry.actor_email, entry.channel, list(entry.changes)) for entry in entries]


def addresses(made: Booking) -> Iterator[str]:
    for kind in ("week", "month", "day", "agenda", "stations", "door"):
        yield f"/calendar/{kind}/?station=kitchen&date=2031-03-07"
        yield f"/calendar/{kind}/?station=kitchen&date=2031-03-07&booking={made.pk}&customer={made.customer_id}"
    yield f"/bookings/new/?station=kitchen&customer={made.customer_id}"
    yield from (f"/bookings/{made.pk}/{page}" for page in ("", "edit/", "move/"))
    yield f"/bookings/{made.pk}/mails/{Mail.objects.get().pk}/"


@pytest.mark.parametrize("part", ["", "panel", "calendar"])
def test_no_page_has_the_contact_unasked(visitor: Client, made: Booking, part: str) -> None:
    for address in addresses(made):
        page = visitor.get(address, headers={"X-Part": part})
        assert (address, page.status_code, marks_in(page.content.decode())) == (address, 200, [])
    assert reveals() == []


def test_contact_is_shown_to_whoever_asks_and_each_time_is_in_the_trail(
    visitor: Client, staff: User, made: Booking
) -> None:
    pages = [visitor.post(f"/bookings/{made.pk}/contact/", headers={"X-Part": part}) for part in ("", "panel")]

    for page in pages:
        html = page.content.decode()
        assert ("mailto:quillon@example.com" in html, "tel:+493023125987" in html) == (True, True)
        assert "no-store" in page["Cache-Control"]
    assert reveals() == [(staff.email, "page", ["email", "phone"])] * 2
    entry = AuditEntry.objects.filter(event="revealed").latest("id")
    assert (entry.object_pk, entry.station, entry.action) == (str(made.customer_id), made.station, 3)
    assert marks_in(str(entry.changes)) == []
    assert marks_in(visitor.get(f"/bookings/{made.pk}/").content.decode()) == []


def test_contact_is_not_shown_without_the_right_or_the_station(made: Booking, station: Station, client: Client) -> None:
    for somebody, status in (
        (person(roles.VIEWERS, station), 403),
        (person(roles.INTEGRATORS, station), 403),
        (person(roles.STAFF, open_station()), 404),
    ):
        client.force_login(somebody)
        page = client.post(f"/bookings/{made.pk}/contact/")
        assert (page.status_code, marks_in(page.content.decode())) == (status, [])
    assert reveals() == []


def test_viewer_is_offered_no_contact(made: Booking, station: Station, client: Client) -> None:
    client.force_login(person(roles.VIEWERS, station))

    html = client.get(f"/bookings/{made.pk}/").content.decode()

    assert [word for word in ("Show contact", "contact/", "<dt>Email</dt>", "mailto:") if word in html] == []


def test_page_says_what_contact_there_is(visitor: Client, station: Station) -> None:
    found = {}
    for name, given in {"both": ANA, "phone": Contact("Bo", "", "+49 30 901824"), "none": None}.items():
        one = booking(station, customer=given)
        html = visitor.get(f"/bookings/{one.pk}/").content.decode()
        words = ("Email", "no email: please call", "Phone", "Show contact")
        found[name] = [word in html for word in words]

    assert found == {
        "both": [True, False, True, True],
        "phone": [False, True, True, True],
        "none": [False, False, False, False],
    }


@pytest.mark.parametrize(
    ("sent", "sentence"),
    [
        ("phone", "Contact shown (found by phone): email, phone"),
        ("reference", "Contact shown (found by reference): email, phone"),
        ("", "Contact shown: email, phone"),
        ("<b>", "Contact shown: email, phone"),
    ],
)
def test_audit_log_says_by_what_a_search_found_somebody(
    visitor: Client, made: Booking, sent: str, sentence: str
) -> None:
    visitor.post(f"/bookings/{made.pk}/contact/", {"found_by": sent})

    entry = AuditEntry.objects.get(event="revealed")
    assert describe(entry, None) == sentence


def test_nothing_is_recorded_where_there_is_nothing_to_show(visitor: Client, station: Station) -> None:
    walk_in = booking(station)
    gone = booking(station, FRIDAY.replace(year=2021), customer=ANA, status=Status.COMPLETED)
    assert gone.customer_id
    erasure.erase(gone.customer_id, by=roles.OPERATOR)

    pages = [visitor.post(f"/bookings/{one.pk}/contact/") for one in (walk_in, gone)]

    assert [(page.status_code, "Show contact" in page.content.decode()) for page in pages] == [(200, False)] * 2
    assert reveals() == []


@pytest.mark.parametrize("address", ["/calendar/search/", "/calendar/search/hits/", "/bookings/new/find/"])
@pytest.mark.parametrize(
    ("q", "by", "shown"),
    [
        ("gar", "", ["5987"]),
        ("quillon@example.com", "found by email", ["quillon", "5987"]),
        ("quil", "found by email", ["5987"]),
        ("030 23125987", "found by phone", ["23125987", "5987"]),
        ("2312 5987", "found by phone", ["5987"]),
        ("5987", "found by phone", ["5987"]),
    ],
)
def test_search_says_by_what_it_found_somebody_and_the_last_digits_of_their_phone_alone(
    visitor: Client, made: Booking, address: str, q: str, by: str, shown: list[str]
) -> None:
    html = visitor.post(address, {"q": q, "station": "kitchen"}).content.decode()

    hits = html.partition('class="hit"')[2]
    assert ("Ana García" in hits, by in hits, marks_in(hits)) == (True, True, ["5987"])
    assert [word for word in ("found by email", "found by phone") if word in hits] == [by] * bool(by)
    assert set(marks_in(html)) <= set(shown)
    assert "7 Mar 2031" in hits


def test_number_in_a_name_is_no_phone(visitor: Client, station: Station) -> None:
    customer(station, "Room 2023", "room@example.com", "+49 30 23125987")

    assert "found by" not in visitor.post("/calendar/search/", {"q": "2023"}).content.decode().partition("<ul")[2]


@pytest.fixture
def manager(station: Station, client: Client) -> Client:
    client.force_login(person(roles.MANAGERS, station, email="max@example.com"))
    return client


def test_admin_shows_the_contact_on_the_customers_own_page_alone(manager: Client, made: Booking) -> None:
    """The list has the last four digits, which distinguish people of the same name."""
    mail = Mail.objects.get()
    assert marks_in(manager.get("/admin/accounts/customer/").content.decode()) == ["5987"]
    for address in (
        "/admin/bookings/booking/",
        f"/admin/bookings/booking/{made.pk}/change/",
        "/admin/bookings/mail/",
        f"/admin/bookings/mail/{mail.pk}/change/",
        f"/admin/accounts/customer/{made.customer_id}/history/",
        f"/admin/accounts/customer/{made.customer_id}/erase/",
    ):
        page = manager.get(address)
        assert (address, page.status_code, marks_in(page.content.decode())) == (address, 200, [])
    assert reveals() == []

    page = manager.get(f"/admin/accounts/customer/{made.customer_id}/change/")

    assert (marks_in(page.content.decode()), reveals()) == (
        [*MARKS],
        [("max@example.com", "admin", ["email", "phone"])],
    )
    assert "no-store" in page["Cache-Control"]
    trail = manager.get("/admin/accounts/auditentry/?event=revealed").content.decode()
    assert "Contact shown: email, phone" in trail


def test_reveal_is_refused_as_a_service_too(station: Station) -> None:
    known = customer(station)

    with pytest.raises(NotPermitted):
        customers.reveal(known.pk, by=person(roles.VIEWERS, station))
    with pytest.raises(NotFound):
        customers.reveal(known.pk, by=person(roles.STAFF, open_station()))


def test_contact_that_an_import_kept_as_written_is_marked_and_no_link(visitor: Client, station: Station) -> None:
    made = booking(station, customer=Contact("Ana García", "n/a", "ask at the door"))

    before = visitor.get(f"/bookings/{made.pk}/").content.decode()
    after = visitor.post(f"/bookings/{made.pk}/contact/", follow=True).content.decode()

    marks = ("not a valid address", "not a valid number")
    assert [mark in page for page in (before, after) for mark in marks] == [True] * 4
    assert [text in after for text in ("n/a", "ask at the door", "mailto:", "tel:")] == [True, True, False, False]
