"""Loads the demo: four stations of different kinds, users of every group, customers, and bookings around today.

All of it goes through the services, so that holds and audit log are those of real bookings. On the same day, a seed
always gives the same data. Nobody in it exists: emails are at example.com, phone numbers are reserved for fiction.
"""

import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from random import Random
from typing import Final

from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts import roles
from accounts.audit import origin
from accounts.audit.origin import Channel, Origin
from accounts.auth import passwords, sessions
from accounts.models import User
from bookings import services
from bookings.mails import outbox
from bookings.models import Booking
from bookings.models.status import Status
from bookings.services import Contact, Draft, Place, mail_choices, timetable_changes
from core.dates import minute_of_day, time_of_minute
from core.errors import DomainError
from stations.access import Person
from stations.models import Opening, Station, TimetableException, Weekday
from stations.timetable import Slot, local_now
from stations.timetable_queries import load_timetable

PASSWORD: Final = passwords.DEMO_PASSWORD
PASSWORD_BYTES: Final = 12
"""Length of a random password, used where the published one is not allowed."""
NAMED: Final = "Demo "
"""Prefix of the names of demo users."""
AT_ONCE: Final = 100
BOOKINGS_A_DAY: Final = 8
"""Bookings a day over all stations: more bookings reach further into past and future instead of filling every slot."""
SHORTEST_SPAN: Final = 35
MOST_FRUITLESS: Final = 20
DISPLACED_AT: Final = "demo-kitchen"

Progress = Callable[[int], object]


@dataclass(frozen=True, slots=True)
class Shape:
    """A demo station: its fields, its week, and how it is booked."""

    code: str
    name: str
    time_zone: str
    country: str
    currency: str
    first_weekday: Weekday
    weekdays: Sequence[int]
    starts: Sequence[time]
    minutes: int
    capacity: int
    guest_capacity: int | None
    longest: int
    """Maximum number of slots of a booking."""
    largest: int
    """Maximum number of guests of a party."""
    price: int
    """Price for one guest and one slot, in minor units."""
    phone: str
    """A phone number reserved for fiction, without its last digits."""


def _every(minutes: int, first: time, last: time) -> list[time]:
    span = range(minute_of_day(first), minute_of_day(last) + 1, minutes)
    return [time_of_minute(minute) for minute in span]


