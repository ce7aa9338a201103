"""manage.py backup: all data of one moment, whole or not at all."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from bookings.recovery import backing_up
from bookings.recovery.manifest import Unusable


class Command(BaseCommand):
    help = (
        "Writes a backup while everybody works: the data, still encrypted, with a manifest that proves it and the list of "
        "erasures. The keys are not in it: keep them elsewhere. Exit status 1 where none was made."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "place", type=Path, metavar="FOLDER", help="where to: a folder that exists gets one named by date and time"
        )

    def handle(self, *args: Any, place: Path, **options: Any) -> None:
        try:
            made, said = backing_up.back_up(place)
        except Unusable as refusal:
            raise CommandError(str(refusal)) from None
        size = sum(one["bytes"] for one in said.files.values())
        self.stdout.write(f"{made}: {sum(said.rows.values())} rows of {len(said.rows)} tables, {size} bytes.")
