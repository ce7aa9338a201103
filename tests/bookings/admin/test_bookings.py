"""Bookings in the admin: the services' rules, the manager's stations, nobody else's."""

import re
from datetime import time
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from accounts import roles
from accounts.customers import Contact
from accounts.models import AuditEntry, User
from bookings import services
from bookings.models import Booking, Hold
from bookings.models.status import Status
from bookings.services import Place
from stations.models import Station
from tests.factories import FRIDAY, SATURDAY, booking, customer, open_station, person


def words(station: Station, **changes: Any) -> dict[str, Any]:
    """What a browser posts from the form of a booking."""
    said = {
        "station": station.pk,
        "date": FRIDAY,
        "slot": "18:00",
        "slots": 1,
        "status": "confirmed",
        "party_adults": 1,
        "party_kids": 0,
        "total_due_cents": 0,
        "deposit_due_cents": 0,
    }
    return {name: value for name, value in {**said, **changes}.items() if value is not None}


def of(made: Booking, **changes: Any) -> dict[str, Any]:
    """The same for a booking that is there, as its form was filled."""
    return words(made.station, **{"status": made.status, "seen_version": made.version, **changes})


def test_add_makes_a_booking_through_the_services(admin: Client, station: Station, manager: User) -> None:
    contact = {"customer_name": "Ana García", "customer_email": "ana@example.com"}

    answer = admin.post("/admin/bookings/booking/add/", words(station, **contact))

    assert answer.status_code == 302
    made = Booking.objects.get()
    assert made.customer is not None
    assert (made.customer.name, Hold.objects.count()) == ("Ana García", 1)
    entry = AuditEntry.objects.get(object_pk=made.pk)
    assert (entry.actor, entry.channel, entry.event) == (manager, "admin", "created")


def test_add_into_a_full_slot_is_a_form_error(admin: Client, station: Station) -> None:
    for _n in range(3):
        booking(station)

    answer = admin.post("/admin/bookings/booking/add/", words(station))

    assert answer.status_code == 200
    assert "Target time slot is fully booked" in answer.content.decode()
    assert Booking.objects.count() == 3


def test_change_edits_moves_and_steps_each_with_its_entry(admin: Client, station: Station) -> None:
    made = booking(station)

    answer = admin.post(
        f"/admin/bookings/booking/{made.pk}/change/",
        of(made, date=SATURDAY, status="completed", party_adults=2),
    )

    assert answer.status_code == 302
    made.refresh_from_db()
    assert (made.date, made.status, made.party_adults) == (SATURDAY, "completed", 2)
    events = AuditEntry.objects.filter(object_pk=made.pk).order_by("id").values_list("event", flat=True)
    assert list(events) == ["created", "edited", "rescheduled", "status"]


def test_change_that_is_refused_half_way_changes_nothing(admin: Client, station: Station) -> None:
    made = booking(station)
    for _n in range(3):
        booking(station, SATURDAY)

    answer = admin.post(f"/admin/bookings/booking/{made.pk}/change/", of(made, date=SATURDAY, party_adults=2))

    assert "fully booked" in answer.content.decode()
    made.refresh_from_db()
    assert (made.date, made.party_adults, made.version) == (FRIDAY, 1, 1)
    assert AuditEntry.objects.filter(object_pk=made.pk).count() == 1


def test_change_of_a_version_that_is_past_says_who_was_there(admin: Client, station: Station, staff: User) -> None:
    made = booking(station)
    services.reschedule(made.pk, to=Place(SATURDAY, time(18)), by=staff)

    answer = admin.post(f"/admin/bookings/booking/{made.pk}/change/", of(made, party_adults=2))

    assert answer.status_code == 200
    assert Booking.objects.get(pk=made.pk).party_adults == 1
    assert f"{staff.email} has changed this booking: Fri 7 Mar 2031 18:00 → Sat 8 Mar" in answer.content.decode()


def test_change_restores_and_moves_in_one_go(admin: Client, station: Station) -> None:
    made = booking(station, status=Status.CANCELLED)

    admin.post(f"/admin/bookings/booking/{made.pk}/change/", of(made, date=SATURDAY, status="confirmed"))

    made.refresh_from_db()
    assert (made.date, made.status) == (SATURDAY, "confirmed")


def test_change_gives_the_booking_to_a_customer_of_the_station_only(admin: Client, station: Station) -> None:
    made, known = booking(station), customer(station)
    foreign = customer(open_station(), "Bo Li", "bo@example.com")

    refused = admin.post(f"/admin/bookings/booking/{made.pk}/change/", of(made, customer=foreign.pk))
    admin.post(f"/admin/bookings/booking/{made.pk}/change/", of(made, customer=known.pk))

    assert "Select a valid choice" in refused.content.decode()
    assert Booking.objects.get(pk=made.pk).customer == known


