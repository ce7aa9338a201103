"""manage.py import_bookings: imports bookings from CSV, Excel or iCalendar files; see `docs/importing.md`."""

import json
import sys
from argparse import RawDescriptionHelpFormatter
from contextlib import nullcontext
from pathlib import Path
from typing import Any, BinaryIO

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _
from tqdm import tqdm

from bookings.importing.fields import INPUT_FIELDS
from bookings.importing.formats import Formats
from bookings.importing.mapping import parse_pairs
from bookings.importing.rejects import Rejects
from bookings.importing.run import Import, ImportOptions, RejectedRow, Summary
from bookings.importing.stations import TEMPLATE_SETTINGS
from bookings.importing.values import Notation, status_map
from bookings.management.people import person_named
from core.errors import DomainError

REFUSALS_SHOWN = 10

HELP = f"""Imports bookings from a file whose first row names the columns: CSV, an Excel workbook (.xlsx) or a calendar (.ics).

The fields are: {", ".join(INPUT_FIELDS)}.
Station, date and slot are needed. Defaults: slots 1, party_adults 1, status confirmed, source import. Case and blanks around a
column's name do not count.
How long a booking lasts is given by one of slots, duration_minutes, ends_at, or end with or without end_date; a part of a slot
counts as a whole one. An end before the start is on the next day.
total_due and deposit_due are in whole units of the station's currency (45.50), total_due_cents and deposit_due_cents in its
smallest unit (4550). created_at is when the booking was made in the other system.
Rows that are known are not imported again: the same file twice adds nothing. Rows of empty cells are skipped.
Exit status: 0 if every row went in, 1 if some were refused, 2 if the file was. The last line printed is JSON.
"""


class Command(BaseCommand):
    help = HELP

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        parser.formatter_class = RawDescriptionHelpFormatter
        return parser

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE")
        parser.add_argument(
            "--map", nargs="+", action="extend", default=[], metavar="FIELD=COLUMN",
            help="which column feeds a field; “customer_name=First name+Surname” joins two by a space",
        )  # fmt: skip
        parser.add_argument(
            "--sum", nargs="+", action="extend", default=[], metavar="FIELD=COLUMN+COLUMN",
            help="columns whose numbers or amounts add up to a field",
        )  # fmt: skip
        parser.add_argument(
            "--status-map", nargs="+", action="extend", default=[], metavar="TEXT=STATUS",
            help="the file's own words for statuses, such as “Paid=completed”; a status itself is read in any case",
        )  # fmt: skip
        parser.add_argument(
            "--set", nargs="+", action="extend", default=[], metavar="FIELD=VALUE",
            help=f"one value for all rows; for stations that are made, also {', '.join(TEMPLATE_SETTINGS)}",
        )  # fmt: skip
        parser.add_argument("--date-format", default="", metavar="F", help="such as %%d.%%m.%%Y (%%Y-%%m-%%d)")
        parser.add_argument(
            "--time-format", default="", metavar="F",
            help="such as %%I:%%M %%p (%%H:%%M); with a zone (%%z, or a Z at the end) times are converted to the station's",
        )  # fmt: skip
        parser.add_argument(
            "--decimal", default="", metavar="MARK",
            help="“.” or “,”: the decimal mark, where amounts such as 1.234 do not show it",
        )  # fmt: skip
        parser.add_argument("--sheet", default="", metavar="NAME", help="which sheet of a workbook (the first)")
        parser.add_argument("--encoding", default="utf-8", metavar="E", help="such as cp1252 (utf-8)")
        parser.add_argument("--delimiter", default=",", metavar="D", help="such as “;”, or “tab” (,)")
        parser.add_argument(
            "--create-stations",
            action="store_true",
            help="make stations that there are not, open as the file uses them",
        )
        parser.add_argument(
            "--as", dest="email", metavar="EMAIL", help="act as this user: their rights and stations hold"
        )
        parser.add_argument(
            "--notify", action="store_true",
            help="have customers told of what is made or changed and not yet over; without it nobody is mailed",
        )  # fmt: skip
        parser.add_argument("--dry-run", action="store_true", help="check everything, capacity included; write nothing")
        parser.add_argument("--rejects", metavar="OUT.csv", help="where refused rows go, with the reason, to be mended")

    def handle(self, *args: Any, **options: Any) -> None:
        person = person_named(options["email"])
        path, rejects = Path(options["file"]), options["rejects"]
        if rejects and Path(rejects).exists() and path.exists() and path.samefile(rejects):
            raise CommandError(
                _("The rejected rows can't be written to the file that is being imported."), returncode=2
            )
        try:
            with _open(path) as file:
                summary = self._run(Import(file, _import_options(options), by=person), rejects)
        except DomainError as refusal:
            raise CommandError(str(refusal), returncode=2) from None
        except OSError as error:
            raise CommandError(f"{error.filename}: {error.strerror}", returncode=2) from None
        self._report_refusals(summary, rejects)
        self.stdout.write(json.dumps(summary.as_json()))
        if summary.refused:
            sys.exit(1)

    def _run(self, job: Import, rejects: str | None) -> Summary:
        with (
            Rejects(rejects, job.source) if rejects else nullcontext() as out,
            tqdm(total=job.rows, unit="row", file=sys.stderr, disable=None) as bar,
        ):
            shown = 0

            def refused(one: RejectedRow) -> None:
                nonlocal shown
                if out:
                    out.write(one)
                elif shown < REFUSALS_SHOWN:
                    bar.write(
                        _("Line %(line)d: %(why)s") % {"line": one.parsed.row.line, "why": one.reason},
                        file=sys.stderr,
                    )
                shown += 1

            return job.run(on_refused=refused, on_progress=bar.update)

    def _report_refusals(self, summary: Summary, rejects: str | None) -> None:
        if not summary.refused:
            return
        counts = ", ".join(f"{code} {count}" for code, count in summary.reasons.most_common())
        hint = (
            _("They are in %(file)s, each with its reason. Correct that file and import it as it is.")
            % {"file": rejects}
            if rejects
            else _("Add --rejects OUT.csv to get them with their reasons.")
        )
        self.stderr.write(_("Refused: %(counts)s.") % {"counts": counts} + f" {hint}")


def _open(path: Path) -> BinaryIO:
    if path.exists() and not path.is_file():
        raise CommandError(
            _("%(file)s is not a file. The file is read twice, so it can't be a pipe.") % {"file": path},
            returncode=2,
        )
    return path.open("rb")


def _import_options(options: dict[str, Any]) -> ImportOptions:
    return ImportOptions(
        maps=parse_pairs(options["map"]),
        constants=parse_pairs(options["set"]),
        sums=parse_pairs(options["sum"]),
        notation=Notation(
            Formats(options["date_format"], options["time_format"]),
            options["decimal"],
            status_map(options["status_map"]),
        ),
        file_name=options["file"],
        sheet=options["sheet"],
        encoding=options["encoding"],
        delimiter=options["delimiter"],
        create_stations=options["create_stations"],
        dry_run=options["dry_run"],
        notify=options["notify"],
    )
