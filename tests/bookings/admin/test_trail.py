"""The audit trail in the admin: sentences for the manager's stations, to be read and taken along, never to be written."""

import csv
import io
import re
from typing import Any

import time_machine
from django.contrib.contenttypes.models import ContentType
from django.test import Client
from django.utils.html import strip_tags

from accounts import roles
from accounts.customers import Contact
from accounts.models import AuditEntry, User
from bookings import services
from bookings.admin.audit_trail import EXPORT_HEADER, describe
from bookings.services import Place
from stations.models import Station
from tests.bookings.admin.conftest import SignIn
from tests.factories import FRIDAY, SATURDAY, UserFactory, booking, customer, open_station, person

TRAIL = "/admin/accounts/auditentry/"


def page(admin: Client, **query: Any) -> str:
    return admin.get(TRAIL, query).content.decode()


def rows(admin: Client, thing: Any) -> str:
    """The entries about a thing, without the filters beside them."""
    return page(admin, q=str(thing.pk)).partition("<tbody>")[2].partition("</tbody>")[0]


def story(thing: Any) -> list[str]:
    """What the trail says of a thing, from the beginning."""
    kind = ContentType.objects.get_for_model(thing)
    return [
        describe(entry, None)
        for entry in AuditEntry.objects.filter(content_type=kind, object_pk=thing.pk).order_by("id")
    ]


def test_trail_is_of_the_managers_stations_and_can_only_be_read(admin: Client, station: Station) -> None:
    mine, theirs = booking(station), booking(open_station())
    entry = AuditEntry.objects.get(object_pk=mine.pk)

    shown = page(admin)

    assert str(mine) in shown
    assert str(theirs) not in shown
    assert admin.get(f"{TRAIL}{entry.pk}/change/").status_code == 200
    assert admin.post(f"{TRAIL}{entry.pk}/change/", {"event": "x"}).status_code == 403
    assert admin.get(f"{TRAIL}add/").status_code == 403
    assert admin.get(f"{TRAIL}{entry.pk}/delete/").status_code == 403


def test_trail_of_no_station_is_for_those_with_every_station(admin: Client, station: Station) -> None:
    made = person(roles.STAFF, station)
    users = ContentType.objects.get_for_model(made)
    entry = AuditEntry.objects.filter(content_type=users, object_pk=made.pk).earliest("id")

    assert made.email not in rows(admin, made)
    assert admin.get(f"{TRAIL}{entry.pk}/change/").status_code == 404
    admin.force_login(UserFactory(is_superuser=True))
    assert made.email in rows(admin, made)


def test_trail_filters_by_station_event_actor_and_channel(admin: Client, station: Station, staff: User) -> None:
    one, other = booking(station), booking(station)
    services.reschedule(one.pk, to=Place(SATURDAY, one.slot), by=staff)

    found = {
        (name, value): [str(thing) in page(admin, **{name: value}).partition("<tbody>")[2] for thing in (one, other)]
        for name, value in (
            ("station", "kitchen"),
            ("event", "rescheduled"),
            ("actor", str(staff.pk)),
            ("channel__exact", "command"),
            ("channel__exact", "admin"),
            ("q", str(other.pk)),
            ("q", staff.email),
        )
    }

    assert found == {
        ("station", "kitchen"): [True, True],
        ("event", "rescheduled"): [True, False],
        ("actor", str(staff.pk)): [True, False],
        ("channel__exact", "command"): [True, True],
        ("channel__exact", "admin"): [False, False],
        ("q", str(other.pk)): [False, True],
        ("q", staff.email): [True, False],
    }


def test_trail_offers_no_station_and_nobody_of_others(admin: Client, station: Station) -> None:
    other = open_station(code="elsewhere", name="Elsewhere")
    stranger = person(roles.STAFF, other)
    made = booking(station)
    services.edit(made.pk, {"party_adults": 2}, by=UserFactory(is_superuser=True))

    shown = page(admin)

    assert [word for word in ("Elsewhere", stranger.email) if word in shown] == []
    assert "0 audit" in page(admin, station="elsewhere")
    assert "0 audit" in page(admin, actor=stranger.pk)


def test_trail_says_what_happened_to_a_booking(station: Station, staff: User) -> None:
    made = booking(station, party_adults=2)
    services.edit(made.pk, {"party_adults": 1, "special_requests": "Nuts"}, by=staff)
    services.reschedule(made.pk, to=Place(SATURDAY, made.slot), by=staff)

    assert story(made) == [
        "Booked: Fri 7 Mar 2031 18:00",
        "Adults: 2 → 1; special requests",
        "Fri 7 Mar 2031 18:00 → Sat 8 Mar 2031 18:00",
    ]


def test_trail_follows_a_booking_to_another_station_no_further_than_the_door(admin: Client, station: Station) -> None:
    other = open_station(code="elsewhere", name="Elsewhere")
    made = booking(station, customer=Contact("Ana García", "ana@example.com"))
    services.reschedule(made.pk, to=Place(SATURDAY, made.slot, "elsewhere"), by=roles.OPERATOR)
    left = AuditEntry.objects.get(object_pk=made.pk, event="left")

    shown = page(admin) + admin.get(f"{TRAIL}{left.pk}/change/").content.decode()

    assert "Fri 7 Mar 2031 18:00 → another station" in shown
    assert [word for word in ("elsewhere", "Elsewhere", "Sat 8 Mar", "2031-03-08") if word in shown] == []
    assert AuditEntry.objects.visible_to(person(roles.MANAGERS, other)).filter(object_pk=made.pk).exists()


