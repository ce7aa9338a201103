"""Two managers with the same page open: the second is told who changed what, keeps what they typed, and overwrites nobody."""

import re
from datetime import time
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from accounts import customers, roles
from accounts.audit import origin, recorder
from accounts.audit.origin import Channel, Origin
from accounts.models import Customer, User
from bookings.services.timetable_changes import timetable_change
from stations.errors import Stale
from stations.models import Opening, Station, TimetableException, Versions
from tests.factories import FRIDAY, ExceptionFactory, UserFactory, customer, open_station, person
from tests.form_data import form_data


class Page:
    """A page that somebody has open: what it was filled with when they opened it."""

    def __init__(self, user: User, address: str, form_id: str) -> None:
        self.client, self.address, self.form_id = Client(), address, form_id
        self.client.force_login(user)
        self.words = form_data(self.client.get(address).content.decode(), form_id)

    def save(self, **changes: Any) -> Any:
        """Post it with these changes; the page goes on from what is shown again."""
        self.words |= changes
        answer = self.client.post(self.address, self.words)
        if answer.status_code == 200:
            self.words = form_data(answer.content.decode(), self.form_id)
        return answer


def errors(answer: Any) -> list[str]:
    """What stands above the form."""
    assert answer.status_code == 200
    return [str(one) for one in answer.context["adminform"].form.non_field_errors()]


CHECK = "What you changed is kept, and everything else is as it is now. Check it, then save again."


@pytest.fixture
def station(db: None) -> Station:
    found = open_station(hours=[], code="kitchen", name="Kitchen")
    for hour in (18, 19):
        Opening.objects.create(station=found, weekday=4, start=time(hour), minutes=60, capacity=2)
    return found


@pytest.fixture
def max_(station: Station) -> User:
    return person(roles.MANAGERS, station, email="max@example.com")


@pytest.fixture
def eva(station: Station) -> User:
    return person(roles.MANAGERS, station, email="eva@example.com")


# --- customers -------------------------------------------------------------------------------------------------------


@pytest.fixture
def nora(station: Station) -> Customer:
    return customer(station, "Nora Silva", "nora@example.com", "+4930901820")


def of_customer(user: User, nora: Customer) -> Page:
    return Page(user, f"/admin/accounts/customer/{nora.pk}/change/", "customer_form")


def test_second_manager_of_a_customer_is_told_and_keeps_what_they_typed(nora: Customer, max_: User, eva: User) -> None:
    first, second = of_customer(max_, nora), of_customer(eva, nora)
    assert first.save(email="nora.silva@example.com", language="de").status_code == 302
    of_customer(person(roles.MANAGERS, nora.station, email="looks@example.com"), nora)

    answer = second.save(notes="By the window")

    nora.refresh_from_db()
    assert (nora.email, nora.notes, nora.version) == ("nora.silva@example.com", "", 2)
    assert errors(answer) == [
        "max@example.com changed this while you had it open:",
        "Email: nora@example.com → nora.silva@example.com",
        "Language: – → Deutsch",
        CHECK,
    ]
    assert [second.words[name] for name in ("email", "language", "notes")] == [
        ["nora.silva@example.com"],
        ["de"],
        ["By the window"],
    ]


def test_second_manager_of_a_customer_saves_after_having_been_told(nora: Customer, max_: User, eva: User) -> None:
    first, second = of_customer(max_, nora), of_customer(eva, nora)
    first.save(email="nora.silva@example.com")
    second.save(notes="By the window", phone="+4930901829")

    assert second.save().status_code == 302

    nora.refresh_from_db()
    assert (nora.email, nora.phone, nora.notes) == ("nora.silva@example.com", "+4930901829", "By the window")


def test_both_change_the_same_field_and_the_second_decides_knowing_it(nora: Customer, max_: User, eva: User) -> None:
    first, second = of_customer(max_, nora), of_customer(eva, nora)
    first.save(phone="+4930901821")

    told = errors(second.save(phone="+4930901822"))
    nora.refresh_from_db()
    assert (told[1], nora.phone) == ("Phone: +4930901820 → +4930901821", "+4930901821")

    assert second.save().status_code == 302
    nora.refresh_from_db()
    assert nora.phone == "+4930901822"


def test_third_change_in_between_is_told_as_well(nora: Customer, max_: User, eva: User) -> None:
    first, second = of_customer(max_, nora), of_customer(eva, nora)
    first.save(phone="+4930901821")
    second.save(notes="By the window")
    customers.edit(nora.pk, {"phone": "+4930901823"}, by=max_)

    assert errors(second.save())[1] == "Phone: +4930901821 → +4930901823"


