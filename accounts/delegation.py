"""Delegated user management: managers grant only what they have themselves, and never edit themselves or anyone with more."""

from collections.abc import Collection
from typing import Final

from django.contrib.auth.models import Group
from django.db.models import QuerySet

from accounts.auth import account_emails
from accounts.auth.models import EmailKind
from accounts.models import User
from stations.access import ALL_STATIONS
from stations.models import Station

PERMISSION_FIELDS: Final = frozenset({"groups", "stations", "is_active", "is_superuser"})
"""The fields of a user that determine what they may do."""


def visible_people(person: User) -> QuerySet[User]:
    """The users who share a station with the person, including the person; all users for those with every station."""
    if person.has_perm(ALL_STATIONS):
        return User.objects.all()
    shared = User.objects.filter(stations__in=Station.objects.visible_to(person))
    return User.objects.filter(pk__in=shared.values("pk")) | User.objects.filter(pk=person.pk)


def grantable_groups(person: User) -> QuerySet[Group]:
    """The groups whose permissions the person all has."""
    if person.is_superuser:
        return Group.objects.all()
    held = person.get_all_permissions()
    granted = [
        group.pk
        for group in Group.objects.prefetch_related("permissions__content_type")
        if {f"{one.content_type.app_label}.{one.codename}" for one in group.permissions.all()} <= held
    ]
    return Group.objects.filter(pk__in=granted)


def may_edit(person: User, other: User) -> bool:
    """Whether the other is not the person themselves, and has no permission or station that the person lacks."""
    if person.pk == other.pk:
        return False
    if person.is_superuser:
        return True
    if other.is_superuser:
        return False
    other_stations = set(User.stations.through.objects.filter(user=other).values_list("station", flat=True))
    own_stations = set(Station.objects.visible_to(person).values_list("pk", flat=True))
    return permissions_of(other) <= person.get_all_permissions() and other_stations <= own_stations


def permissions_of(other: User) -> set[str]:
    """All permissions of a user, even if they are inactive."""
    held = other.user_permissions.values_list("content_type__app_label", "codename")
    by_group = Group.objects.filter(user=other).values_list(
        "permissions__content_type__app_label", "permissions__codename"
    )
    return {f"{app}.{codename}" for app, codename in [*held, *by_group] if codename}


def notify_of_changes(user: User, changed: Collection[str], *, old_email: str) -> None:
    """Notify a user by email of changes by a manager: of a new email, at the old address, and of new permissions."""
    if "email" in changed:
        account_emails.queue(user, EmailKind.EMAIL_CHANGED, to=old_email)
    if PERMISSION_FIELDS & set(changed):
        account_emails.queue(
            user,
            EmailKind.PERMISSIONS_CHANGED,
            active=user.is_active,
            superuser=user.is_superuser,
            groups=[group.name for group in user.groups.order_by("name")],
            stations=[station.name for station in user.stations.order_by("name")],
        )
