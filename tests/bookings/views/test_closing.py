"""Closing a day or hours of it: who would lose their place stands there first, and reopening seats them again."""

import re
from datetime import time
from typing import Any

import pytest
from django.test import Client

from accounts import roles
from accounts.customers import Contact
from accounts.models import AuditEntry, User
from bookings.errors import WouldDisplace
from bookings.models import Booking, Mail
from bookings.services import closing
from bookings.services.verification import differences
from core.errors import NotPermitted
from stations.models import Station, TimetableException
from tests.factories import FRIDAY, SATURDAY, ExceptionFactory, booking, open_station, person

NORA = Contact("Nora Silva", "nora@example.com")
CLOSE = f"/calendar/close/?station=kitchen&date={FRIDAY}"
REOPEN = f"/calendar/close/reopen/?station=kitchen&date={FRIDAY}"


@pytest.fixture
def manager(station: Station) -> User:
    return person(roles.MANAGERS, station)


@pytest.fixture
def desk(manager: User, client: Client) -> Client:
    client.force_login(manager)
    return client


def sent(first: str = "17:00", last: str = "21:00", **more: str) -> dict[str, str]:
    return {"first": first, "last": last, "reason": "Private party", **more}


def close(desk: Client, **fields: str) -> str:
    return desk.post(CLOSE, sent(**fields), follow=True).content.decode()


def closures() -> list[tuple[Any, ...]]:
    return list(TimetableException.objects.order_by("slot").values_list("date", "slot", "closed", "reason"))


def test_whole_day_is_one_closure(desk: Client, station: Station) -> None:
    page = close(desk)

    assert "Closed: Fri 7 Mar 2031." in page
    assert closures() == [(FRIDAY, None, True, "Private party")]
    assert Station.objects.get().timetable_version == station.timetable_version + 1


def test_hours_are_closed_from_the_first_slot_to_the_end_of_the_last(desk: Client, station: Station) -> None:
    close(desk, first="18:00", last="19:00")

    assert closures() == [(FRIDAY, time(hour), True, "Private party") for hour in (18, 19)]


def test_who_would_lose_their_place_is_named_before_it_is_done(desk: Client, station: Station) -> None:
    made = booking(station, slot=time(19), customer=NORA, party_adults=4)
    booking(station, SATURDAY)

    page = close(desk)

    assert "1 booking would lose its slot." in re.sub(r"\s+", " ", page)
    assert "Nora Silva" in page
    assert page.count("data-booking-id") == 1
    assert closures() == []
    made.refresh_from_db()
    assert not made.needs_place


def test_agreed_they_are_unassigned_and_nobody_is_emailed(desk: Client, station: Station) -> None:
    made = booking(station, slot=time(19), customer=NORA)
    Mail.objects.all().delete()

    page = close(desk, displace="yes")

    made.refresh_from_db()
    assert (made.needs_place, made.holds.count()) == (True, 0)
    assert "1 unassigned" in page
    assert not Mail.objects.exists()
    assert [entry.event for entry in AuditEntry.objects.filter(object_pk=str(made.pk))].count("displaced") == 1
    assert [*differences()] == []


def test_reopening_seats_them_again(desk: Client, station: Station) -> None:
    made = booking(station, slot=time(19), slots=2, customer=NORA)
    close(desk, displace="yes")

    page = desk.post(REOPEN, follow=True).content.decode()

    made.refresh_from_db()
    assert (made.needs_place, made.holds.count()) == (False, 2)
    assert "1 booking has its slot again." in page
    assert closures() == []
    assert [*differences()] == []


def test_who_has_been_moved_meanwhile_stays_there(desk: Client, station: Station) -> None:
    made = booking(station, slot=time(19))
    close(desk, first="19:00", last="19:00", displace="yes")
    desk.post(f"/bookings/{made.pk}/move/", {"date": str(SATURDAY), "slot": "18:00"})

    desk.post(REOPEN)

    made.refresh_from_db()
    assert (made.date, made.slot) == (SATURDAY, time(18))


def test_slot_that_had_another_capacity_is_closed(desk: Client, station: Station) -> None:
    ExceptionFactory(station=station, date=FRIDAY, slot=time(19), closed=False, capacity=1)

    close(desk)

    assert closures() == [(FRIDAY, None, True, "Private party")]


@pytest.mark.parametrize(
    "fields", [{"first": "20:00", "last": "18:00"}, {"first": "03:00"}, {"last": "x"}, {"reason": "x" * 201}]
)
def test_what_is_wrong_is_refused(desk: Client, station: Station, fields: dict[str, str]) -> None:
    answer = desk.post(CLOSE, sent(**fields) if "reason" not in fields else {**sent(), **fields})

    assert answer.status_code == 400
    assert closures() == []


def test_day_without_slots_has_nothing_to_close(desk: Client, station: Station) -> None:
    station.openings.all().delete()

    assert "There are no slots on this day." in desk.get(CLOSE).content.decode()
    assert desk.post(CLOSE, sent()).status_code == 400


def test_only_managers_close(client: Client, station: Station, staff: User) -> None:
    client.force_login(staff)

    assert client.get(CLOSE).status_code == 403
    assert client.post(CLOSE, sent()).status_code == 403
    assert client.post(REOPEN).status_code == 403
    with pytest.raises(NotPermitted):
        closing.close(station, FRIDAY, None, "", by=staff)
    with pytest.raises(NotPermitted):
        closing.reopen(station, FRIDAY, by=staff)


def test_another_station_is_not_found(desk: Client) -> None:
    open_station(code="court")

    assert desk.post(CLOSE.replace("kitchen", "court"), sent()).status_code == 404
    assert desk.post(REOPEN.replace("kitchen", "court")).status_code == 404


def test_service_refuses_with_the_bookings_in_the_way(station: Station, manager: User) -> None:
    made = booking(station, slot=time(19))

    with pytest.raises(WouldDisplace) as refusal:
        closing.close(station, FRIDAY, [time(19)], "", by=manager)

    assert refusal.value.data == [made]
    assert Booking.objects.get().holds.count() == 1


def test_day_links_to_the_form_for_managers_alone(desk: Client, station: Station, staff: User) -> None:
    day = f"/calendar/day/?station=kitchen&date={FRIDAY}"
    assert 'href="/calendar/close/?station=kitchen' in desk.get(day).content.decode()

    desk.force_login(staff)
    assert "/calendar/close/" not in desk.get(day).content.decode()
