"""Stations and their timetables in the admin: refusals list who would lose their place, and nothing is lost."""

import re
from datetime import date, time
from typing import Any

import pytest
from django.test import Client

from accounts import roles
from accounts.customers import Contact
from accounts.models import AuditEntry, Customer, User
from bookings.admin.stations import StationAdmin
from bookings.models import Booking
from stations.models import Opening, Station, TimetableException
from tests.bookings.admin.conftest import SignIn
from tests.factories import FRIDAY, ExceptionFactory, UserFactory, booking, open_station, person

pytestmark = pytest.mark.looks


@pytest.fixture
def station(db: None) -> Station:
    station = open_station(hours=[], code="kitchen", name="Kitchen")
    Opening.objects.create(station=station, weekday=4, start=time(18), minutes=60, capacity=2)
    return station


@pytest.fixture
def manager(station: Station) -> User:
    return person(roles.MANAGERS, station)


@pytest.fixture
def admin(manager: User, client: Client) -> Client:
    client.force_login(manager)
    return client


def url(station: Station, page: str = "change") -> str:
    return f"/admin/stations/station/{station.pk}/{page}/"


def words(station: Station, **changes: Any) -> dict[str, Any]:
    """What a browser posts from the station's form, its one opening included."""
    opening = station.openings.get()
    said = {
        "code": station.code,
        "name": station.name,
        "time_zone": station.time_zone,
        "first_weekday": 6,
        "country": "DE",
        "currency": "EUR",
        "language": "en",
        "is_active": "on",
        "exceptions-TOTAL_FORMS": 0,
        "exceptions-INITIAL_FORMS": 0,
        "openings-TOTAL_FORMS": 1,
        "openings-INITIAL_FORMS": 1,
        "openings-0-id": opening.pk,
        "openings-0-station": station.pk,
        "openings-0-weekday": 4,
        "openings-0-start": "18:00",
        "openings-0-minutes": 60,
        "openings-0-capacity": 2,
    }
    return said | changes


def named(made: Booking, headline: str) -> str:
    """How a refusal lists one booking of a walk-in."""
    link = f'<a href="/bookings/{made.pk}/move/">Walk-in, Fri 7 Mar 2031 18:00</a>'
    return f"<li>{headline}</li><li>{link}, 1 guest</li>"


CLOSED = {
    "exceptions-TOTAL_FORMS": 1,
    "exceptions-0-date": "2031-03-07",
    "exceptions-0-closed": "on",
    "exceptions-0-reason": "Stocktaking",
}


def test_change_is_written_and_recorded(admin: Client, station: Station, manager: User) -> None:
    answer = admin.post(url(station), words(station, name="Old Kitchen", **CLOSED))

    assert answer.status_code == 302
    station.refresh_from_db()
    assert (station.name, station.changes) == ("Old Kitchen", 1)
    assert TimetableException.objects.get().reason == "Stocktaking"
    entry = AuditEntry.objects.filter(object_pk=station.pk, action=AuditEntry.Action.UPDATE).latest("id")
    assert (entry.actor, entry.channel) == (manager, "admin")


LINES = {"mail_signature": "Ana & Bo\r\nKitchen\r\n", "address": "Main Street 1\r\n10115 Berlin"}
"""As browsers send them."""


def test_lines_are_kept_as_they_are_and_saved_again_change_nothing(admin: Client, station: Station) -> None:
    admin.post(url(station), words(station, **LINES))
    entries = AuditEntry.objects.filter(object_pk=station.pk).count()

    admin.post(url(station), words(station, **LINES))

    station.refresh_from_db()
    assert (station.mail_signature, station.address) == ("Ana & Bo\nKitchen", "Main Street 1\n10115 Berlin")
    assert AuditEntry.objects.filter(object_pk=station.pk).count() == entries


@pytest.mark.parametrize("name", ["email", "mail_from", "mail_reply_to"])
@pytest.mark.parametrize(
    "address",
    ["nobody", "a b@example.com", "a@example.com, b@example.com", "a@example.com\r\nBcc: b@example.com",
     f"a@{'ü' * 60}.de", '""@example.com'],
)  # fmt: skip
def test_address_that_no_mail_can_bear_is_refused(admin: Client, station: Station, name: str, address: str) -> None:
    answer = admin.post(url(station), words(station, **{name: address}))

    station.refresh_from_db()
    assert (answer.status_code, getattr(station, name)) == (200, "")
    assert f'id="id_{name}_error"' in answer.content.decode()


def test_address_with_a_domain_of_other_letters_is_fine(admin: Client, station: Station) -> None:
    admin.post(url(station), words(station, mail_from="kitchen@münchen.example"))

    station.refresh_from_db()
    assert station.mail_from == "kitchen@münchen.example"


