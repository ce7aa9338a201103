"""manage.py export_bookings: writes bookings to a CSV file that `import_bookings` reads."""

import os
import re
from argparse import ArgumentTypeError
from contextlib import nullcontext
from datetime import date
from typing import IO, Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from bookings.importing import export
from bookings.management.people import person_named
from core.errors import DomainError

ISO_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
NO_DATE = "write a date as YYYY-MM-DD"


class Command(BaseCommand):
    help = (
        "Writes bookings as CSV, in the fields that import_bookings reads. Somebody without the right to personal data "
        "gets initials and no contact."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--station",
            nargs="+",
            action="extend",
            default=[],
            metavar="CODE",
            help="only these stations; all by default",
        )
        parser.add_argument("--from", dest="first", type=_date, metavar="DATE", help="YYYY-MM-DD, included")
        parser.add_argument("--to", dest="last", type=_date, metavar="DATE", help="YYYY-MM-DD, included")
        parser.add_argument("--out", metavar="OUT.csv", help="a file instead of the standard output")
        parser.add_argument("--as", dest="email", metavar="EMAIL", help="act as this user")

    def handle(self, *args: Any, **options: Any) -> None:
        person = person_named(options["email"])
        try:
            lines = export.export_lines(
                person, stations=options["station"], first=options["first"], last=options["last"]
            )
            with _private(options["out"]) if options["out"] else nullcontext(self.stdout) as out:
                for line in lines:
                    out.write(line)
        except DomainError as refusal:
            raise CommandError(str(refusal), returncode=2) from None
        except OSError as error:
            raise CommandError(f"{error.filename}: {error.strerror}", returncode=2) from None


def _date(text: str) -> date:
    if not ISO_DATE.fullmatch(text):
        raise ArgumentTypeError(NO_DATE)
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(NO_DATE) from None


def _private(path: str) -> IO[str]:
    """A file that only its owner may read, because it holds personal data."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    return open(descriptor, "w", encoding="utf-8", newline="")
