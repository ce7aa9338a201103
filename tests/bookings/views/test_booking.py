"""A booking's own page, its steps, “Move to…”, editing, and making a new one: plain forms, all of it."""

import re
from datetime import date, time
from typing import Any

import pytest
from django.test import Client

from accounts import roles
from accounts.customers import Contact
from accounts.models import AuditEntry, Session, User
from bookings import services
from bookings.models import Booking
from bookings.models.status import Status
from bookings.services import Place
from stations.models import Opening, Station
from tests.factories import FRIDAY, SATURDAY, ExceptionFactory, booking, customer, open_station, person

pytestmark = pytest.mark.looks


@pytest.fixture
def visitor(staff: User, client: Client) -> Client:
    client.force_login(staff)
    return client


def test_page_shows_all_of_a_booking(visitor: Client, station: Station, staff: User) -> None:
    contact = Contact("Ana García", "ana@example.com", "+49 30 901820")
    made = booking(
        station,
        customer=contact,
        party_kids=2,
        total_due_cents=12050,
        deposit_due_cents=2000,
        special_requests="Nuts!\nWindow",
    )
    services.reschedule(made.pk, to=Place(SATURDAY, time(19)), by=staff)

    html = visitor.get(f"/bookings/{made.pk}/").content.decode()

    for words in (
        "Ana García",
        "Show contact",
        "Saturday 8 March 2031",
        "1 adult, 2 children",
        "100,50\N{NO-BREAK SPACE}€",
        "Nuts!<br>Window",
        "Fri 7 Mar 2031 18:00 → Sat 8 Mar 2031 19:00",
        f"by {staff.email}",
    ):
        assert words in html, words


def facts(html: str) -> dict[str, str]:
    """What the page says of a booking: the names and their values, whole."""
    [listed] = re.findall(r'<dl class="facts">(.*?)</dl>', html, re.DOTALL)
    pairs = re.findall(r"<dt>(.*?)</dt>\s*<dd[^>]*>(.*?)</dd>", listed, re.DOTALL)
    return {name: " ".join(re.sub(r"<[^>]+>", "", value).split()) for name, value in pairs}


@pytest.mark.parametrize(
    ("slot", "slots", "when"),
    [
        (time(20), 1, "Friday 7 March 2031, 20:00 to 22:00 · confirmed"),
        (time(20), 2, "Friday 7 March 2031, 20:00 to Sat 8 Mar 00:00 · 2 slots · confirmed"),
        (time(23), 1, "Friday 7 March 2031, 23:00 to Sat 8 Mar 01:00 · confirmed"),
    ],
)
def test_page_says_when_a_booking_ends_and_on_which_day(
    client: Client, db: None, slot: time, slots: int, when: str
) -> None:
    station = open_station(hours=[20, 22], minutes=120)
    Opening.objects.filter(station=station, start=time(22)).update(start=slot if slot == time(23) else time(22))
    client.force_login(person(roles.STAFF, station))
    made = booking(station, slot=slot, slots=slots)

    [summary] = re.findall(
        r'<p class="summary">(.*?)</p>', client.get(f"/bookings/{made.pk}/").content.decode(), re.DOTALL
    )
    assert " ".join(re.sub(r"<[^>]+>", " ", summary).split()) == f"{when} {station.name} (Europe/Berlin)"


def test_history_says_once_that_a_command_did_it_and_by_which_door_a_person_came(
    visitor: Client, station: Station, staff: User
) -> None:
    made = booking(station)
    services.reschedule(made.pk, to=Place(SATURDAY, time(19)), by=staff)

    page = " ".join(re.sub(r"<[^>]+>", "", visitor.get(f"/bookings/{made.pk}/").content.decode()).split())

    clock = r"\w+ \d+ \w+ \d\d:\d\d"
    assert re.search(f"19:00, by {staff.email}, {clock} command", page)
    assert re.search(f"Earlier changes Booked: .* 18:00, by a command, {clock}(?! ?command)", page)


