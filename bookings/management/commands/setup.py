"""manage.py setup: prepares the database and static files before script/server starts, in one process."""

import logging
from argparse import ArgumentParser
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand

from core.web.static_collection import collect_if_changed


class Command(BaseCommand):
    help = "Migrates the database, collects static files that have changed, and loads the demo into an empty database."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--no-demo", action="store_true", help="load no demo")

    def handle(self, *args: Any, no_demo: bool, **options: Any) -> None:
        call_command("migrate", verbosity=0, skip_checks=False)
        collect_if_changed()
        if not no_demo:
            # Log lines about the demo's bookings would bury the names and passwords that the command prints.
            logging.getLogger().setLevel(logging.WARNING)
            call_command("demo", if_empty=True)
