"""`manage.py adduser`: add a user to a group, for any number of stations."""

import sys
from argparse import ArgumentParser
from getpass import getpass
from typing import Any

from django.contrib.auth.models import Group
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from accounts import roles
from accounts.models import User
from stations.models import Station


class Command(BaseCommand):
    help = "Add a user to a group, for any number of stations."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email", help="what they sign in with")
        parser.add_argument("--group", required=True, help=f"one of: {', '.join(roles.GROUPS)}")
        parser.add_argument(
            "--station",
            action="append",
            default=[],
            metavar="CODE",
            help="may be repeated; without stations, the user sees no data",
        )
        parser.add_argument("--name", default="", help="as colleagues see it")
        parser.add_argument("--password-stdin", action="store_true", help="read the password from standard input")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User(email=User.objects.normalize_email(options["email"]), name=options["name"])
        _check(user)
        group, stations = _group(options["group"]), _stations(options["station"])
        password = _password(user, from_stdin=options["password_stdin"])
        user.set_password(password)
        with transaction.atomic():
            user.save()
            user.groups.set([group])
            user.stations.set(stations)
        where = ", ".join(station.code for station in stations) or "no station yet"
        self.stdout.write(f"Added {user.email} to {group.name}: {where}.")
        if password is None:
            self.stdout.write(f"They cannot sign in yet. Set a password: manage.py changepassword {user.email}")


def _check(user: User) -> None:
    try:
        user.full_clean(exclude=["password"])
    except ValidationError as error:
        faults = error.message_dict
        if User.objects.filter(email=user.email).exists():
            raise CommandError(f"There is already a user with the email {user.email}.") from None
        raise CommandError("; ".join(f"{name}: {' '.join(texts)}" for name, texts in faults.items())) from None


def _group(name: str) -> Group:
    if fault := roles.describe_unknown_groups([name]):
        raise CommandError(fault)
    return Group.objects.get(name=name)


def _stations(codes: list[str]) -> list[Station]:
    found = list(Station.objects.filter(code__in=codes))
    if unknown := sorted(set(codes) - {station.code for station in found}):
        raise CommandError(
            f"There is no station with the code {', '.join(unknown)}. Create it first, or check the spelling."
        )
    return found


def _password(user: User, *, from_stdin: bool) -> str | None:
    """From standard input, or typed twice at a terminal; None if neither is possible."""
    if from_stdin:
        try:
            password = sys.stdin.readline().rstrip("\r\n")
        except UnicodeDecodeError:
            raise CommandError("The password is not text in UTF-8. No user was added.") from None
    elif sys.stdin.isatty():
        password = getpass("Password: ")
        if getpass("Password (again): ") != password:
            raise CommandError("The two passwords differ. No user was added.")
    else:
        return None
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise CommandError(" ".join(error.messages)) from None
    return password
