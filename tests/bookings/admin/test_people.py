"""People in the admin: one grants only what one holds, and edits nobody who has more."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

import pytest
import time_machine
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts import roles
from accounts.auth import two_factor
from accounts.auth.models import AccountEmail, EmailKind
from accounts.models import AuditEntry, User
from stations.models import Station
from tests.authenticator import code_of
from tests.factories import PASSWORD, UserFactory, open_station, person

CHOSEN: Final = "seven quiet green horses"
"""What somebody chooses for themselves by a link."""


def group(name: str) -> int:
    return Group.objects.get(name=name).pk


def words(**said: Any) -> dict[str, Any]:
    return {"email": "new@example.com", "name": "", "is_active": "on", **said}


def url(user: User, page: str = "change") -> str:
    return f"/admin/accounts/user/{user.pk}/{page}/"


def link_in(answer: Any) -> str:
    """The path of the one link that a page shows to hand over."""
    [link] = re.findall(r">http://testserver(/accounts/new-password/[^<]+)<", answer.content.decode())
    return str(link)


def choose(path: str, password: str = CHOSEN) -> int:
    return Client().post(path, {"new": password, "again": password}).status_code


def can_sign_in(user: User, password: str) -> bool:
    return Client().post("/accounts/login/", {"email": user.email, "password": password}).status_code == 302


def test_add_takes_a_pasted_email(admin: Client, station: Station) -> None:
    said = words(email="\u200bnew@exam\u00adple.com\u202c", groups=[group(roles.STAFF)], stations=[station.pk])

    admin.post("/admin/accounts/user/add/", said)

    assert User.objects.filter(email="new@example.com").exists()


def test_add_makes_somebody_of_the_managers_stations_without_a_password(
    admin: Client, station: Station, manager: User
) -> None:
    said = words(
        email="New@Example.com",
        password1=PASSWORD,
        password2=PASSWORD,
        groups=[group(roles.STAFF)],
        stations=[station.pk],
    )

    answer = admin.post("/admin/accounts/user/add/", said)

    made = User.objects.get(email="new@example.com")
    assert (answer.status_code, made.has_usable_password()) == (200, False)
    assert (list(made.stations.all()), [one.name for one in made.groups.all()]) == ([station], [roles.STAFF])
    entry = AuditEntry.objects.filter(object_pk=made.pk, action=AuditEntry.Action.CREATE).get()
    assert (entry.actor, entry.channel) == (manager, "admin")


def test_new_person_chooses_their_password_by_the_link_that_was_handed_over(admin: Client, station: Station) -> None:
    said = words(groups=[group(roles.STAFF)], stations=[station.pk])
    link = link_in(admin.post("/admin/accounts/user/add/", said))
    made = User.objects.get(email="new@example.com")

    page = Client().get(link).content.decode()

    assert "<h1>Choose a password</h1>" in page
    assert (choose(link), can_sign_in(made, CHOSEN)) == (200, True)


def test_link_to_hand_over_works_once_and_for_three_days(admin: Client, station: Station) -> None:
    mate, other = person(roles.STAFF, station), person(roles.STAFF, station)
    with time_machine.travel(timezone.now(), tick=False) as clock:
        link, late = (link_in(admin.post(url(one, "password-link"))) for one in (mate, other))
        clock.shift(timedelta(days=3))
        assert [choose(link), choose(link, "another long enough one")] == [200, 404]
        assert can_sign_in(mate, CHOSEN)
        clock.shift(timedelta(seconds=1))
        assert choose(late) == 404


def sign_in(user: User) -> None:
    assert can_sign_in(user, PASSWORD)


def end_everything(user: User) -> None:
    User.objects.filter(pk=user.pk).update(epoch=user.epoch + 1)


def deactivate(user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)


@pytest.mark.parametrize("become", [sign_in, end_everything, deactivate])
def test_link_to_hand_over_is_void_once_its_person_has_changed(
    admin: Client, station: Station, become: Callable[[User], None]
) -> None:
    mate = person(roles.STAFF, station)
    link = link_in(admin.post(url(mate, "password-link")))

    become(mate)

    assert choose(link) == 404


def test_link_to_hand_over_is_shown_once_and_kept_nowhere(admin: Client, station: Station, manager: User) -> None:
    mate = person(roles.STAFF, station)

    answer = admin.post(url(mate, "password-link"))

    token = link_in(answer).rstrip("/").rpartition("-")[2]
    assert "no-store" in answer.headers["Cache-Control"]
    assert token not in admin.get(url(mate)).content.decode()
    assert token not in str(list(AuditEntry.objects.values()))
    assert token not in str(admin.session.items())
    entry = AuditEntry.objects.get(event="password_link")
    assert (entry.actor, entry.object_pk, entry.channel) == (manager, str(mate.pk), "admin")


def test_link_is_mailed_where_it_can_be_and_the_manager_never_sees_it(
    admin: Client, station: Station, settings: Settings
) -> None:
    settings.MAIL_SERVER, settings.PUBLIC_URL = {"EMAIL_HOST": "mail.example.com"}, "https://book.example.com"
    mate = person(roles.STAFF, station)

    answer = admin.post(url(mate, "password-link"), follow=True)

    page = answer.content.decode()
    assert (answer.redirect_chain, "new-password" in page) == ([("/admin/accounts/user/", 302)], False)
    assert f"We&#x27;ve sent {mate.email} a link to set a password." in page
    assert [(one.kind, one.user) for one in AccountEmail.objects.all()] == [(EmailKind.SET_PASSWORD, mate)]


def test_link_keeps_the_second_factor(admin: Client, station: Station) -> None:
    mate = person(roles.STAFF, station)
    two_factor.confirm(mate, code_of(two_factor.start_enrolment(mate), steps=-1))

    assert choose(link_in(admin.post(url(mate, "password-link")))) == 200

    assert not can_sign_in(mate, CHOSEN)
    mate.refresh_from_db()
    assert mate.second_factor_at


@pytest.mark.parametrize("why", ["more", "inactive", "elsewhere"])
def test_no_link_is_made_for_whom_one_may_not_change(admin: Client, station: Station, why: str) -> None:
    mate = person(roles.STAFF, station, is_active=why != "inactive")
    if why == "more":
        mate.stations.add(open_station())
    if why == "elsewhere":
        mate.stations.set([open_station()])

    answer = admin.post(url(mate, "password-link"))

    assert answer.status_code == (404 if why == "elsewhere" else 403)
    assert not AuditEntry.objects.filter(event="password_link").exists()
    assert "password-link" not in admin.get(url(mate)).content.decode()


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