def test_what_is_not_on_the_page_is_no_conflict(nora: Customer, eva: User) -> None:
    second = of_customer(eva, nora)
    customers.mark_bounced(nora, "nora@example.com")

    assert second.save(notes="By the window").status_code == 302

    nora.refresh_from_db()
    assert (nora.email_bounced, nora.notes, nora.version) == (True, "By the window", 3)


def test_page_that_is_wrong_in_another_way_is_still_about_what_was_seen(nora: Customer, max_: User, eva: User) -> None:
    first, second = of_customer(max_, nora), of_customer(eva, nora)
    assert second.save(name="", notes="By the window").status_code == 200
    first.save(phone="+4930901821")

    answer = second.save(name="Nora Silva")

    assert errors(answer)[1] == "Phone: +4930901820 → +4930901821"


@pytest.mark.parametrize(
    "loaded",
    ["", "x", "[]", "{}", '{"versions": 1, "entry": {}, "rows": []}', "[" * 5000, '{"versions": [], "entry": 1, "rows": {"": 1}}',
     '{"versions": ["1"], "entry": 99999999999999999999999, "rows": {"x:1": ["", {"a": ["b"]}]}}'],
)  # fmt: skip
def test_page_of_a_program_that_has_seen_nothing_crashes_nothing(nora: Customer, eva: User, loaded: str) -> None:
    page = of_customer(eva, nora)
    customers.edit(nora.pk, {"phone": "+4930901823"}, by=eva)

    assert page.save(loaded=loaded).status_code in (200, 302)


def test_edit_of_a_version_that_is_past_is_stale(nora: Customer, eva: User) -> None:
    customers.edit(nora.pk, {"notes": "Loud"}, by=eva, seen_version=1)

    with pytest.raises(Stale) as refusal:
        customers.edit(nora.pk, {"notes": "Quiet"}, by=eva, seen_version=1)

    assert (refusal.value.code, refusal.value.data.version, refusal.value.data.notes) == ("stale", 2, "Loud")


# --- stations and timetables -----------------------------------------------------------------------------------------


def of_station(user: User, station: Station) -> Page:
    return Page(user, f"/admin/stations/station/{station.pk}/change/", "station_form")


def test_second_manager_of_a_station_is_told_and_reverts_nothing(station: Station, max_: User, eva: User) -> None:
    first, second = of_station(max_, station), of_station(eva, station)
    assert first.save(name="Old Kitchen", retention_months="12").status_code == 302

    answer = second.save(**{"openings-1-capacity": "7"})

    station.refresh_from_db()
    assert (station.name, station.retention_months, station.versions) == ("Old Kitchen", 12, Versions(2, 1))
    assert errors(answer) == [
        "max@example.com changed this while you had it open:",
        "Name: Kitchen → Old Kitchen",
        "Keep customer data for (months): – → 12",
        CHECK,
    ]
    assert second.save().status_code == 302
    station.refresh_from_db()
    assert (station.name, station.retention_months, station.versions) == ("Old Kitchen", 12, Versions(2, 2))
    assert list(station.openings.order_by("start").values_list("capacity", flat=True)) == [2, 7]


def test_second_manager_of_a_timetable_is_told_of_each_row(station: Station, max_: User, eva: User) -> None:
    gone = ExceptionFactory(station=station, date=FRIDAY)
    first, second = of_station(max_, station), of_station(eva, station)
    new = {"exceptions-TOTAL_FORMS": "2", "exceptions-1-date": "2031-03-14", "exceptions-1-closed": "on"}
    assert first.save(**new, **{"exceptions-0-DELETE": "on", "openings-0-capacity": "5"}).status_code == 302

    answer = second.save(**{"openings-1-capacity": "7"})

    assert sorted(errors(answer)) == sorted(
        [
            "max@example.com changed this while you had it open:",
            f"Closure {gone.date}: removed",
            "Closure 2031-03-14: added",
            "Opening Friday 18:00, Capacity: 2 → 5",
            CHECK,
        ]
    )
    assert second.save().status_code == 302
    assert list(station.openings.order_by("start").values_list("capacity", flat=True)) == [5, 7]
    assert [str(one) for one in TimetableException.objects.all()] == ["2031-03-14"]


def test_two_rows_of_one_timetable_changed_at_once_are_a_conflict(station: Station, max_: User, eva: User) -> None:
    """Of a timetable as a whole, for bookings are settled with all of it."""
    first, second = of_station(max_, station), of_station(eva, station)
    first.save(**{"openings-0-capacity": "5"})

    assert "Opening Friday 18:00, Capacity: 2 → 5" in errors(second.save(**{"openings-1-capacity": "7"}))