@pytest.mark.usefixtures("on_friday")
@pytest.mark.parametrize(
    ("status", "buttons"),
    [
        (Status.PENDING, {"confirmed", "arrived", "cancelled"}),
        (Status.CONFIRMED, {"arrived", "completed", "no_show", "cancelled"}),
        (Status.CANCELLED, {"pending", "confirmed"}),
    ],
)
def test_page_offers_the_steps_that_are_allowed(
    visitor: Client, station: Station, status: Status, buttons: set[str]
) -> None:
    made = booking(station, status=status)

    html = visitor.get(f"/bookings/{made.pk}/").content.decode()

    assert set(re.findall(r'name="status" value="(\w+)"', html)) == buttons


def test_page_offers_to_restore_as_confirmed_before_as_pending(visitor: Client, station: Station) -> None:
    made = booking(station, status=Status.CANCELLED)

    html = visitor.get(f"/bookings/{made.pk}/").content.decode()

    assert re.findall(r'name="status" value="(\w+)"', html) == ["confirmed", "pending"]


@pytest.mark.parametrize(
    ("status", "buttons"),
    [
        (Status.CONFIRMED, {"completed", "cancelled"}),
        (Status.NO_SHOW, {"confirmed"}),
    ],
)
def test_page_offers_no_arrival_and_no_no_show_before_the_day(
    visitor: Client, station: Station, status: Status, buttons: set[str]
) -> None:
    made = booking(station, status=status)

    for address in (f"/bookings/{made.pk}/", f"/calendar/week/?station=kitchen&date=2031-03-07&booking={made.pk}"):
        html = visitor.get(address).content.decode()
        assert set(re.findall(r'name="status" value="(\w+)"', html)) == buttons


@pytest.mark.parametrize("status", ["arrived", "no_show"])
def test_step_that_is_too_early_says_from_when_on(visitor: Client, station: Station, status: str) -> None:
    made = booking(station)

    answer = visitor.post(f"/bookings/{made.pk}/step/", {"status": status, "version": 1})

    assert answer.status_code == 409
    [alert] = re.findall(r'role="alert">(.*?)</div>', answer.content.decode(), re.DOTALL)
    word = {"arrived": "arrived", "no_show": "no-show"}[status]
    assert alert == f"<p>A booking cannot be marked as {word} before its day, Fri 7 Mar 2031.</p>"
    assert Booking.objects.get(pk=made.pk).status == "confirmed"


@pytest.mark.usefixtures("on_friday")
def test_step_button_changes_the_status_and_says_so(visitor: Client, station: Station) -> None:
    made = booking(station)

    html = visitor.post(f"/bookings/{made.pk}/step/", {"status": "arrived", "version": 1}, follow=True).content.decode()

    assert Booking.objects.get(pk=made.pk).status == "arrived"
    assert "Walk-in has arrived." in html
    assert AuditEntry.objects.get(event="status").channel == "page"


@pytest.mark.parametrize("words", [{}, {"status": "x", "version": 1}, {"status": "arrived", "version": "\x00"}])
def test_step_that_cannot_be_read_changes_nothing(visitor: Client, station: Station, words: dict[str, Any]) -> None:
    made = booking(station)

    assert visitor.post(f"/bookings/{made.pk}/step/", words).status_code == 400
    assert Booking.objects.get(pk=made.pk).version == 1


def test_number_of_guests_is_changed_by_one_button(visitor: Client, station: Station) -> None:
    made = booking(station, customer=Contact("Nora Silva"), party_adults=2, party_kids=1)

    answer = visitor.post(f"/bookings/{made.pk}/party/", {"guests": 5, "version": 1}, follow=True)

    made.refresh_from_db()
    assert (made.party_adults, made.party_kids) == (4, 1)
    assert "Nora Silva: Party changed from 3 to 5." in answer.content.decode()


@pytest.mark.parametrize(
    "words", [{"guests": 1}, {"guests": "many"}, {"guests": 10**6}, {"guests": 4, "version": "x"}, {}]
)
def test_number_of_guests_that_cannot_be_read_or_leaves_no_adult_changes_nothing(
    visitor: Client, station: Station, words: dict[str, Any]
) -> None:
    made = booking(station, party_adults=2, party_kids=1)

    answer = visitor.post(f"/bookings/{made.pk}/party/", {"version": 1, **words})

    assert answer.status_code == 400
    made.refresh_from_db()
    assert (made.party_adults, made.party_kids, made.version) == (2, 1, 1)


