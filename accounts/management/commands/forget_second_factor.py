"""`manage.py forget_second_factor`: turn off two-factor authentication for a user who lost phone and recovery codes."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.auth import two_factor
from accounts.models import User


class Command(BaseCommand):
    help = "Turn off two-factor authentication for a user. This ends all their sessions and tokens."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email")

    def handle(self, *args: Any, email: str, **options: Any) -> None:
        user = User.objects.filter(email=User.objects.normalize_email(email)).first()
        if user is None:
            raise CommandError(f"There is no user with the email {email}.")
        two_factor.disable(user)
        self.stdout.write(f"{user} now signs in with the password alone.")
