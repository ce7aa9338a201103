"""Which people a person may manage: only with what one holds oneself, never somebody with more, and never oneself."""

from collections.abc import Collection
from typing import Final

from django.contrib.auth.models import Group
from django.db.models import QuerySet

from accounts.auth import account_emails
from accounts.auth.models import EmailKind
from accounts.models import User
from stations.access import ALL_STATIONS
from stations.models import Station

PERMISSIONS: Final = frozenset({"groups", "stations", "is_active", "is_superuser"})
"""The fields of a person that say what they may do."""


def visible_people(person: User) -> QuerySet[User]:
    """Those who share a station with the person, and the person; everybody for those with every station."""
    if person.has_perm(ALL_STATIONS):
        return User.objects.all()
    shared = User.objects.filter(stations__in=Station.objects.visible_to(person))
    return User.objects.filter(pk__in=shared.values("pk")) | User.objects.filter(pk=person.pk)


def grantable_groups(person: User) -> QuerySet[Group]:
    """The groups all of whose rights the person holds."""
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
    """Whether the other is somebody else, and holds nothing, right or station, that the person does not."""
    if person.pk == other.pk:
        return False
    if person.is_superuser:
        return True
    if other.is_superuser:
        return False
    theirs = set(User.stations.through.objects.filter(user=other).values_list("station", flat=True))
    mine = set(Station.objects.visible_to(person).values_list("pk", flat=True))
    return rights_of(other) <= person.get_all_permissions() and theirs <= mine


def rights_of(other: User) -> set[str]:
    """All rights that somebody holds or would hold were they active."""
    held = other.user_permissions.values_list("content_type__app_label", "codename")
    by_group = Group.objects.filter(user=other).values_list(
        "permissions__content_type__app_label", "permissions__codename"
    )
    return {f"{app}.{codename}" for app, codename in [*held, *by_group] if codename}


def notify_of_changes(user: User, changed: Collection[str], *, old_email: str) -> None:
    """Tell somebody by email what a manager has changed of them: their email, at the old address, and what they may do."""
    if "email" in changed:
        account_emails.queue(user, EmailKind.EMAIL_CHANGED, to=old_email)
    if PERMISSIONS & set(changed):
        account_emails.queue(
            user,
            EmailKind.PERMISSIONS_CHANGED,
            active=user.is_active,
            superuser=user.is_superuser,
            groups=[group.name for group in user.groups.order_by("name")],
            stations=[station.name for station in user.stations.order_by("name")],
        )