def test_number_of_guests_beyond_the_slot_is_refused_on_the_booking(visitor: Client, station: Station) -> None:
    Opening.objects.update(guest_capacity=4)
    made = booking(station, party_adults=2)

    answer = visitor.post(f"/bookings/{made.pk}/party/", {"guests": 6, "version": 1})

    assert answer.status_code == 409
    assert "Target time slot is fully booked: it has room for 4 more guests." in answer.content.decode()
    made.refresh_from_db()
    assert made.party_adults == 2


def test_step_of_a_booking_changed_meanwhile_says_who_and_what(visitor: Client, station: Station) -> None:
    made, other = booking(station), person(roles.STAFF, station, email="sam@example.com")
    services.reschedule(made.pk, to=Place(SATURDAY, time(19)), by=other)

    answer = visitor.post(f"/bookings/{made.pk}/step/", {"status": "arrived", "version": 1})

    assert answer.status_code == 409
    assert (
        "sam@example.com has changed this booking: Fri 7 Mar 2031 18:00 → Sat 8 Mar 2031 19:00"
        in answer.content.decode()
    )


def test_move_form_lists_the_slots_of_a_day(visitor: Client, station: Station) -> None:
    made = booking(station)
    ExceptionFactory(station=station, date=SATURDAY, slot=time(19), reason="Stocktaking")

    html = visitor.get(f"/bookings/{made.pk}/move/", {"date": "2031-03-08"}).content.decode()

    assert re.findall(r'name="slot" value="([\d:]+)"( disabled)?', html) == [
        ("17:00", ""),
        ("18:00", ""),
        ("19:00", " disabled"),
        ("20:00", ""),
        ("21:00", ""),
    ]
    assert "closed: Stocktaking" in html


def test_move_by_the_plain_form_goes_back_with_a_notice_and_undo(visitor: Client, station: Station) -> None:
    made = booking(station)
    here = "/calendar/month/?station=kitchen&date=2031-03-07"

    answer = visitor.post(
        f"/bookings/{made.pk}/move/", {"date": "2031-03-08", "slot": "19:00", "version": 1, "next": here}, follow=True
    )

    html = answer.content.decode()
    assert answer.redirect_chain == [(here, 302)]
    assert "Walk-in moved from 18:00, Fri 7 Mar to 19:00, Sat 8 Mar." in html
    undo = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', html[html.index("data-undo") :]))
    assert (undo["booking"], undo["version"]) == (str(made.pk), "2")
    undone = visitor.post("/bookings/undo/", {**undo, "next": here}, follow=True)
    assert "Undone: Walk-in is back at 18:00, Fri 7 Mar." in undone.content.decode()
    assert Booking.objects.get(pk=made.pk).date == FRIDAY


def test_move_that_is_refused_says_why_and_offers_the_slots_again(visitor: Client, station: Station) -> None:
    made = booking(station)
    for _n in range(3):
        booking(station, SATURDAY)

    answer = visitor.post(f"/bookings/{made.pk}/move/", {"date": "2031-03-08", "slot": "18:00", "version": 1})

    html = answer.content.decode()
    assert answer.status_code == 400
    assert "Target time slot is fully booked" in html
    assert 'value="17:00"' in html
    assert Booking.objects.get(pk=made.pk).date == FRIDAY


@pytest.mark.parametrize(
    ("words", "status", "code"),
    [
        ({"date": "2031-03-08", "slot": "19:00", "version": 1}, 200, None),
        ({"date": "2031-03-08", "slot": "19:00", "version": 7}, 409, "stale"),
        ({"date": "2031-03-08", "slot": "03:00", "version": 1}, 400, "no_such_slot"),
        ({"date": "2020-03-08", "slot": "18:00", "version": 1}, 400, "past"),
        ({"date": "x", "slot": "18:00"}, 400, "invalid"),
        ({}, 400, "invalid"),
    ],
)
def test_move_answers_the_pages_script_in_json(
    visitor: Client, station: Station, words: dict[str, Any], status: int, code: str | None
) -> None:
    made = booking(station)

    answer = visitor.post(f"/bookings/{made.pk}/move/", words, headers={"accept": "application/json"})

    assert answer.status_code == status
    assert answer.json().get("code") == code
    assert ("Undo" in answer.json().get("notice", "")) == (status == 200)