SHAPES: Final = (
    Shape(
        code="demo-kitchen", name="Demo Kitchen", time_zone="America/New_York", country="US", currency="USD",
        first_weekday=Weekday.SUNDAY, weekdays=range(7),
        starts=[*_every(60, time(12), time(14)), *_every(60, time(17), time(21))],
        minutes=60, capacity=5, guest_capacity=20, longest=1, largest=6, price=4_500, phone="+12025550{:03d}",
    ),
    Shape(
        code="demo-court", name="Demo Courts", time_zone="Europe/Berlin", country="DE", currency="EUR",
        first_weekday=Weekday.MONDAY, weekdays=range(7), starts=_every(60, time(8), time(21)),
        minutes=60, capacity=2, guest_capacity=None, longest=2, largest=4, price=900, phone="+493023125{:03d}",
    ),
    Shape(
        code="demo-salon", name="Demo Salon", time_zone="Asia/Kolkata", country="IN", currency="INR",
        first_weekday=Weekday.MONDAY, weekdays=range(1, 6), starts=_every(30, time(10), time(18, 30)),
        minutes=30, capacity=3, guest_capacity=None, longest=4, largest=1, price=60_000, phone="+442079460{:03d}",
    ),
    Shape(
        code="demo-rooms", name="Demo Rooms", time_zone="Pacific/Auckland", country="NZ", currency="NZD",
        first_weekday=Weekday.MONDAY, weekdays=range(7), starts=[time(15)],
        minutes=19 * 60, capacity=6, guest_capacity=14, longest=1, largest=4, price=9_900, phone="+61255501{:03d}",
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Login:
    """A demo user to sign in as."""

    email: str
    group: str | None
    """None for the superuser."""
    stations: Sequence[str]
    about: str


EVERYWHERE: Final = tuple(shape.code for shape in SHAPES)
LOGINS: Final = (
    Login("admin@example.com", None, (), "everything"),
    Login("manager@example.com", roles.MANAGERS, EVERYWHERE, "manages all four stations"),
    Login("staff@example.com", roles.STAFF, ("demo-kitchen", "demo-court"), "takes bookings at kitchen and courts"),
    Login("viewer@example.com", roles.VIEWERS, ("demo-kitchen",), "looks at the kitchen, without customers' data"),
    Login("integrator@example.com", roles.INTEGRATORS, EVERYWHERE, "another system, by the API alone"),
)
DEMO_EMAILS: Final = frozenset(login.email for login in LOGINS)

FIRST_NAMES: Final = (
    "Ada", "Björn", "Chloé", "Dara", "Emre", "Fatou", "Giulia", "Hiro", "Inés", "Jürgen",
    "Kwame", "Lakshmi", "María", "Nia", "Omar", "Priya", "Quentin", "Rosa", "Søren", "Tomás",
)  # fmt: skip
SURNAMES: Final = (
    "Sample", "Example", "Placeholder", "Muster", "Beispiel", "Ejemplo", "Exemple", "Esempio", "Voorbeeld", "Przykład",
)  # fmt: skip
CUSTOMERS: Final = len(FIRST_NAMES) * len(SURNAMES)
WISHES: Final = (
    "A quiet corner, please.",
    "Arriving ten minutes late.",
    "One guest is allergic to nuts.",
    "With a pram.",
    "It is a birthday: please say nothing!",
    "By the window, if there is a place.",
    "Needs a step-free way in.",
)
SOURCES: Final = ("phone", "phone", "website", "website", "website", "walk-in", "partner")
PAST: Final = {Status.COMPLETED: 85, Status.NO_SHOW: 7, Status.CANCELLED: 8}
AHEAD: Final = {Status.CONFIRMED: 68, Status.PENDING: 24, Status.CANCELLED: 8}


def is_empty() -> bool:
    """Whether there is no station yet."""
    return not Station.objects.exists()


def logins() -> list[Login]:
    """The demo users that exist and still have the published password."""
    found = {user.email for user in with_published_password(accounts())}
    return [login for login in LOGINS if login.email in found]


def accounts() -> QuerySet[User]:
    """Active accounts created by the demo, recognized by email or name."""
    by_email = Q(email__in=DEMO_EMAILS)
    return User.objects.filter(by_email | Q(name__startswith=NAMED), is_active=True)


def with_published_password(users: QuerySet[User]) -> list[User]:
    """Those of these users who have the published password. Takes a password hash for each."""
    found = users.order_by("pk").only("email", "password", "epoch")
    return [user for user in found if passwords.is_hash_of_demo_password(user.password)]


def renew_passwords(users: QuerySet[User]) -> dict[str, str]:
    """Give each of these users who has the published password a random one, and return it for each email.

    Their sessions, tokens, API keys and feeds end: anybody may have created them.
    """
    renewed = {}
    with origin.override_origin(Origin(channel=Channel.COMMAND)), transaction.atomic():
        for user in with_published_password(users.select_for_update()):
            renewed[user.email] = _random_password()
            user.set_password(renewed[user.email])
            sessions.save_password(user, notify=user.email not in DEMO_EMAILS)
            sessions.revoke_access(user)
    return renewed


def _random_password() -> str:
    return secrets.token_urlsafe(PASSWORD_BYTES)


@dataclass(frozen=True, slots=True)
class Loaded:
    """What was loaded."""

    bookings: int
    """Number of bookings; fewer than requested only if the timetables have no room for more."""
    passwords: dict[str, str]
    """Passwords of new users by email: the published one, or a random one where that is not allowed."""


def load(bookings: int, seed: int, progress: Progress) -> Loaded:
    """Create missing stations and users, then this many bookings. `progress` is called with the number of new ones."""
    dice = Random(seed)  # noqa: S311  # nosec B311  # the same again is what is wanted
    with origin.override_origin(Origin(channel=Channel.COMMAND)):
        with transaction.atomic():
            stations = [_station(shape) for shape in SHAPES]
            new = dict(filter(None, map(_person, LOGINS)))
        days = _days(bookings)
        made = sum(len(found) for found in _bookings(dice, stations, bookings, days, progress))
        _story(dice, stations)
    return Loaded(made, new)


def _days(bookings: int) -> Sequence[int]:
    """The range of days around today, as days before and after."""
    span = max(SHORTEST_SPAN, bookings // BOOKINGS_A_DAY)
    return range(-(span * 2 // 5), span * 3 // 5)


def _station(shape: Shape) -> Station:
    station, made = Station.objects.get_or_create(
        code=shape.code,
        defaults={
            "name": shape.name,
            "time_zone": shape.time_zone,
            "country": shape.country,
            "currency": shape.currency,
            "first_weekday": shape.first_weekday,
            "email": f"{shape.code}@example.com",
            "reminder_hours": None,
            "phone": shape.phone.format(100),
        },
    )
    if made:
        _open(station, shape)
    return station


def _open(station: Station, shape: Shape) -> None:
    for weekday in shape.weekdays:
        for start in shape.starts:
            Opening(
                station=station,
                weekday=weekday,
                start=start,
                minutes=shape.minutes,
                capacity=shape.capacity,
                guest_capacity=shape.guest_capacity,
            ).save()
    today = local_now(station, timezone.now()).date()
    TimetableException(station=station, date=today + timedelta(days=9), reason="Public holiday").save()
    TimetableException(
        station=station, date=today + timedelta(days=2), slot=shape.starts[0], reason="Staff meeting"
    ).save()
    if shape.capacity > 2:
        TimetableException(
            station=station, date=today + timedelta(days=4), closed=False, capacity=2, reason="Half the staff is away"
        ).save()


def _person(login: Login) -> tuple[str, str] | None:
    """Create a user. Returns the email and password; None if the user exists."""
    if User.objects.filter(email=login.email).exists():
        return None
    password = PASSWORD if passwords.is_demo_password_allowed() else _random_password()
    if login.group is None:
        User.objects.create_superuser(login.email, password, name=f"{NAMED}administrator")
        return login.email, password
    user = User.objects.create_user(login.email, password, name=f"{NAMED}{login.group.lower()}")
    user.groups.add(Group.objects.get(name=login.group))
    user.stations.add(*Station.objects.filter(code__in=login.stations))
    return login.email, password


def _bookings(
    dice: Random, stations: Sequence[Station], wanted: int, days: Sequence[int], progress: Progress
) -> Iterator[list[Booking]]:
    """Create bookings in batches until there are enough; those without room are drawn again."""
    slots = _Slots(stations, days)
    made = fruitless = 0
    while made < wanted and fruitless < MOST_FRUITLESS:
        drafts = [_draft(dice, slots, made + index) for index in range(min(AT_ONCE, wanted - made))]
        results = services.create_many(drafts, by=roles.OPERATOR)
        found = [result for result in results if not isinstance(result, DomainError)]
        made += len(found)
        fruitless = 0 if found else fruitless + 1
        progress(len(found))
        yield found


class _Slots:
    """The open slots of each station by day, to draw from."""

    def __init__(self, stations: Sequence[Station], days: Sequence[int]) -> None:
        self.now = timezone.now()
        self._open: list[tuple[Shape, list[list[Slot]]]] = []
        for shape, station in zip(SHAPES, stations, strict=True):
            today = local_now(station, self.now).date()
            dates = [today + timedelta(days=day) for day in days]
            timetable = load_timetable(station, dates[0], dates[-1])
            found = ([slot for slot in timetable.slots_of(day) if not slot.closed] for day in dates)
            self._open.append((shape, [slots for slots in found if slots]))

    def draw(self, dice: Random) -> tuple[Shape, Slot]:
        shape, days = dice.choice(self._open)
        return shape, dice.choice(dice.choice(days))


def _draft(dice: Random, slots: _Slots, number: int) -> Draft:
    shape, slot = slots.draw(dice)
    guests = dice.randint(1, shape.largest)
    length = dice.choice([1, 1, dice.randint(1, shape.longest)])
    total = guests * length * shape.price
    status = _status(dice, slot, slots.now)
    return Draft(
        station=shape.code,
        date=slot.date,
        slot=slot.start,
        slots=length,
        status=status,
        party_adults=max(1, guests - dice.choice([0, 0, 1])),
        party_kids=dice.choice([0, 0, 0, 1]) if shape.largest > 1 else 0,
        total_due_cents=total,
        deposit_due_cents=dice.choice([0, 0, total // 4, total]),
        special_requests=dice.choice(WISHES) if dice.random() < 0.2 else None,
        source=dice.choice(SOURCES),
        external_ref=f"DEMO-{number + 1:05d}" if number % 10 == 0 else "",
        customer=_contact(dice, shape) if dice.random() < 0.85 else None,
    )


def _status(dice: Random, slot: Slot, now: datetime) -> Status:
    if slot.starts_at <= now < slot.ends_at:
        return Status.ARRIVED
    statuses = PAST if slot.ends_at <= now else AHEAD
    return dice.choices(list(statuses), weights=list(statuses.values()))[0]


def _contact(dice: Random, shape: Shape) -> Contact:
    number = dice.randrange(CUSTOMERS)
    first, surname = FIRST_NAMES[number % len(FIRST_NAMES)], SURNAMES[number // len(FIRST_NAMES)]
    phone = shape.phone.format(100 + number % 100)
    return Contact(f"{first} {surname}", f"customer{number + 1:03d}@example.com", phone)


def _story(dice: Random, stations: Sequence[Station]) -> None:
    """Let staff confirm and move some bookings, and one lose its slot."""
    manager = User.objects.filter(email="manager@example.com", is_active=True).first()
    for station in stations:
        ahead = list(Booking.objects.filter(station=station).holding().ahead(timezone.now()).in_order()[:40])
        for booking in dice.sample(ahead, min(4, len(ahead))):
            with suppress(DomainError), transaction.atomic():
                _attend_to(dice, booking, by=manager or roles.OPERATOR)
        if ahead:
            _take_the_place_of(ahead[len(ahead) // 2], station)


def _attend_to(dice: Random, booking: Booking, *, by: Person) -> None:
    """Confirm or move a booking and withhold its email: a demo sends none, even if a mail server is set."""
    if booking.status == Status.PENDING:
        services.change_status(booking.pk, Status.CONFIRMED, by=by)
    to = Place(booking.date + timedelta(days=dice.choice([1, 2, 7])), booking.slot)
    for mail in outbox.emails_of(services.reschedule(booking.pk, to=to, by=by).booking):
        mail_choices.withhold(mail.pk, by=by)


def _take_the_place_of(booking: Booking, station: Station) -> None:
    """Close the slot of a booking."""
    if station.code != DISPLACED_AT or TimetableException.objects.filter(station=station, date=booking.date).exists():
        return
    with timetable_changes.timetable_change(station, by=roles.OPERATOR, displace=True):
        TimetableException(station=station, date=booking.date, slot=booking.slot, reason="The oven is broken").save()
