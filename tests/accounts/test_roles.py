"""The table of groups and permissions, and how it is written to the database."""

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command

from accounts import roles
from accounts.models import User
from core.errors import NotPermitted
from stations.models import Station
from tests.factories import UserFactory, person

CONTRACT = """
| calendar and bookings: view | yes | yes | yes | yes |
| customers' PII: see and search | no | yes | yes | yes |
| bookings: create, edit, reschedule, change status | no | yes | yes | yes |
| pages | yes | yes | yes | no |
| API, browsable too | yes | yes | yes | yes |
| Django admin, timetables, import, audit log | no | no | yes | no |
| CSV export | no | no | yes | yes |
| people: grant only groups and stations that one holds, never superuser, never edit somebody with more | no | no | yes | no |
"""
"""As it is promised to those outside: viewers, station staff, station managers, integrators."""

HELD = {
    right: [cell.strip() == "yes" for cell in line.split("|")[2:-1]]
    for right, line in zip(roles.RIGHTS, CONTRACT.strip().splitlines(), strict=True)
}


@pytest.mark.parametrize("right", roles.RIGHTS)
def test_groups_hold_the_rights_that_the_contract_gives_them(station: Station, right: str) -> None:
    people = [person(group, station) for group in roles.GROUPS]
    assert [one.has_perm(right) for one in people] == HELD[right]


def test_groups_are_those_of_the_contract(db: None) -> None:
    assert list(roles.GROUPS) == ["Viewers", "Station staff", "Station managers", "Integrators"]
    assert set(Group.objects.values_list("name", flat=True)) == set(roles.GROUPS)


def rights_in_the_database() -> dict[str, set[str]]:
    return {
        group.name: {f"accounts.{permission.codename}" for permission in group.permissions.all()}
        for group in Group.objects.all()
    }


TABLE = {name: set(rights) for name, rights in roles.GROUPS.items()}


def test_migrate_writes_the_table_again_and_changes_nothing(db: None) -> None:
    call_command("migrate", verbosity=0)
    call_command("migrate", verbosity=0)
    assert rights_in_the_database() == TABLE


def test_migrate_mends_a_group_and_leaves_others_alone(db: None) -> None:
    own = Group.objects.create(name="Cooks")
    own.permissions.add(Permission.objects.get(codename="use_pages"))
    staff = Group.objects.get(name=roles.STAFF)
    staff.permissions.add(Permission.objects.get(codename="manage_people"))
    staff.permissions.remove(Permission.objects.get(codename="see_pii"))
    Group.objects.get(name=roles.VIEWERS).delete()

    call_command("migrate", verbosity=0)

    assert rights_in_the_database() == {**TABLE, "Cooks": {"accounts.use_pages"}}


def test_permissions_are_the_tables_and_none_for_each_model(db: None) -> None:
    """Nothing but the table can be granted: Django's own add, change, delete and view are left out of our models."""
    ours = Permission.objects.filter(content_type__app_label__in=["accounts", "bookings", "stations"])
    names = {f"{one.content_type.app_label}.{one.codename}" for one in ours.select_related("content_type")}
    assert names == {*roles.RIGHTS, "stations.access_all_stations"}


def test_require_lets_through_or_refuses(station: Station) -> None:
    roles.require(person(roles.STAFF, station), roles.PII)
    roles.require(roles.OPERATOR, roles.PII)
    with pytest.raises(NotPermitted):
        roles.require(person(roles.VIEWERS, station), roles.PII)


@pytest.mark.parametrize("superuser", [False, True])
def test_nobody_who_has_left_holds_a_right(station: Station, superuser: bool) -> None:
    gone = person(roles.MANAGERS, station, is_active=False, is_superuser=superuser)
    assert [right for right in roles.RIGHTS if gone.has_perm(right)] == []
    assert list(Station.objects.visible_to(gone)) == []
    assert not gone.is_staff


def test_a_superuser_has_every_right_and_every_station(station: Station) -> None:
    chief = UserFactory(is_superuser=True)
    assert all(chief.has_perm(right) for right in roles.RIGHTS)
    assert list(Station.objects.visible_to(chief)) == [station]


def test_the_right_to_all_stations_gives_stations_and_nothing_else(station: Station) -> None:
    everywhere = UserFactory()
    everywhere.user_permissions.add(Permission.objects.get(codename="access_all_stations"))
    assert list(Station.objects.visible_to(everywhere)) == [station]
    assert [right for right in roles.RIGHTS if everywhere.has_perm(right)] == []


def test_only_managers_reach_the_admin(station: Station) -> None:
    assert [group for group in roles.GROUPS if person(group, station).is_staff] == [roles.MANAGERS]


def test_users_are_known_by_email_in_any_case(db: None) -> None:
    made = User.objects.create_user("  Ana@Example.COM ", "correct horse battery staple")
    assert made.email == "ana@example.com"
    assert User.objects.get_by_natural_key("ANA@example.com") == made
    assert str(made) == "ana@example.com"