def test_move_goes_back_to_addresses_of_ours_only(visitor: Client, station: Station) -> None:
    made = booking(station)
    for number, there in enumerate(("https://evil.example.com/", "//evil.example.com", "javascript:x", "\\\\evil")):
        slot = ("19:00", "18:00")[number % 2]
        answer = visitor.post(f"/bookings/{made.pk}/move/", {"date": "2031-03-07", "slot": slot, "next": there})
        assert answer["Location"].startswith("/calendar/week/")


def test_move_offers_the_persons_own_stations_of_the_same_currency(
    visitor: Client, station: Station, staff: User
) -> None:
    near, dollars, foreign = (
        open_station(name="Near"),
        open_station(name="Dollars", currency="USD"),
        open_station(name="Foreign"),
    )
    staff.stations.add(near, dollars)
    made = booking(station)

    html = visitor.get(f"/bookings/{made.pk}/move/").content.decode()

    assert [name in html for name in ("Near", "Dollars", "Foreign")] == [True, False, False]
    assert visitor.get(f"/bookings/{made.pk}/move/", {"station": foreign.code}).status_code == 404
    assert visitor.get(f"/bookings/{made.pk}/move/", {"station": dollars.code}).status_code == 404


@pytest.mark.parametrize("address", ["", "edit/", "step/", "move/"])
def test_another_stations_booking_is_not_there(visitor: Client, address: str) -> None:
    theirs = booking(open_station())

    for method in (visitor.get, visitor.post):
        assert method(f"/bookings/{theirs.pk}/{address}").status_code in (404, 405)
    assert visitor.post(f"/bookings/{theirs.pk}/move/", {"date": "2031-03-08", "slot": "19:00"}).status_code == 404


@pytest.mark.parametrize("address", ["edit/", "move/"])
def test_viewers_change_nothing(client: Client, station: Station, address: str) -> None:
    client.force_login(person(roles.VIEWERS, station))
    made = booking(station)

    assert client.get(f"/bookings/{made.pk}/{address}").status_code == 403
    assert client.post(f"/bookings/{made.pk}/step/", {"status": "arrived", "version": 1}).status_code == 403
    assert client.get(f"/bookings/{made.pk}/").status_code == 200


def test_edit_changes_what_the_form_says(visitor: Client, station: Station) -> None:
    made = booking(station)
    words = {
        "party_adults": 4,
        "party_kids": 1,
        "slots": 2,
        "special_requests": "Nuts!",
        "total_due_cents": "12.50",
        "deposit_due_cents": "2",
    }

    answer = visitor.post(f"/bookings/{made.pk}/edit/", {**words, "version": 1}, follow=True)

    made.refresh_from_db()
    assert "Walk-in: Party changed from 1 to 5." in answer.content.decode()
    assert (made.party_adults, made.slots, made.total_due_cents, made.deposit_due_cents) == (4, 2, 1250, 200)
    assert made.special_requests == "Nuts!"


@pytest.mark.parametrize(
    ("typed", "cents"),
    [
        ("45", 4500),
        ("45.5", 4550),
        ("45,50", 4550),
        ("1.234,50", 123450),
        ("1,234.50", 123450),
        ("1 234,50", 123450),
        ("€45.50", 4550),
        ("45,50 €", 4550),
        ("", 0),
    ],
)
def test_amount_is_taken_as_it_was_meant(visitor: Client, station: Station, typed: str, cents: int) -> None:
    made = booking(station, total_due_cents=1)
    words = {"party_adults": 1, "party_kids": 0, "slots": 1, "version": 1, "total_due_cents": typed}

    assert visitor.post(f"/bookings/{made.pk}/edit/", words).status_code == 302
    assert Booking.objects.get().total_due_cents == cents


