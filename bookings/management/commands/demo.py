"""manage.py demo: loads sample stations, timetables, users, customers and bookings."""

import sys
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _
from tqdm import tqdm

from accounts.auth import passwords
from accounts.models import User
from bookings.operations import demo, system_checks


class Command(BaseCommand):
    help = (
        "Loads stations, timetables, people, customers and bookings around today, the same for a seed, and prints whom to "
        "sign in as. What is there already stays; more bookings come to it. Where others can reach the product, its people "
        "have random passwords, which are printed once."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--bookings", type=_count, default=300, metavar="N", help="how many (300)")
        parser.add_argument("--seed", type=int, default=1, metavar="K", help="another number, other bookings (1)")
        parser.add_argument("--if-empty", action="store_true", help="load nothing where there is a station already")
        parser.add_argument("--even-in-production", action="store_true", help="load sample people in production")
        parser.add_argument(
            "--renew-passwords",
            action="store_true",
            help="load nothing; give everybody who has the demo's published password a random one, and sign them out",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["renew_passwords"]:
            self._print_random(demo.renew_passwords(User.objects.filter(is_active=True)))
        elif settings.PRODUCTION and not options["even_in_production"]:
            self._refuse_in_production(if_empty=options["if_empty"])
        else:
            made: Mapping[str, str] = {}
            if demo.is_empty() or not options["if_empty"]:
                made = self._load(options["bookings"], options["seed"])
            self._print_logins(made)

    def _refuse_in_production(self, *, if_empty: bool) -> None:
        """With --if-empty, as script/server runs it, this is an error only if demo accounts have the published password."""
        if not if_empty:
            raise CommandError(
                _("This is a production system. Use --even-in-production to add the demo accounts anyway.")
            )
        system_checks.require_no_demo_accounts()

    def _load(self, bookings: int, seed: int) -> Mapping[str, str]:
        with tqdm(total=bookings, unit="booking", file=sys.stderr, disable=None) as bar:
            loaded = demo.load(bookings, seed, bar.update)
        if loaded.bookings < bookings:
            words = _("The demo's stations have room for %(made)d bookings only.")
            self.stderr.write(words % {"made": loaded.bookings})
        return loaded.passwords

    def _print_logins(self, made: Mapping[str, str]) -> None:
        if not passwords.is_demo_password_allowed():
            self._print_random({**made, **demo.renew_passwords(demo.accounts())})
        elif logins := demo.logins():
            self.stdout.write(_("Sign in with the password %(password)s as") % {"password": demo.PASSWORD})
            for login in logins:
                self.stdout.write(f"  {login.email:<24} {login.about}")

    def _print_random(self, found: Mapping[str, str]) -> None:
        if not found:
            return
        about = {login.email: login.about for login in demo.LOGINS}
        self.stdout.write(_("Sign in as one of these. Each password is shown only now:"))
        for email, password in found.items():
            self.stdout.write(f"  {email:<24} {password}  {about.get(email, '')}".rstrip())


def _count(text: str) -> int:
    found = int(text)
    if found < 0:
        raise ValueError
    return found
