"""Fills an empty database for `script/cluster`: stations, bookings, and people who are signed in. Prints where and who, as JSON.

`cluster_lib/seed.py STATIONS BOOKINGS PEOPLE`: so many stations, bookings at each within the next week, and people in all.
"""

import json
import random
import sys
from datetime import time, timedelta
from typing import Any

import django

django.setup()

from django.conf import settings  # noqa: E402
from django.contrib.auth.models import Group  # noqa: E402
from django.http import HttpRequest  # noqa: E402
from django.middleware.csrf import get_token  # noqa: E402
from django.utils import timezone  # noqa: E402

from accounts import roles  # noqa: E402
from accounts.auth import sessions  # noqa: E402
from accounts.auth.session_store import SessionStore  # noqa: E402
from accounts.customers import Contact  # noqa: E402
from accounts.models import User  # noqa: E402
from bookings import services  # noqa: E402
from bookings.models.status import Status  # noqa: E402
from bookings.services.inputs import Draft  # noqa: E402
from stations.models import Opening, Station  # noqa: E402

HOURS = range(8, 22)
CAPACITY = 4
DAYS = 7
NO_PASSWORD = "!"  # noqa: S105  # nosec B105  # nobody logs in here: they are signed in


def open_station(number: int) -> Station:
    """Open all day, every day, for four parties an hour."""
    fields = {"time_zone": "UTC", "country": "DE", "currency": "EUR", "email": f"station{number}@example.com"}
    station = Station.objects.create(code=f"s{number}", name=f"Station {number}", **fields)
    Opening.objects.bulk_create(
        Opening(station=station, weekday=weekday, start=f"{hour:02}:00", minutes=60, capacity=CAPACITY)
        for weekday in range(7)
        for hour in HOURS
    )
    return station


def fill(station: Station, count: int, dice: random.Random) -> None:
    today = timezone.now().date()
    places = [(today + timedelta(days=day), hour) for day in range(1, DAYS + 1) for hour in HOURS for _n in range(3)]
    drafts = [
        Draft(
            station=station.code,
            date=day,
            slot=time(hour),
            party_adults=2,
            status=Status.CONFIRMED,
            customer=Contact(f"Guest {n} of {station.name}", f"guest{n}.{station.code}@example.com"),
        )
        for n, (day, hour) in enumerate(dice.sample(places, count))
    ]
    services.create_many(drafts, by=roles.OPERATOR)


def sign_in(user: User) -> dict[str, str]:
    """The cookies of a browser in which this person has logged in."""
    request = HttpRequest()
    request.session = SessionStore()
    sessions.start(request, user, address=None)
    request.session.save()
    return {
        settings.SESSION_COOKIE_NAME: str(request.session.session_key),
        settings.CSRF_COOKIE_NAME: get_token(request),
    }


def create_users(stations: list[Station], count: int) -> list[dict[str, Any]]:
    User.objects.bulk_create(User(email=f"person{n}@example.com", password=NO_PASSWORD) for n in range(count))
    users = list(User.objects.filter(password=NO_PASSWORD).order_by("pk"))
    staff = Group.objects.get(name=roles.STAFF)
    User.groups.through.objects.bulk_create(User.groups.through(user=user, group=staff) for user in users)
    assignments = [(user, stations[n % len(stations)]) for n, user in enumerate(users)]
    User.stations.through.objects.bulk_create(
        User.stations.through(user=user, station=station) for user, station in assignments
    )
    return [{"station": station.code, "cookies": sign_in(user)} for user, station in assignments]


def main(stations: int, bookings: int, people: int) -> None:
    dice = random.Random(1)  # noqa: S311  # nosec B311  # no secret
    made = [open_station(number) for number in range(1, stations + 1)]
    for station in made:
        fill(station, bookings, dice)
    first = timezone.now().date() + timedelta(days=1)
    json.dump({"first": first.isoformat(), "days": DAYS, "people": create_users(made, people)}, sys.stdout)


main(*map(int, sys.argv[1:]))