@pytest.mark.parametrize(
    ("currency", "language", "stored", "shown", "on_page"),
    [
        ("JPY", "en", 4500, "4500", "4.500\N{NO-BREAK SPACE}JP¥"),
        ("KWD", "de", 1234, "1,234", "1,234\N{NO-BREAK SPACE}KWD"),
        ("EUR", "de", 123450, "1234,50", "1.234,50\N{NO-BREAK SPACE}€"),
    ],
)
def test_amount_has_the_decimals_of_its_currency_and_is_saved_as_shown(
    client: Client, db: None, currency: str, language: str, stored: int, shown: str, on_page: str
) -> None:
    station = open_station(currency=currency)
    made = booking(station, total_due_cents=stored)
    client.force_login(person(roles.STAFF, station))
    client.cookies["django_language"] = language
    form = client.get(f"/bookings/{made.pk}/edit/").context["form"]
    words = {field.name: field.value() for field in form if field.value() is not None}

    client.post(f"/bookings/{made.pk}/edit/", {**words, "party_adults": 2})

    made.refresh_from_db()
    assert (words["total_due_cents"], made.party_adults, made.total_due_cents) == (shown, 2, stored)
    assert on_page in client.get(f"/bookings/{made.pk}/").content.decode()


def test_edit_saved_as_it_was_shown_changes_nothing(visitor: Client, station: Station) -> None:
    """Browsers end lines by CRLF, and a form trims: neither may pass for an edit."""
    made = booking(
        station, special_requests="  Nuts!\n\n\tWindow\n", source=" phone ", external_ref=" A1 ", total_due_cents=1
    )
    shown = visitor.get(f"/bookings/{made.pk}/edit/").context["form"]
    words = {field.name: str(field.value()).replace("\n", "\r\n") for field in shown}

    visitor.post(f"/bookings/{made.pk}/edit/", words)

    made.refresh_from_db()
    assert (made.version, made.special_requests, made.source) == (1, "  Nuts!\n\n\tWindow\n", " phone ")


def test_edit_takes_lines_as_every_other_door_does(visitor: Client, station: Station) -> None:
    made = booking(station)
    words = {"party_adults": 1, "party_kids": 0, "slots": 1, "version": 1, "special_requests": "Nuts!\r\nWindow"}

    visitor.post(f"/bookings/{made.pk}/edit/", words)

    assert Booking.objects.get().special_requests == "Nuts!\nWindow"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ({"slots": 9}, "slots follow each other"),
        ({"deposit_due_cents": "9"}, "The deposit cannot be more than the total."),
        ({"party_adults": 0}, "A party has at least one guest."),
        ({"party_adults": "x"}, "Enter a whole number."),
        ({"total_due_cents": "NaN"}, "This is not an amount."),
        ({"total_due_cents": "1.234"}, "This amount is ambiguous."),
        ({"total_due_cents": "12.345,6789"}, "at most 2 decimals"),
        ({"total_due_cents": "-5"}, "This is not an amount."),
        ({"total_due_cents": "99999999999"}, "This amount is too large."),
        ({"version": 7}, "has changed this booking"),
        ({"special_requests": "a\x07b"}, "Control characters"),
    ],
)
def test_edit_that_is_refused_says_why_on_the_form(
    visitor: Client, station: Station, words: dict[str, Any], sentence: str
) -> None:
    made = booking(station)
    said = {
        "party_adults": 1,
        "party_kids": 0,
        "slots": 1,
        "total_due_cents": "0",
        "deposit_due_cents": "0",
        "version": 1,
    }

    answer = visitor.post(f"/bookings/{made.pk}/edit/", {**said, **words})

    assert answer.status_code == 400
    assert sentence in answer.content.decode()
    assert Booking.objects.get(pk=made.pk).version == 1


NEW = {
    "station": "kitchen",
    "date": "2031-03-07",
    "slot": "18:00",
    "slots": 1,
    "party_adults": 2,
    "party_kids": 0,
    "status": "confirmed",
}