def test_changing_of_versions_that_are_past_is_stale(station: Station, max_: User) -> None:
    for seen in (Versions(9, 1), Versions(1, 9), Versions(timetable=9), Versions(station=9)):
        with pytest.raises(Stale), timetable_change(station, by=max_, seen=seen):
            Station.objects.filter(pk=station.pk).update(name="Never")

    station.refresh_from_db()
    assert (station.name, station.versions) == ("Kitchen", Versions(1, 1))


@pytest.mark.parametrize("seen", [None, Versions(), Versions(1), Versions(1, 1), Versions(timetable=1)])
def test_changing_of_what_was_seen_counts_what_differs(station: Station, max_: User, seen: Versions | None) -> None:
    with timetable_change(station, by=max_, seen=seen):
        ExceptionFactory(station=station)
    with timetable_change(station, by=max_):
        Station.objects.filter(pk=station.pk).update(name="Old Kitchen")
    with timetable_change(station, by=max_):
        Station.objects.filter(pk=station.pk).update(name="Old Kitchen")

    station.refresh_from_db()
    assert station.versions == Versions(2, 2)


def test_builder_of_a_week_is_told_that_the_timetable_changed(station: Station, max_: User, eva: User) -> None:
    address = f"/admin/stations/station/{station.pk}/build/"
    client, first = Client(), of_station(max_, station)
    client.force_login(eva)
    hidden = dict(
        re.findall(r'name="(timetable_version|latest_entry)" value="(\d+)"', client.get(address).content.decode())
    )
    week = {
        "weekdays": ["0"],
        "start": "10:00",
        "end": "12:00",
        "minutes": "60",
        "capacity": "4",
        "first_date": "2031-03-01",
    }
    first.save(**{"openings-0-capacity": "5"})

    answer = client.post(address, {**hidden, **week, "build": "Build"})

    page = answer.content.decode()
    assert "max@example.com changed the opening hours in the meantime." in page
    assert station.openings.count() == 2
    hidden = dict(re.findall(r'name="(timetable_version|latest_entry)" value="(\d+)"', page))
    assert client.post(address, {**hidden, **week, "build": "Build"}).status_code == 302
    assert station.openings.count() == 4


# --- people and groups -----------------------------------------------------------------------------------------------


def test_second_manager_of_somebody_is_told_and_grants_nothing_back(station: Station, max_: User, eva: User) -> None:
    mate = person(roles.STAFF, station, name="Mate")
    pages = [Page(user, f"/admin/accounts/user/{mate.pk}/change/", "user_form") for user in (max_, eva)]
    viewers = str(Group.objects.get(name=roles.VIEWERS).pk)
    assert pages[0].save(groups=[viewers]).status_code == 302

    answer = pages[1].save(name="Mate Two")

    assert errors(answer) == [
        "max@example.com changed this while you had it open:",
        "Groups: Station staff → Viewers",
        CHECK,
    ]
    assert pages[1].save().status_code == 302
    mate.refresh_from_db()
    assert (mate.name, [group.name for group in mate.groups.all()]) == ("Mate Two", [roles.VIEWERS])


def test_whoever_manages_somebody_elsewhere_is_not_named(station: Station, eva: User) -> None:
    mate = person(roles.STAFF, station)
    page = Page(eva, f"/admin/accounts/user/{mate.pk}/change/", "user_form")
    stranger = person(roles.MANAGERS, open_station(), email="stranger@example.com")
    User.objects.filter(pk=mate.pk).update(name="Renamed")

    with origin.override_origin(Origin(Channel.ADMIN, stranger)):
        recorder.record_redacted(mate, "password", event="password")

    told = errors(page.save(name="Mate"))

    assert told[:2] == ["someone changed this while you had it open:", "Name: – → Renamed"]


def test_second_superuser_of_a_group_is_told(db: None) -> None:
    group = Group.objects.create(name="Keepers")
    pages = [
        Page(UserFactory(is_superuser=True), f"/admin/auth/group/{group.pk}/change/", "group_form") for _n in range(2)
    ]
    assert pages[0].save(name="Holders").status_code == 302

    answer = pages[1].save(permissions=[])

    assert errors(answer)[1:] == ["Name: Keepers → Holders", CHECK]
    assert pages[1].save().status_code == 302
    assert Group.objects.filter(name="Holders").exists()
