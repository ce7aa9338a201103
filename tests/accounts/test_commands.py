"""The commands `adduser` and `roles`."""

import io
import os
import subprocess
import sys
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from accounts import roles
from accounts.models import AuditEntry, User
from stations.models import Station
from tests.factories import UserFactory

STRONG = "correct horse battery staple"


def adduser(monkeypatch: pytest.MonkeyPatch, *arguments: str, typed: str | None = STRONG) -> str:
    printed = io.StringIO()
    if typed is not None:
        monkeypatch.setattr(sys, "stdin", io.StringIO(typed + "\n"))
        arguments = (*arguments, "--password-stdin")
    call_command("adduser", *arguments, stdout=printed)
    return printed.getvalue()


def test_adduser_makes_somebody_who_can_sign_in(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    printed = adduser(monkeypatch, "Ana@Example.com", "--group", roles.STAFF, "--station", "kitchen", "--name", "Ana")

    ana = User.objects.get()
    assert (ana.email, ana.name, ana.is_active, ana.is_superuser) == ("ana@example.com", "Ana", True, False)
    assert ana.check_password(STRONG)
    assert [group.name for group in ana.groups.all()] == [roles.STAFF]
    assert list(ana.stations.all()) == [station]
    assert printed == "Added ana@example.com to Station staff: kitchen.\n"


@pytest.mark.parametrize("email", ["ana@example.com\u200b", "\u202aana@exam\u00adple.com\u202c"])
def test_adduser_knows_somebody_by_a_pasted_email(
    station: Station, monkeypatch: pytest.MonkeyPatch, email: str
) -> None:
    adduser(monkeypatch, email, "--group", roles.STAFF)

    assert User.objects.get().email == "ana@example.com"


def test_adduser_takes_any_number_of_stations(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    Station.objects.create(code="bar", name="Bar")
    adduser(monkeypatch, "ana@example.com", "--group", roles.STAFF, "--station", "kitchen", "--station", "bar")
    adduser(monkeypatch, "bob@example.com", "--group", roles.STAFF)
    assert {user.email: user.stations.count() for user in User.objects.all()} == {
        "ana@example.com": 2,
        "bob@example.com": 0,
    }


def test_adduser_without_a_password_says_what_to_do_next(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    printed = adduser(monkeypatch, "ana@example.com", "--group", roles.VIEWERS, "--station", "kitchen", typed=None)
    assert not User.objects.get().has_usable_password()
    assert printed.endswith("Set a password: manage.py changepassword ana@example.com\n")


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [((STRONG, STRONG), None), ((STRONG, "something else"), "The two passwords differ. No user was added.")],
)
def test_adduser_asks_twice_on_a_terminal(
    db: None, monkeypatch: pytest.MonkeyPatch, typed: tuple[str, str], sentence: str | None
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    answers = iter(typed)
    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr("accounts.management.commands.adduser.getpass", lambda prompt: next(answers))
    if sentence is None:
        adduser(monkeypatch, "ana@example.com", "--group", roles.STAFF, typed=None)
        assert User.objects.get().check_password(STRONG)
    else:
        with pytest.raises(CommandError, match=sentence):
            adduser(monkeypatch, "ana@example.com", "--group", roles.STAFF, typed=None)
        assert not User.objects.exists()


@pytest.mark.parametrize(
    ("arguments", "typed", "sentence"),
    [
        (["ana@example.com", "--group", "Cooks"], STRONG, "There is no group “Cooks”. There are: Integrators, Stat"),
        (["ana@example.com", "--group", roles.STAFF, "--station", "x"], STRONG, "There is no station with the code x."),
        (["taken@example.com", "--group", roles.STAFF], STRONG, "There is already a user with the email taken@"),
        (["TAKEN@example.com", "--group", roles.STAFF], STRONG, "There is already a user with the email taken@"),
        (["no address", "--group", roles.STAFF], STRONG, "email: Enter a valid email address."),
        (["ana@example.com", "--group", roles.STAFF, "--name", "a\x00"], STRONG, "name: "),
        (["ana@example.com", "--group", roles.STAFF], "12345", "This password is too short."),
        (["ana@example.com", "--group", roles.STAFF], "", "This password is too short."),
    ],
)
def test_adduser_refuses_in_a_plain_sentence(
    station: Station, monkeypatch: pytest.MonkeyPatch, arguments: list[str], typed: str, sentence: str
) -> None:
    UserFactory(email="taken@example.com")
    with pytest.raises(CommandError) as refusal:
        adduser(monkeypatch, *arguments, typed=typed)
    assert str(refusal.value).startswith(sentence)
    assert User.objects.count() == 1


def test_adduser_refuses_a_password_that_is_no_text(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"seven quiet \xff horses\n"), encoding="utf-8"))

    with pytest.raises(CommandError, match=r"The password is not text in UTF-8\. No user was added\."):
        adduser(monkeypatch, "ana@example.com", "--group", roles.STAFF, "--password-stdin", typed=None)
    assert not User.objects.exists()


def test_adduser_is_in_the_trail_without_the_password(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    adduser(monkeypatch, "ana@example.com", "--group", roles.STAFF, "--station", "kitchen")
    entries = AuditEntry.objects.filter(object_repr="ana@example.com")
    assert {entry.channel for entry in entries} == {"command"}
    changed: dict[str, Any] = {name: change for entry in entries for name, change in entry.changes.items()}
    assert changed["email"] == ["None", "ana@example.com"]
    assert changed["groups"] == {"type": "m2m", "operation": "add", "objects": [roles.STAFF]}
    assert changed["stations"] == {"type": "m2m", "operation": "add", "objects": ["Kitchen"]}
    assert "password" not in changed


def test_roles_prints_the_contracts_table() -> None:
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "tests.settings"}
    command = [sys.executable, "manage.py", "roles"]
    printed = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    assert printed.splitlines() == [
        "| right | Viewers | Station staff | Station managers | Integrators |",
        "|---|---|---|---|---|",
        "| Calendar and bookings: view | yes | yes | yes | yes |",
        "| Customers' personal data: see and search | no | yes | yes | yes |",
        "| Bookings: create, edit, reschedule, change status | no | yes | yes | yes |",
        "| Pages | yes | yes | yes | no |",
        "| API | yes | yes | yes | yes |",
        "| Django admin, timetables, import, audit log | no | no | yes | no |",
        "| CSV export | no | no | yes | yes |",
        "| People: grant only your own permissions | no | no | yes | no |",
    ]
