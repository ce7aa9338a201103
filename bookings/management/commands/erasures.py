"""manage.py erasures: erases a customer, and repeats erasures after a restore."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from bookings.management.people import person_named
from bookings.privacy import erasure
from bookings.privacy.erasure import ErasureRecord
from core.errors import DomainError


class Command(BaseCommand):
    help = "Erases customers. The list of erasures names nobody: keep it apart from the backups, and apply it after a restore."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        erase = actions.add_parser("erase", help="erase one customer")
        erase.add_argument("customer", type=UUID, metavar="ID", help="as the API and the admin's address show it")
        erase.add_argument("--as", dest="email", metavar="EMAIL", help="act as this user")
        for name, does in (("export", "write the list of all erasures"), ("apply", "erase again whom the list names")):
            actions.add_parser(name, help=does).add_argument("file", type=Path, metavar="FILE")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            getattr(self, f"_{options['action']}")(**options)
        except DomainError as refusal:
            raise CommandError(str(refusal)) from None
        except OSError as error:
            raise CommandError(f"{error.filename}: {error.strerror}") from None

    def _erase(self, *, customer: UUID, email: str | None, **options: Any) -> None:
        self.stdout.write(f"{erasure.erase(customer, by=person_named(email))} is erased.")

    def _export(self, *, file: Path, **options: Any) -> None:
        records = erasure.erasure_records()
        file.write_text("".join(record.to_line() for record in records))
        self.stdout.write(f"{len(records)} erasures.")

    def _apply(self, *, file: Path, **options: Any) -> None:
        lines = file.read_text(errors="replace").splitlines()
        done = erasure.replay([_read(line, number) for number, line in enumerate(lines, 1) if line.strip()])
        self.stdout.write(", ".join(f"{done[what]} {what}" for what in erasure.ReplayResult) + ".")


def _read(line: str, number: int) -> ErasureRecord:
    try:
        return ErasureRecord.from_line(line)
    except ValueError:
        raise CommandError(f"Line {number} is no erasure. Nothing was erased.") from None