@pytest.mark.parametrize(("hours", "status"), [("0", 200), ("337", 200), ("1", 302), ("336", 302), ("", 302)])
def test_reminders_come_an_hour_to_two_weeks_before_or_never(
    admin: Client, station: Station, hours: str, status: int
) -> None:
    assert admin.post(url(station), words(station, reminder_hours=hours)).status_code == status


@pytest.mark.parametrize(
    ("months", "told"), [("24", "1 customer had their last booking before"), ("600", None), ("", None), ("0", None)]
)
def test_rule_that_erases_somebody_says_so_before_it_does(
    admin: Client, station: Station, months: str, told: str | None
) -> None:
    booking(station, date(2021, 3, 5), customer=Contact("Ana García", "ana@example.com"))

    page = admin.post(url(station), words(station, retention_months=months), follow=True).content.decode()
    again = admin.post(url(station), words(station, retention_months=months), follow=True).content.decode()

    assert ("had their last booking before" in page, "had their last booking before" in again) == (
        told is not None,
        False,
    )
    assert (told or "") in page
    assert Customer.objects.get().name == "Ana García"


def test_change_never_sets_the_stations_counter_back(
    admin: Client, station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A booking that is made between the reading of the station and its lock counts too."""
    lock = StationAdmin.save_related

    def after_a_booking(*args: Any, **options: Any) -> None:
        booking(station, FRIDAY)
        lock(*args, **options)

    monkeypatch.setattr(StationAdmin, "save_related", after_a_booking)

    admin.post(url(station), words(station, name="Old Kitchen"))

    station.refresh_from_db()
    assert (station.name, station.changes) == ("Old Kitchen", 2)


def test_change_that_would_displace_lists_the_bookings_and_changes_nothing(admin: Client, station: Station) -> None:
    made = booking(station, FRIDAY)

    answer = admin.post(url(station), words(station, name="New name", **CLOSED))

    html = answer.content.decode()
    assert answer.status_code == 200
    assert "Some bookings would no longer fit" in html
    assert named(made, "1 booking would lose its time:") in html
    assert "was changed successfully" not in html
    assert not TimetableException.objects.exists()
    assert Station.objects.get().name == "Kitchen"


def test_refusal_names_customers_for_those_who_may_see_them(
    admin: Client, admin_with: SignIn, station: Station
) -> None:
    booking(station, FRIDAY, customer=Contact("Ana García", "ana@example.com"))

    named_fully = admin.post(url(station), words(station, **CLOSED)).content.decode()
    initials = admin_with(roles.VIEW).post(url(station), words(station, **CLOSED)).content.decode()

    assert "Ana García, Fri 7 Mar 2031 18:00" in named_fully
    assert ("A. G., Fri 7 Mar 2031 18:00" in initials, "Ana García" in initials) == (True, False)


@pytest.mark.parametrize(
    ("name", "value", "label"),
    [
        ("time_zone", "Europe/Berlin", "Berlin"),
        ("country", "DE", "Germany"),
        ("currency", "EUR", "Euro (EUR)"),
    ],
)
def test_zone_country_and_currency_are_chosen_by_name(
    admin: Client, station: Station, name: str, value: str, label: str
) -> None:
    shown = admin.get(url(station)).content.decode().partition(f'<select name="{name}"')[2].partition("</select>")[0]

    assert re.findall(rf'<option value="{value}"[^>]*>([^<]*)</option>', shown) == [label]


def test_choices_are_in_the_readers_language(admin: Client, station: Station) -> None:
    shown = admin.get(url(station), headers={"Accept-Language": "de"}).content.decode()

    assert re.findall(r'<option value="DE"[^>]*>([^<]*)</option>', shown) == ["Deutschland"]


def test_old_name_of_a_zone_is_kept(admin: Client, station: Station) -> None:
    Station.objects.filter(pk=station.pk).update(time_zone="US/Pacific")

    shown = admin.get(url(station)).content.decode()
    admin.post(url(station), words(station, time_zone="US/Pacific", name="Old Kitchen"))

    assert '<option value="US/Pacific" selected>' in shown
    assert Station.objects.get().name == "Old Kitchen"


@pytest.mark.parametrize(
    ("country", "chosen", "weekday"), [("DE", "", 0), ("US", "", 6), ("EG", "", 5), ("US", "0", 0)]
)
def test_week_of_a_new_station_begins_as_is_usual_in_its_country(
    client: Client, station: Station, country: str, chosen: str, weekday: int
) -> None:
    client.force_login(UserFactory(is_superuser=True))
    said = words(station, code="court", name="Court", country=country, first_weekday=chosen)

    client.post("/admin/stations/station/add/", said | {"openings-TOTAL_FORMS": 0, "openings-INITIAL_FORMS": 0})

    assert Station.objects.get(code="court").first_weekday == weekday


def test_past_closures_are_left_out(admin: Client, station: Station) -> None:
    ExceptionFactory(station=station, date=date(2021, 3, 5))
    ahead = ExceptionFactory(station=station)

    form = admin.get(url(station)).context["inline_admin_formsets"][0].formset

    assert [one.instance for one in form.initial_forms] == [ahead]


def test_page_tells_the_hours_of_the_week(admin: Client, station: Station) -> None:
    Opening.objects.create(station=station, weekday=4, start=time(19), minutes=90, capacity=2)

    shown = admin.get(url(station)).content.decode()

    rows = dict(re.findall(r'<tr><th scope="row">(\w+)</th><td>([^<]*)</td></tr>', shown))
    assert (rows["Friday"], rows["Monday"]) == ("18:00 – 20:30", "closed")


def test_change_displaces_where_the_manager_says_so(admin: Client, station: Station) -> None:
    made = booking(station, FRIDAY)

    answer = admin.post(url(station), words(station, displace="on", **CLOSED))

    assert answer.status_code == 302
    made.refresh_from_db()
    assert made.needs_place


def test_change_of_the_zone_says_first_whose_moment_moves(admin: Client, station: Station) -> None:
    made = booking(station, FRIDAY)

    refused = admin.post(url(station), words(station, time_zone="America/New_York"))
    assert named(made, "1 booking would start at another moment:") in refused.content.decode()
    assert Booking.objects.get().starts_at == made.starts_at

    admin.post(url(station), words(station, time_zone="America/New_York", retime="on"))
    assert Booking.objects.get().starts_at.hour == 23


@pytest.mark.parametrize(
    "wrong",
    [
        {"time_zone": "Mars/Olympus"},
        {"currency": "euro"},
        {"code": "a/b"},
        {"name": "a\x00b"},
        {"name": "x" * 10_000},
        {"openings-0-capacity": 0},
        {"openings-0-minutes": 2000},
        {"openings-0-first_date": "2031-02-02", "openings-0-last_date": "2031-02-01"},
        {"openings-0-first_date": "0000-02-02"},
        {"openings-0-first_date": "0001-01-01"},
        {"openings-0-last_date": "9999-12-31"},
        {"openings-0-start": "18:00:30"},
        {**CLOSED, "exceptions-0-date": "1899-12-31"},
        {**CLOSED, "exceptions-0-slot": "18:00:30"},
        {**CLOSED, "exceptions-0-closed": "False"},
        {"time_zone": "localtime"},
    ],
)
def test_change_to_what_cannot_be_is_a_form_error(admin: Client, station: Station, wrong: dict[str, Any]) -> None:
    answer = admin.post(url(station), words(station, **wrong))

    assert answer.status_code == 200
    assert "Please correct the error" in answer.content.decode()


def test_openings_that_overlap_are_a_form_error(admin: Client, station: Station) -> None:
    second = {"openings-1-weekday": 4, "openings-1-start": "18:30", "openings-1-minutes": 60, "openings-1-capacity": 1}

    answer = admin.post(url(station), words(station, **{"openings-TOTAL_FORMS": 2}, **second))

    assert "Openings overlap" in answer.content.decode()
    assert Opening.objects.count() == 1


@pytest.mark.parametrize("slot", [None, time(18)])
def test_second_exception_for_a_day_or_a_slot_is_a_form_error(
    admin: Client, station: Station, slot: time | None
) -> None:
    first = ExceptionFactory(station=station, slot=slot)
    same = {"date": "2031-03-07", "slot": slot or "", "closed": "on", "reason": "Stocktaking"}
    forms = {f"exceptions-{n}-{name}": value for n in range(2) for name, value in same.items()}
    counts = {"exceptions-TOTAL_FORMS": 2, "exceptions-INITIAL_FORMS": 1, "exceptions-0-id": first.pk}

    answer = admin.post(url(station), words(station, **forms, **counts))

    assert answer.status_code == 200
    assert "There are two closures for the same day or slot. Keep one of them." in answer.content.decode()
    assert TimetableException.objects.get() == first


def test_slot_may_be_open_on_a_closed_day(admin: Client, station: Station) -> None:
    ExceptionFactory(station=station)
    open_all_the_same = {**CLOSED, "exceptions-0-slot": "18:00", "exceptions-0-closed": "False"}

    admin.post(url(station), words(station, **open_all_the_same))

    assert booking(station, FRIDAY)


@pytest.mark.slow
def test_form_leaves_out_openings_that_are_over(admin: Client, station: Station) -> None:
    for year in range(2020, 2025):
        admin.post(url(station, "build"), {**WEEK, "first_date": f"{year}-01-01", "build": "1"})
    assert Opening.objects.count() > 600

    form = admin.get(url(station)).context["inline_admin_formsets"][1].formset

    assert {(str(one.instance.first_date), one.instance.last_date) for one in form.initial_forms} == {
        ("2024-01-01", None)
    }


def test_stations_of_others_are_not_there(admin: Client, station: Station) -> None:
    other = open_station(name="Elsewhere")

    assert "Elsewhere" not in admin.get("/admin/stations/station/").content.decode()
    assert admin.get(url(other)).status_code == 404
    assert admin.get(url(other, "build")).status_code == 404
    assert "0 stations" in admin.get("/admin/stations/station/", {"q": "Elsewhere"}).content.decode()


def test_stations_are_made_by_those_with_access_to_all_and_deleted_by_nobody(admin: Client, station: Station) -> None:
    assert admin.get("/admin/stations/station/add/").status_code == 403
    assert admin.post(url(station, "delete"), {"post": "yes"}).status_code == 403

    admin.force_login(UserFactory(is_superuser=True))
    said = words(station, code="court", name="Court") | {"openings-TOTAL_FORMS": 0, "openings-INITIAL_FORMS": 0}
    answer = admin.post("/admin/stations/station/add/", said)

    assert answer.status_code == 302
    assert Station.objects.filter(code="court").exists()
    assert admin.post(url(station, "delete"), {"post": "yes"}).status_code == 403


WEEK = {
    "weekdays": [0, 1, 2, 3, 4],
    "start": "08:00",
    "end": "20:00",
    "minutes": 30,
    "capacity": 2,
    "first_date": "2031-03-01",
    "replace": "on",
}


def test_builder_makes_a_week_at_once(admin: Client, station: Station) -> None:
    answer = admin.post(url(station, "build"), {**WEEK, "build": "1"})

    assert answer.status_code == 302
    built = Opening.objects.filter(first_date="2031-03-01")
    assert built.count() == 5 * 24
    assert set(built.values_list("minutes", "capacity", "last_date")) == {(30, 2, None)}
    assert sorted(set(built.values_list("start", flat=True)))[::23] == [time(8), time(19, 30)]
    assert str(Opening.objects.get(first_date=None).last_date) == "2031-02-28"


def test_builder_for_some_dates_leaves_all_others_as_they_were(admin: Client, station: Station) -> None:
    admin.post(url(station, "build"), {**WEEK, "last_date": "2031-03-31", "build": "1"})

    kept = Opening.objects.filter(start=time(18), minutes=60).order_by("pk").values_list("first_date", "last_date")
    assert [tuple(map(str, dates)) for dates in kept] == [("None", "2031-02-28"), ("2031-04-01", "None")]


@pytest.mark.parametrize(
    "whole", [{"first_date": "1900-01-01"}, {"first_date": "1900-01-01", "last_date": "2999-12-31"}]
)
def test_builder_replaces_a_timetable_for_good(admin: Client, station: Station, whole: dict[str, str]) -> None:
    admin.post(url(station, "build"), {**WEEK, **whole, "build": "1"})

    assert set(Opening.objects.values_list("minutes", flat=True)) == {30}


def test_builder_previews_without_writing(admin: Client, station: Station) -> None:
    html = admin.post(url(station, "build"), {**WEEK, "preview": "1"}).content.decode()

    assert "This would create 120 openings" in html
    assert Opening.objects.count() == 1


def test_builder_lists_whom_it_would_displace(admin: Client, station: Station) -> None:
    made = booking(station, FRIDAY)

    html = admin.post(url(station, "build"), {**WEEK, "start": "08:15", "build": "1"}).content.decode()

    assert named(made, "1 booking would lose its time:") in html
    assert Opening.objects.count() == 1
    admin.post(url(station, "build"), {**WEEK, "start": "08:15", "displace": "on", "build": "1"})
    assert Booking.objects.get().needs_place


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"end": "08:10"}, "No slot of that length fits"),
        ({"weekdays": []}, "This field is required."),
        ({"last_date": "2031-02-01"}, "The last date is before the first."),
        ({"replace": ""}, "Openings overlap"),
        ({"first_date": "x"}, "Enter a valid date."),
        ({"first_date": "0001-01-01"}, "Choose a date between 1900 and 2999."),
        ({"last_date": "9999-12-31"}, "Choose a date between 1900 and 2999."),
        ({"start": "08:00:30"}, "Enter a valid time."),
    ],
)
def test_builder_says_what_is_wrong(admin: Client, station: Station, wrong: dict[str, Any], sentence: str) -> None:
    answer = admin.post(url(station, "build"), {**WEEK, **wrong, "build": "1"})

    assert answer.status_code == 200
    assert sentence in answer.content.decode()
    assert Opening.objects.count() == 1
