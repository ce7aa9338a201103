"""Factories for test data. Bookings are created through the services, so that their holds are right."""

from collections.abc import Iterable
from datetime import date, time
from typing import Any

import factory
from django.contrib.auth.models import Group
from django.db import connection
from django.db.models import Model

from accounts import roles
from accounts.customers import Contact, find_or_create
from accounts.models import Customer, User
from bookings import services
from bookings.models import Booking
from bookings.models.status import Status
from stations.models import Opening, Station, TimetableException

FRIDAY = date(2031, 3, 7)
SATURDAY = date(2031, 3, 8)
PASSWORD = "correct horse battery staple"


class StationFactory(factory.django.DjangoModelFactory[Station]):
    class Meta:
        model = Station
        skip_postgeneration_save = True

    code = factory.Sequence(lambda n: f"S{n:03d}")
    name = factory.LazyAttribute(lambda station: f"Station {station.code}")
    time_zone = "Europe/Berlin"
    country = "DE"
    currency = "EUR"


class OpeningFactory(factory.django.DjangoModelFactory[Opening]):
    class Meta:
        model = Opening

    station = factory.SubFactory(StationFactory)
    weekday = 4
    start = time(18)
    minutes = 60
    capacity = 3


class ExceptionFactory(factory.django.DjangoModelFactory[TimetableException]):
    class Meta:
        model = TimetableException

    station = factory.SubFactory(StationFactory)
    date = FRIDAY
    closed = True
    reason = "Stocktaking"


class UserFactory(factory.django.DjangoModelFactory[User]):
    class Meta:
        model = User
        skip_postgeneration_save = True

    email = factory.Sequence(lambda n: f"person{n}@example.com")
    password = factory.django.Password(PASSWORD)


def open_station(
    *,
    hours: Iterable[int] = range(17, 22),
    capacity: int = 3,
    guest_capacity: int | None = None,
    minutes: int = 60,
    **fields: Any,
) -> Station:
    """A station that is open every day at these hours."""
    station = StationFactory(**fields)
    Opening.objects.bulk_create(
        Opening(
            station=station,
            weekday=weekday,
            start=time(hour),
            minutes=minutes,
            capacity=capacity,
            guest_capacity=guest_capacity,
        )
        for weekday in range(7)
        for hour in hours
    )
    return station


def person(group: str, *stations: Station, **fields: Any) -> User:
    """A user in a group, at these stations."""
    user = UserFactory(**fields)
    user.groups.add(Group.objects.get(name=group))
    user.stations.add(*stations)
    return user


def staff(*stations: Station) -> User:
    return person(roles.STAFF, *stations)


def customer(station: Station, name: str = "Ana García", email: str = "ana@example.com", phone: str = "") -> Customer:
    [made] = find_or_create(station, [Contact(name, email, phone)], strict=True)
    return made


def store(row: Model, **values: Any) -> None:
    """Write columns without a service, encrypted ones included."""
    for name, value in values.items():
        setattr(row, name, value)
    row.save(update_fields=[*values])


def bookings(count: int, station: Station, day: date = FRIDAY, slot: time = time(18), **fields: Any) -> list[Booking]:
    """Create that many bookings with the same fields; see `booking`."""
    draft = services.Draft(**{"station": station.code, "date": day, "slot": slot, "status": Status.CONFIRMED, **fields})
    made = []
    for result in services.create_many([draft] * count, by=roles.OPERATOR):
        if isinstance(result, Exception):
            raise result
        made.append(result)
    return made


def booking(station: Station, day: date = FRIDAY, slot: time = time(18), **fields: Any) -> Booking:
    """A confirmed booking, in the past too. `fields` are those of a `Draft`."""
    [made] = bookings(1, station, day, slot, **fields)
    return made


def crowd(station: Station, count: int) -> None:
    """Add that many bookings with holds and customers, over some years, by SQL on PostgreSQL, and analyze the tables."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO accounts_customer (id, station_id, name, email, email_bounced, phone, phone_is_valid, language, notes,"
            " created_at, updated_at) SELECT md5(n::text)::uuid, %s, '', '', false, '', true, '', '', now(), now()"
            " FROM generate_series(1, %s) n",
            [station.pk, count],
        )
        cursor.execute(
            "INSERT INTO bookings_booking (id, station_id, customer_id, date, slot, slots, starts_at, ends_at, status,"
            " needs_place, party_adults, party_kids, total_due_cents, deposit_due_cents, source, external_ref, version,"
            " created_at, updated_at) SELECT md5(n::text)::uuid, %s, md5(n::text)::uuid, date '2028-01-01' + n %% 1500, '18:00',"
            " 1, now(), now() + interval '1 hour', 'cancelled', false, 1, 0, 0, 0, '', '', 1, now(), now()"
            " FROM generate_series(1, %s) n",
            [station.pk, count],
        )
        cursor.execute(
            "INSERT INTO bookings_hold (booking_id, station_id, date, slot, lane, capacity) SELECT md5(n::text)::uuid, %s,"
            " date '2028-01-01' + n %% 1500, '18:00', 100 + n / 1500, 1000 FROM generate_series(1, %s) n",
            [station.pk, count],
        )
        cursor.execute("ANALYZE")  # all of it: PostgreSQL still knows what a table held before another test emptied it
