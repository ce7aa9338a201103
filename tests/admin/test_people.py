"""People in the admin: one grants only what one holds, and edits nobody who has more."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client

from accounts import roles
from accounts.models import AuditEntry, User
from stations.models import Station
from tests.factories import PASSWORD, UserFactory, open_station, person


def group(name: str) -> int:
    return Group.objects.get(name=name).pk


def words(**said: Any) -> dict[str, Any]:
    return {"email": "new@example.com", "name": "", "is_active": "on", **said}


def url(user: User, page: str = "change") -> str:
    return f"/admin/accounts/user/{user.pk}/{page}/"


def test_add_makes_somebody_of_the_managers_stations(admin: Client, station: Station, manager: User) -> None:
    said = words(
        email="New@Example.com",
        usable_password="true",
        password1=PASSWORD,
        password2=PASSWORD,
        groups=[group(roles.STAFF)],
        stations=[station.pk],
    )

    answer = admin.post("/admin/accounts/user/add/", said)

    assert answer.status_code == 302
    made = User.objects.get(email="new@example.com")
    assert made.check_password(PASSWORD)
    assert list(made.stations.all()) == [station]
    entry = AuditEntry.objects.filter(object_pk=made.pk, action=AuditEntry.Action.CREATE).get()
    assert (entry.actor, entry.channel) == (manager, "admin")
    assert PASSWORD not in str(list(AuditEntry.objects.values_list("changes", flat=True)))


def test_list_shows_those_who_share_a_station(admin: Client, station: Station) -> None:
    mate, stranger = person(roles.STAFF, station), person(roles.STAFF, open_station())

    shown = admin.get("/admin/accounts/user/").content.decode()

    assert mate.email in shown
    assert stranger.email not in shown
    assert "0 people" in admin.get("/admin/accounts/user/", {"q": stranger.email}).content.decode()
    assert admin.get(url(stranger)).status_code == 404


def test_change_cannot_grant_a_station_or_a_group_that_one_lacks(admin: Client, station: Station) -> None:
    mate, other = person(roles.VIEWERS, station), open_station(name="Elsewhere")
    strong = Group.objects.create(name="Auditors")
    strong.permissions.add(*Group.objects.get(name=roles.MANAGERS).permissions.all())
    strong.permissions.add(_permission("stations", "access_all_stations"))

    form = admin.get(url(mate)).content.decode()
    said = words(email=mate.email, groups=[strong.pk], stations=[station.pk, other.pk])
    answer = admin.post(url(mate), said)

    assert "Elsewhere" not in form
    assert "Auditors" not in form
    assert answer.status_code == 200
    mate.refresh_from_db()
    assert (list(mate.stations.all()), [one.name for one in mate.groups.all()]) == ([station], [roles.VIEWERS])


def _permission(app: str, codename: str) -> Any:
    return Permission.objects.get(content_type__app_label=app, codename=codename)


@pytest.mark.parametrize("field", ["groups", "stations"])
@pytest.mark.parametrize("key", ["x", "\0", "-1", "9" * 30])
def test_change_bears_keys_that_are_none(admin: Client, station: Station, field: str, key: str) -> None:
    mate = person(roles.VIEWERS, station)

    answer = admin.post(url(mate), words(**{"groups": [group(roles.VIEWERS)], "stations": [station.pk], field: [key]}))

    assert answer.status_code == 200
    assert field in answer.context["adminform"].form.errors


@pytest.mark.parametrize("more", ["superuser", "station", "right", "all stations"])
def test_change_of_somebody_with_more_is_refused(admin: Client, station: Station, more: str) -> None:
    mate = person(roles.STAFF, station)
    if more == "superuser":
        User.objects.filter(pk=mate.pk).update(is_superuser=True)
    if more == "station":
        mate.stations.add(open_station())
    if more == "right":
        extra = Group.objects.create(name="Extra")
        extra.permissions.add(_permission("auth", "change_group"))
        mate.groups.add(extra)
    if more == "all stations":
        mate.user_permissions.add(_permission("stations", "access_all_stations"))

    answer = admin.post(url(mate), words(email="taken@example.com"))

    assert answer.status_code == 403
    assert User.objects.get(pk=mate.pk).email == mate.email
    assert admin.post(url(mate, "password"), {"password1": "x", "password2": "x"}).status_code == 403


def test_change_never_makes_a_superuser(admin: Client, station: Station, manager: User) -> None:
    for target in (person(roles.STAFF, station), manager):
        said = words(
            email=target.email,
            stations=[station.pk],
            groups=[group(roles.MANAGERS)],
            is_superuser="on",
            user_permissions=[_permission("stations", "access_all_stations").pk],
        )
        admin.post(url(target), said)

        target.refresh_from_db()
        assert not target.is_superuser
        assert not target.user_permissions.exists()


def test_change_of_a_mate_is_written_and_recorded(admin: Client, station: Station, manager: User) -> None:
    mate = person(roles.STAFF, station)
    said = words(email=mate.email, name="Sam", stations=[station.pk], groups=[group(roles.VIEWERS)], is_active="")

    answer = admin.post(url(mate), {name: value for name, value in said.items() if value != ""})

    assert answer.status_code == 302
    mate.refresh_from_db()
    assert (mate.name, mate.is_active, [one.name for one in mate.groups.all()]) == ("Sam", False, [roles.VIEWERS])
    assert AuditEntry.objects.filter(object_pk=mate.pk, actor=manager).exists()


def test_superuser_may_everything(client: Client, station: Station) -> None:
    client.force_login(UserFactory(is_superuser=True))
    mate = person(roles.STAFF, open_station())

    answer = client.post(url(mate), words(email=mate.email, is_superuser="on"))

    assert answer.status_code == 302
    mate.refresh_from_db()
    assert mate.is_superuser


def test_nobody_is_ever_deleted(admin: Client, station: Station) -> None:
    mate = person(roles.STAFF, station)

    assert admin.post(url(mate, "delete"), {"post": "yes"}).status_code == 403
    assert User.objects.filter(pk=mate.pk).exists()
