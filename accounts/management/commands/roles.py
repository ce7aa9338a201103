"""`manage.py roles`: print the table of groups and permissions as Markdown, for the documentation."""

from typing import Any

from django.core.management.base import BaseCommand

from accounts.roles import GROUPS, RIGHTS


class Command(BaseCommand):
    help = "Print the table of groups and permissions as Markdown."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(_row("right", *GROUPS))
        self.stdout.write("|---" * (len(GROUPS) + 1) + "|")
        for right, label in RIGHTS.items():
            self.stdout.write(_row(label, *("yes" if right in rights else "no" for rights in GROUPS.values())))


def _row(*cells: Any) -> str:
    return "| " + " | ".join(str(cell) for cell in cells) + " |"
