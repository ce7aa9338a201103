"""Stations, timetables, people, customers and bookings to look around in."""

import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _
from tqdm import tqdm

from bookings import demo


class Command(BaseCommand):
    help = (
        "Loads stations, timetables, people, customers and bookings around today, the same for a seed, and prints whom to "
        "sign in as. What is there already stays; more bookings come to it."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--bookings", type=_count, default=300, metavar="N", help="how many (300)")
        parser.add_argument("--seed", type=int, default=1, metavar="K", help="another number, other bookings (1)")
        parser.add_argument("--if-empty", action="store_true", help="load nothing where there is a station already")
        parser.add_argument(
            "--even-in-production",
            action="store_true",
            help="load people whose passwords everybody knows, in production",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.PRODUCTION and not options["even_in_production"]:
            if options["if_empty"]:
                return
            raise CommandError(
                _(
                    "This is production, and everybody knows the demo's passwords. --even-in-production loads it all the same."
                )
            )
        if demo.is_empty() or not options["if_empty"]:
            self._load(options["bookings"], options["seed"])
        self._tell_logins()

    def _load(self, bookings: int, seed: int) -> None:
        with tqdm(total=bookings, unit="booking", file=sys.stderr, disable=None) as bar:
            made = demo.load(bookings, seed, bar.update)
        if made < bookings:
            self.stderr.write(_("The demo's stations have room for %(made)d bookings only.") % {"made": made})

    def _tell_logins(self) -> None:
        logins = demo.logins()
        if not logins:
            return
        self.stdout.write(_("Sign in with the password %(password)s as") % {"password": demo.PASSWORD})
        for login in logins:
            self.stdout.write(f"  {login.email:<24} {login.about}")


def _count(text: str) -> int:
    found = int(text)
    if found < 0:
        raise ValueError
    return found
