"""manage.py export_bookings: bookings as CSV, in the fields that import_bookings takes."""

import sys
from datetime import date
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from accounts import roles
from accounts.models import User
from bookings import exporting
from stations.errors import NotPermitted


class Command(BaseCommand):
    help = "Writes bookings as CSV to standard output, or to a file. Holds personal data: keep it as you would the database."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--station", metavar="CODE")
        parser.add_argument("--from", dest="first", type=date.fromisoformat, metavar="YYYY-MM-DD")
        parser.add_argument("--to", dest="last", type=date.fromisoformat, metavar="YYYY-MM-DD")
        parser.add_argument("--out", type=Path, metavar="FILE.csv")
        parser.add_argument("--as", dest="actor", metavar="EMAIL", help="act as this person, with their rights")

    def handle(self, *args: Any, **options: Any) -> None:
        person = roles.OPERATOR
        if options["actor"]:
            person = User.objects.filter(email=options["actor"].lower(), is_active=True).first()
            if person is None:
                raise CommandError(f"There is nobody active with the e-mail {options['actor']}.")
        found = exporting.chosen(person, station=options["station"], first=options["first"], last=options["last"])
        table = exporting.rows(person, found)
        out = options["out"].open("w", encoding="utf-8", newline="") if options["out"] else None
        try:
            with tqdm(total=found.count(), unit=" rows", disable=None if out else True, file=sys.stderr) as bar:
                for line in exporting.lines(table):
                    (out or self.stdout).write(line.rstrip("\r\n") if out is None else line)
                    bar.update()
        except NotPermitted as error:
            raise CommandError(str(error)) from None
        finally:
            if out:
                out.close()
