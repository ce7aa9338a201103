"""Every sensitive action over HTTP: what is sent, and how to check that it was carried out."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from django.contrib.auth.models import Group, Permission

from accounts import roles
from accounts.auth import two_factor
from accounts.auth.models import EmailKind
from accounts.customers import Contact
from accounts.models import ApiKey, Authenticator, Customer, User
from bookings.icalendar import feeds
from bookings.models import Booking, Feed
from tests.authenticator import code_of
from tests.factories import UserFactory, booking, open_station, person

NEW_PASSWORD: Final = "seven quiet green horses"
EMAIL: Final = "ana@example.com"


class World:
    """A station with two managers, of whom one acts, a superuser, and a customer with a booking."""

    def __init__(self, *, factor: bool = False) -> None:
        self.station = open_station(code="kitchen", name="Kitchen")
        self.manager = person(roles.MANAGERS, self.station, email="manager@example.com")
        self.peer = person(roles.MANAGERS, self.station, email="peer@example.com")
        self.root = UserFactory(email="root@example.com", is_superuser=True)
        self.booking: Booking = booking(self.station, customer=Contact("Ana García", EMAIL))
        self.group = Group.objects.create(name="Auditors")
        self.feed, self.secret = feeds.create(station=self.station, details=True, by=self.manager)
        self.codes = _with_factor(self.manager) if factor else []
        _with_factor(self.peer)

    @property
    def customer(self) -> Customer:
        return Customer.objects.get(pk=str(self.booking.customer_id))


def _with_factor(user: User) -> list[str]:
    secret = two_factor.start_enrolment(user)
    return two_factor.confirm(user, code_of(secret, steps=-1)) or []


FormData = dict[str, Any]


@dataclass(frozen=True)
class SensitiveAction:
    """A sensitive action of the manager, or of another user of the world (`by`)."""

    address: Callable[[World], str]
    is_done: Callable[[World, Any], bool]
    """Checks the result, given the response."""
    words: Callable[[World], FormData] = lambda world: {}
    by: str = "manager"
    factor: bool = False
    """Whether it needs two-factor authentication to be set up."""
    typed: FormData = field(default_factory=dict)
    """Fields that no page keeps, which are submitted again together with the password."""
    notice: tuple[str, EmailKind] | None = None
    """Who is notified by email, and of what."""


def again(world: World, who: str = "peer") -> User:
    return User.objects.get(pk=getattr(world, who).pk)


def person_page(world: World, page: str = "change", who: str = "peer") -> str:
    return f"/admin/accounts/user/{getattr(world, who).pk}/{page}/"


def peer_as_is(world: World, **changed: Any) -> FormData:
    groups = [Group.objects.get(name=roles.MANAGERS).pk]
    return {"email": "peer@example.com", "groups": groups, "stations": [world.station.pk], "is_active": "on", **changed}


def action(name: str, pk: Any) -> FormData:
    return {"action": name, "_selected_action": [str(pk)]}


def is_file(_world: World, answer: Any) -> bool:
    return answer.status_code == 200 and "attachment" in answer.get("Content-Disposition", "")


def with_group(name: str) -> Callable[[World], FormData]:
    return lambda world: peer_as_is(world, groups=[Group.objects.get(name=name).pk])


SENSITIVE_ACTIONS: Final[dict[str, SensitiveAction]] = {
    "own password": SensitiveAction(
        lambda world: "/accounts/me/password/",
        lambda world, answer: again(world, "manager").check_password(NEW_PASSWORD),
        lambda world: {"new": NEW_PASSWORD, "again": NEW_PASSWORD},
        typed={"new": NEW_PASSWORD, "again": NEW_PASSWORD},
        notice=("manager", EmailKind.PASSWORD_CHANGED),
    ),
    "own email": SensitiveAction(
        lambda world: "/accounts/me/email/",
        lambda world, answer: again(world, "manager").email == "new@example.com",
        lambda world: {"email": "new@example.com"},
        notice=("manager", EmailKind.EMAIL_CHANGED),
    ),
    "set up two-factor authentication": SensitiveAction(
        lambda world: "/accounts/me/factor/app/",
        lambda world, answer: Authenticator.objects.filter(user=world.manager).exists(),
    ),
    "turn two-factor authentication on": SensitiveAction(
        lambda world: "/accounts/me/factor/confirm/",
        lambda world, answer: again(world, "manager").second_factor_at is not None,
        lambda world: {
            "code": code_of(two_factor.pending_secret(world.manager) or two_factor.start_enrolment(world.manager))
        },
        notice=("manager", EmailKind.TWO_FACTOR_ENABLED),
    ),
    "replace two-factor authentication": SensitiveAction(
        lambda world: "/accounts/me/factor/confirm/",
        lambda world, answer: two_factor.pending_secret(world.manager) == "",
        lambda world: {"code": code_of(two_factor.start_enrolment(world.manager)), "current_code": world.codes[0]},
        factor=True,
        notice=("manager", EmailKind.AUTHENTICATOR_REPLACED),
    ),
    "new recovery codes": SensitiveAction(
        lambda world: "/accounts/me/factor/codes/",
        lambda world, answer: bool(answer.context and answer.context.get("codes")),
        lambda world: {"code": world.codes[0]},
        factor=True,
        notice=("manager", EmailKind.RECOVERY_CODES_RENEWED),
    ),
    "remove two-factor authentication": SensitiveAction(
        lambda world: "/accounts/me/factor/none/",
        lambda world, answer: again(world, "manager").second_factor_at is None,
        lambda world: {"code": world.codes[0]},
        factor=True,
        notice=("manager", EmailKind.TWO_FACTOR_DISABLED),
    ),
    "API key": SensitiveAction(
        lambda world: "/accounts/me/keys/",
        lambda world, answer: ApiKey.objects.filter(user=world.manager, name="Web shop").exists(),
        lambda world: {"name": "Web shop", "stations": [world.station.pk], "rights": [roles.VIEW, roles.PII]},
        notice=("manager", EmailKind.API_KEY_CREATED),
    ),
    "feed with details": SensitiveAction(
        lambda world: "/feeds/",
        lambda world, answer: Feed.objects.filter(station=None, details=True).exists(),
        lambda world: {"details": "on"},
        notice=("manager", EmailKind.FEED_CREATED),
    ),
    "new address of a feed with details": SensitiveAction(
        lambda world: f"/feeds/{world.feed.pk}/renew/",
        lambda world, answer: Feed.objects.get(pk=world.feed.pk).digest != world.feed.digest,
        notice=("manager", EmailKind.FEED_RENEWED),
    ),
    "groups of a peer": SensitiveAction(
        person_page,
        lambda world, answer: again(world).groups.get().name == roles.VIEWERS,
        with_group(roles.VIEWERS),
        notice=("peer", EmailKind.PERMISSIONS_CHANGED),
    ),
    "deactivate a peer": SensitiveAction(
        person_page,
        lambda world, answer: not again(world).is_active,
        lambda world: {name: value for name, value in peer_as_is(world).items() if name != "is_active"},
        notice=("peer", EmailKind.PERMISSIONS_CHANGED),
    ),
    "email of a peer": SensitiveAction(
        person_page,
        lambda world, answer: again(world).email == "taken@example.com",
        lambda world: peer_as_is(world, email="taken@example.com"),
        notice=("peer", EmailKind.EMAIL_CHANGED),
    ),
    "make a peer a superuser": SensitiveAction(
        person_page,
        lambda world, answer: again(world).is_superuser,
        lambda world: peer_as_is(world, is_superuser="on"),
        by="root",
        notice=("peer", EmailKind.PERMISSIONS_CHANGED),
    ),
    "link for a peer's password": SensitiveAction(
        lambda world: person_page(world, "password-link"),
        lambda world, answer: "/accounts/new-password/" in answer.content.decode(),
        notice=("peer", EmailKind.PASSWORD_LINK_CREATED),
    ),
    "reset a peer's two-factor authentication": SensitiveAction(
        lambda world: "/admin/accounts/user/",
        lambda world, answer: again(world).second_factor_at is None,
        lambda world: action("reset_two_factor", world.peer.pk),
        notice=("peer", EmailKind.TWO_FACTOR_DISABLED),
    ),
    "end a peer's sessions": SensitiveAction(
        lambda world: "/admin/accounts/user/",
        lambda world, answer: again(world).epoch == 1,
        lambda world: action("revoke_access", world.peer.pk),
    ),
    "add a person": SensitiveAction(
        lambda world: "/admin/accounts/user/add/",
        lambda world, answer: User.objects.filter(email="new@example.com").exists(),
        lambda world: peer_as_is(world, email="new@example.com"),
    ),
    "rights of a group": SensitiveAction(
        lambda world: f"/admin/auth/group/{world.group.pk}/change/",
        lambda world, answer: world.group.permissions.exists(),
        lambda world: {"name": "Auditors", "permissions": [Permission.objects.get(codename="manage_people").pk]},
        by="root",
    ),
    "add a group": SensitiveAction(
        lambda world: "/admin/auth/group/add/",
        lambda world, answer: Group.objects.filter(name="Owners").exists(),
        lambda world: {"name": "Owners"},
        by="root",
    ),
    "export bookings": SensitiveAction(
        lambda world: "/admin/bookings/booking/",
        is_file,
        lambda world: action("export", world.booking.pk),
    ),
    "export the audit log": SensitiveAction(
        lambda world: "/admin/accounts/auditentry/",
        is_file,
        lambda world: action("export", 1),
        by="root",
    ),
    "customer's data as a page": SensitiveAction(
        lambda world: f"/admin/accounts/customer/{world.booking.customer_id}/data/",
        lambda world, answer: EMAIL in answer.content.decode(),
    ),
    "customer's data as JSON": SensitiveAction(
        lambda world: f"/admin/accounts/customer/{world.booking.customer_id}/export/",
        is_file,
    ),
    "erase a customer": SensitiveAction(
        lambda world: f"/admin/accounts/customer/{world.booking.customer_id}/erase/",
        lambda world, answer: world.customer.erased_at is not None,
    ),
}
