"""manage.py migrate: Django's command, run by one process at a time."""

from typing import Any

from django.core.management.commands.migrate import Command as DjangosMigrate
from django.db import connections

from core.db.migration_lock import migration_lock


class Command(DjangosMigrate):
    help = f"{DjangosMigrate.help} Where another process migrates the same database, it waits until that one has ended."

    def handle(self, *args: Any, **options: Any) -> None:
        if options["plan"] or options["check_unapplied"]:  # these only read
            super().handle(*args, **options)
            return
        with migration_lock(connections[options["database"]], self._print_waiting):
            super().handle(*args, **options)

    def _print_waiting(self) -> None:
        self.stderr.write("Another process migrates this database. Waiting until it has ended.")
