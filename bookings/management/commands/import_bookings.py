"""manage.py import_bookings FILE: bookings from another system's CSV; docs/importing.md walks through it."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandParser
from tqdm import tqdm

from accounts import roles
from accounts.audit import Channel, Origin, acting
from accounts.models import User
from bookings.importing.files import FIELDS, BadFile, Source
from bookings.importing.rows import Formats
from bookings.importing.running import Import, NewStation
from stations.querysets import Person

NUMBERS = ("minutes", "capacity", "guest_capacity")
TEXTS = ("time_zone", "country", "currency")


class Command(BaseCommand):
    help = (
        "Brings bookings in from a CSV file. Every row is accounted for; the same file again adds nothing. "
        "The last line printed is JSON; exit status 0 if every row went in, 1 if some were refused, 2 if the file was."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--map", nargs="+", action="extend", default=[], metavar="FIELD=COLUMN")
        parser.add_argument("--set", nargs="+", action="extend", default=[], metavar="FIELD=VALUE")
        parser.add_argument("--date-format", default=Formats.date, help="as strptime knows it (default %%Y-%%m-%%d)")
        parser.add_argument("--time-format", default=Formats.time, help="as strptime knows it (default %%H:%%M)")
        parser.add_argument("--encoding", default="utf-8-sig")
        parser.add_argument("--delimiter", default=",")
        parser.add_argument("--create-stations", action="store_true", help="make each unknown station, open every day")
        parser.add_argument("--as", dest="actor", metavar="EMAIL", help="act as this person, with their rights")
        parser.add_argument("--notify", action="store_true", help="mail customers; without it nobody is mailed")
        parser.add_argument("--dry-run", action="store_true", help="check everything, write nothing")
        parser.add_argument("--rejects", type=Path, metavar="OUT.csv", help="where refused rows go, to be mended")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            run = _import(options)
            with acting(Origin(channel=Channel.IMPORT, actor=run.by if isinstance(run.by, User) else None)):
                survey = run.survey()
                with tqdm(total=survey.rows, unit=" rows", disable=None, file=sys.stderr) as bar:
                    run.progress = bar.update
                    outcome = run.run(survey)
        except BadFile as error:
            self.stderr.write(str(error))
            raise SystemExit(2) from None
        except ValidationError as error:
            self.stderr.write(" ".join(error.messages))
            raise SystemExit(2) from None
        self.stdout.write(json.dumps(outcome.summary()))
        if outcome.refused:
            raise SystemExit(1)


def _import(options: dict[str, Any]) -> Import:
    constants = dict(_pairs(options["set"]))
    stations = _new_station(constants) if options["create_stations"] else None
    if unknown := sorted(set(constants) - set(FIELDS) - {*NUMBERS, *TEXTS}):
        raise BadFile(f"--set: there is no field {', '.join(unknown)}. There are: {', '.join(FIELDS)}.")
    columns = {name: column.split("+") for name, column in _pairs(options["map"])}
    if unknown := sorted(set(columns) - set(FIELDS)):
        raise BadFile(f"--map: there is no field {', '.join(unknown)}. There are: {', '.join(FIELDS)}.")
    return Import(
        source=Source(
            path=options["file"],
            columns=columns,
            constants={name: value for name, value in constants.items() if name in FIELDS},
            encoding=options["encoding"],
            delimiter=options["delimiter"],
        ),
        formats=Formats(options["date_format"], options["time_format"]),
        by=_person(options["actor"]),
        create_stations=stations,
        rejects=options["rejects"],
        dry_run=options["dry_run"],
    )


def _pairs(said: Sequence[str]) -> list[tuple[str, str]]:
    pairs = [tuple(one.split("=", 1)) for one in said]
    if broken := [one for one, pair in zip(said, pairs, strict=True) if len(pair) != 2]:
        raise BadFile(f"“{broken[0]}” is not of the form FIELD=VALUE.")
    names = [pair[0] for pair in pairs]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise BadFile(f"{', '.join(twice)} is said twice.")
    return [(pair[0], pair[1]) for pair in pairs]


def _new_station(constants: dict[str, str]) -> NewStation:
    said: dict[str, Any] = {name: constants[name] for name in TEXTS if name in constants}
    for name in NUMBERS:
        if name in constants:
            if not constants[name].isdecimal() or not 1 <= int(constants[name]) <= 10_000:
                raise BadFile(f"--set {name}: “{constants[name]}” is not a number from 1 to 10000.")
            said[name] = int(constants[name])
    return NewStation(**said)


def _person(email: str | None) -> Person:
    if email is None:
        return roles.OPERATOR
    user = User.objects.filter(email=email.lower(), is_active=True).first()
    if user is None:
        raise BadFile(f"--as: there is nobody active with the e-mail {email}.")
    if not user.has_perm(roles.MANAGE):
        raise BadFile(f"--as: {email} may not import. It takes a manager's right.")
    return user