def test_new_booking_from_a_free_cell_begins_with_its_place(visitor: Client, station: Station) -> None:
    html = visitor.get("/bookings/new/", {"station": "kitchen", "date": "2031-03-07", "slot": "19:00"}).content.decode()

    assert 'value="2031-03-07"' in html
    assert '<option value="19:00" selected>19:00 · 3 of 3 free</option>' in html


def test_new_booking_is_made_with_its_customer(visitor: Client, station: Station) -> None:
    words = {**NEW, "name": "Ana García", "email": "ana@example.com", "phone": "030 901820", "total_due_cents": "10"}

    answer = visitor.post("/bookings/new/", words, follow=True)

    made = Booking.objects.get()
    assert made.customer is not None
    assert (made.customer.name, made.customer.phone, made.total_due_cents) == ("Ana García", "+4930901820", 1000)
    assert "Booked: Ana García, 2 guests, Fri 7 Mar 18:00." in answer.content.decode()


def test_new_booking_for_a_known_customer(visitor: Client, station: Station) -> None:
    known = customer(station)

    assert "data-known-name>Ana García<" in visitor.get("/bookings/new/", {"customer": str(known.pk)}).content.decode()
    visitor.post("/bookings/new/", {**NEW, "customer": known.pk})

    assert Booking.objects.get().customer == known


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ({"phone": "12", "name": "Ana"}, "phone number"),
        ({"email": "ana"}, "Enter a valid email address."),
        ({"email": "ana@example.com"}, "name"),
        ({"slot": "03:00"}, "Select a valid choice"),
        ({"date": "9999-01-01"}, "between 1900 and 2999"),
        ({"slots": 9}, "slots follow each other"),
        ({"status": "completed"}, "Select a valid choice"),
        ({"name": "x" * 10_000}, "at most 200 characters"),
    ],
)
def test_new_booking_that_is_refused_says_why(
    visitor: Client, station: Station, words: dict[str, Any], sentence: str
) -> None:
    answer = visitor.post("/bookings/new/", {**NEW, **words})

    assert answer.status_code == 400
    assert sentence in answer.content.decode()
    assert not Booking.objects.exists()


def test_new_booking_at_anothers_station_or_for_anothers_customer_is_not_there(
    visitor: Client, station: Station
) -> None:
    other = open_station(code="elsewhere")

    assert visitor.get("/bookings/new/", {"station": "elsewhere"}).status_code == 404
    assert visitor.post("/bookings/new/", {**NEW, "station": "elsewhere"}).status_code == 404
    assert visitor.get("/bookings/new/", {"customer": str(customer(other).pk)}).status_code == 404
    assert visitor.get("/bookings/new/", {"customer": "nonsense"}).status_code == 404


def test_session_holds_no_personal_data_after_all_of_it(visitor: Client, station: Station) -> None:
    known = customer(station, "Quillon Xanthe", "quillon@example.com")
    made = booking(station, customer_id=known.pk)
    visitor.post("/calendar/search/", {"q": "quillon"})
    visitor.post(f"/bookings/{made.pk}/move/", {"date": "2031-03-08", "slot": "19:00", "version": 1})

    for session in Session.objects.all():
        assert "uillon" not in str(session.get_decoded())


def test_dates_of_other_centuries_are_no_error(visitor: Client, station: Station) -> None:
    made = booking(station)
    for day in (date.min, date.max):
        assert visitor.get(f"/bookings/{made.pk}/move/", {"date": day.isoformat()}).status_code == 200
        assert visitor.get("/bookings/new/", {"date": day.isoformat()}).status_code == 200


def test_every_page_answers_head_as_it_answers_get(visitor: Client, station: Station) -> None:
    made = booking(station)
    addresses = ["/accounts/login/", "/calendar/week/", "/calendar/month/", "/bookings/new/", f"/bookings/{made.pk}/",
                 f"/bookings/{made.pk}/move/", f"/bookings/{made.pk}/edit/"]  # fmt: skip

    assert {one: visitor.head(one).status_code for one in addresses} == dict.fromkeys(addresses, 200)