def test_trail_says_which_of_a_customers_fields_changed_and_not_to_what(admin: Client, station: Station) -> None:
    known = customer(station)
    admin.post(f"/admin/accounts/customer/{known.pk}/change/", {"name": "Bo Li", "email": "ana@example.com"})

    assert story(known) == ["Created: name; email", "Name"]


def test_trail_says_what_became_of_a_station(station: Station) -> None:
    opening = station.openings.get(weekday=0, start="17:00")
    station.name = "Old Kitchen"
    station.save()
    opening.capacity = 9
    opening.save()
    opening.delete()

    assert story(station)[-1] == "Name: Kitchen → Old Kitchen"
    [capacity, deleted] = AuditEntry.objects.filter(object_repr="Monday 17:00").order_by("id")
    assert (describe(capacity, None), describe(deleted, None)) == ("Capacity: 3 → 9", "Deleted")


def test_trail_says_who_was_granted_what(station: Station) -> None:
    made = person(roles.STAFF, station)
    made.stations.remove(station)

    assert story(made)[1:] == [
        "Groups: added Station staff",
        "Stations: added Kitchen",
        "Stations: removed Kitchen",
    ]


def test_trail_says_that_a_link_for_a_password_was_made_and_not_which(
    admin: Client, station: Station, manager: User
) -> None:
    mate = person(roles.STAFF, station)

    answer = admin.post(f"/admin/accounts/user/{mate.pk}/password-link/")

    assert answer.status_code == 200
    entry = AuditEntry.objects.get(object_pk=mate.pk, event="password_link")
    assert (describe(entry, None), entry.actor, entry.channel, entry.changes) == (
        "Password",
        manager,
        "admin",
        {"password": ["•••", "•••"]},
    )


def test_trail_is_exported_as_it_is_shown(admin: Client, station: Station) -> None:
    made, theirs = booking(station, FRIDAY), booking(open_station())
    chosen = AuditEntry.objects.filter(object_pk__in=[made.pk, theirs.pk]).values_list("pk", flat=True)

    answer = admin.post(TRAIL, {"action": "export", "_selected_action": [str(pk) for pk in chosen]})

    text = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]
    [header, row] = csv.reader(io.StringIO(text))
    assert tuple(header) == EXPORT_HEADER
    assert row[1:] == [
        "a command", "command", "", "kitchen", str(made), str(made.pk), "created", "Booked: Fri 7 Mar 2031 18:00",
    ]  # fmt: skip


def test_trail_is_exported_by_those_with_the_right_only(admin_with: SignIn, station: Station) -> None:
    booking(station)
    admin = admin_with(roles.VIEW)
    entry = AuditEntry.objects.earliest("pk")

    answer = admin.post(TRAIL, {"action": "export", "_selected_action": [str(entry.pk)]})

    assert answer.headers["Content-Type"].startswith("text/html")
    assert "Export as CSV" not in page(admin)


def cells(shown: str, name: str) -> list[str]:
    return re.findall(rf'<t[hd] class="field-{name}[^"]*">(.*?)</t[hd]>', shown)


def test_trail_says_what_in_its_second_column_and_of_whom(admin: Client, station: Station) -> None:
    made = booking(station, customer=Contact("Ana García", "ana@example.com"))

    shown = page(admin, q=str(made.pk))

    columns = re.findall(r'class="[^"]*column-(\w+)"', shown.partition("<tbody>")[0])
    assert columns == ["when", "what", "subject", "who", "station", "channel"]
    link = f'<a href="/admin/bookings/booking/{made.pk}/change/" title="{made}">Ana García</a>'
    assert (cells(shown, "what"), cells(shown, "subject")) == (["Booked: Fri 7 Mar 2031 18:00"], [link])


def test_trail_names_customers_as_far_as_one_may_see_them(admin_with: SignIn, station: Station) -> None:
    made = booking(station, customer=Contact("Ana García", "ana@example.com"))
    admin = admin_with(roles.VIEW)

    shown = page(admin, q=str(made.pk))

    assert [strip_tags(one) for one in cells(shown, "subject")] == ["A. G."]


def test_trail_names_nobody_for_those_who_may_see_no_bookings(admin_with: SignIn, station: Station) -> None:
    made = booking(station, customer=Contact("Ana García", "ana@example.com"))

    assert cells(page(admin_with(), q=str(made.pk)), "subject") == [str(made)]


def test_trail_tells_the_stations_time_and_its_days(admin: Client, station: Station) -> None:
    Station.objects.filter(pk=station.pk).update(time_zone="America/New_York", country="US")
    with time_machine.travel("2031-03-08T01:30:00Z", tick=False):
        made = booking(Station.objects.get(pk=station.pk), SATURDAY)
        admin.force_login(person(roles.MANAGERS, station))
        shown = page(admin, q=str(made.pk))
        today = page(admin, q=str(made.pk), timestamp__day=7, timestamp__month=3, timestamp__year=2031)

    assert [strip_tags(one) for one in cells(shown, "when")] == ["Fri Mar 7, 2031, 8:30\u202fPM"]
    assert len(cells(today, "when")) == 1


def test_trail_is_filtered_by_user_channel_and_type(admin: Client, station: Station) -> None:
    booking(station)

    titles = re.findall(r'data-filter-title="([^"]*)"', page(admin))

    assert titles == ["station", "user", "channel", "type", "timestamp"]