def test_lists_searches_and_filters_name_nobody_elses(admin: Client, station: Station) -> None:
    other = open_station(name="Elsewhere")
    booking(station, customer=Contact("Ana García", "ana@example.com"), external_ref="MINE")
    theirs = booking(other, customer=Contact("Bo Li", "bo@example.com"), external_ref="THEIRS")

    shown = admin.get("/admin/bookings/booking/").content.decode()
    assert "Ana García" in shown
    assert [word for word in ("Bo Li", "Elsewhere", str(theirs.pk)) if word in shown] == []
    for q in ("THEIRS", "Bo Li", "bo@example.com"):
        assert "0 bookings" in admin.get("/admin/bookings/booking/", {"q": q}).content.decode()
    assert "1 booking" in admin.get("/admin/bookings/booking/", {"q": "garc"}).content.decode()


@pytest.mark.parametrize("address", ["change", "history", "delete"])
def test_pages_of_anothers_booking_give_nothing_away(admin: Client, station: Station, address: str) -> None:
    theirs = booking(open_station(), external_ref="THEIRS")

    answer = admin.get(f"/admin/bookings/booking/{theirs.pk}/{address}/")
    missing = admin.get(f"/admin/bookings/booking/{uuid4()}/{address}/")

    assert (answer.status_code, missing.status_code) == (404, 404)
    assert "THEIRS" not in answer.content.decode()


def test_form_offers_the_managers_stations_only(admin: Client, station: Station) -> None:
    other = open_station(name="Elsewhere")

    assert "Elsewhere" not in admin.get("/admin/bookings/booking/add/").content.decode()
    answer = admin.post("/admin/bookings/booking/add/", words(other))

    assert "Select a valid choice" in answer.content.decode()
    assert not Booking.objects.exists()


def test_actions_step_those_that_may_and_name_those_that_may_not(admin: Client, station: Station) -> None:
    made, done = booking(station), booking(station, status=Status.COMPLETED)
    theirs = booking(open_station())

    answer = admin.post(
        "/admin/bookings/booking/",
        {"action": "cancel", "_selected_action": [str(one.pk) for one in (made, done, theirs)]},
        follow=True,
    )

    statuses = {one.pk: Booking.objects.get(pk=one.pk).status for one in (made, done, theirs)}
    assert statuses == {made.pk: "cancelled", done.pk: "completed", theirs.pk: "confirmed"}
    assert "1 booking is now cancelled" in answer.content.decode()
    assert "Fri 7 Mar 2031 18:00: A booking that is completed cannot become cancelled." in answer.content.decode()


def test_export_action_streams_what_was_chosen(admin: Client, station: Station) -> None:
    made, theirs = booking(station, external_ref="MINE"), booking(open_station(), external_ref="THEIRS")

    answer = admin.post(
        "/admin/bookings/booking/", {"action": "export", "_selected_action": [str(made.pk), str(theirs.pk)]}
    )

    text = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]
    assert "MINE" in text
    assert "THEIRS" not in text


def test_nothing_is_ever_deleted(admin: Client, station: Station) -> None:
    made = booking(station)

    admin.post(f"/admin/bookings/booking/{made.pk}/delete/", {"post": "yes"})
    admin.post(
        "/admin/bookings/booking/", {"action": "delete_selected", "_selected_action": [str(made.pk)], "post": "yes"}
    )

    assert Booking.objects.filter(pk=made.pk).exists()


def test_history_of_a_booking_stands_on_its_page(admin: Client, station: Station, manager: User) -> None:
    made = booking(station)
    services.reschedule(made.pk, to=Place(SATURDAY, time(19)), by=manager)

    shown = admin.get(f"/admin/bookings/booking/{made.pk}/change/").content.decode()

    assert "Fri 7 Mar 2031 18:00 → Sat 8 Mar 2031 19:00" in shown
    assert re.search(rf"{manager.email}, [^<(]+\s\(command\)</li>", shown)
    assert re.search(r"18:00</strong>, a command, [^<(]+</li>", shown)


@pytest.mark.parametrize("group", [roles.VIEWERS, roles.STAFF, roles.INTEGRATORS])
def test_admin_opens_to_managers_only(client: Client, station: Station, group: str) -> None:
    client.force_login(person(group, station))

    assert client.get("/admin/bookings/booking/", follow=True).status_code == 403


def test_admin_sends_those_who_are_not_signed_in_to_the_one_log_in(client: Client) -> None:
    answer = client.get("/admin/bookings/booking/", follow=True)

    assert answer.redirect_chain[-1][0] == "/accounts/login/?next=%2Fadmin%2Fbookings%2Fbooking%2F"


def test_what_a_manager_changes_here_can_be_undone_on_the_pages(admin: Client, station: Station) -> None:
    made = booking(station, customer=Contact("Nora Silva", "nora@example.com"))
    admin.post("/admin/bookings/booking/", {"action": "cancel", "_selected_action": [str(made.pk)]})

    undone = admin.post("/bookings/undo/", {"confirm": "yes"}, headers={"Accept": "application/json"})

    assert undone.json()["text"] == "Undone: Nora Silva is confirmed again."
    assert Booking.objects.get().status == "confirmed"
