"""For whoever lost phone and recovery codes, and has no manager to ask: the password is enough again."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.auth import two_factor
from accounts.models import User


class Command(BaseCommand):
    help = "Take away somebody's two-factor authentication. All sessions and tokens of theirs are over then."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email")

    def handle(self, *args: Any, email: str, **options: Any) -> None:
        user = User.objects.filter(email=User.objects.normalize_email(email)).first()
        if user is None:
            raise CommandError(f"There is nobody with the email {email}.")
        two_factor.disable(user)
        self.stdout.write(f"{user} logs in by password alone.")
