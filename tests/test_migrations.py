"""Migrations that let the old release run beside the new: what `script/test` lints, and that it refuses what it should."""

from datetime import date
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.db import connection, migrations, models
from django.db.migrations.state import ProjectState
from django_migration_linter.sql_analyser.analyser import analyse_sql_statements
from django_migration_linter.sql_analyser.postgresql import PostgresqlAnalyser

from bookings.models import Booking, Hold
from bookings.models.status import Status
from bookings.services.verification import differences
from stations.models import Station
from tests.factories import booking
from tests.migration_lint_settings import BEFORE_THE_FIRST_RELEASE, MIGRATION_LINTER_OPTIONS

ROOT = Path(__file__).parents[1]


def found(operation: migrations.operations.base.Operation) -> list[str]:
    """What the linter calls wrong about an operation on stations."""
    from django.db.migrations.loader import MigrationLoader

    before: ProjectState = MigrationLoader(connection).project_state()
    after = before.clone()
    operation.state_forwards("stations", after)
    with connection.schema_editor(collect_sql=True, atomic=False) as editor:
        operation.database_forwards("stations", editor, before, after)
    statements = [line for line in editor.collected_sql if not line.startswith("--")]
    errors, _ignored, _warnings = analyse_sql_statements(PostgresqlAnalyser, statements)
    return [error.code for error in errors]


@pytest.mark.postgresql
@pytest.mark.django_db
@pytest.mark.parametrize(
    ("operation", "codes"),
    [
        (migrations.AddField("station", "floor", models.IntegerField(default=0)), ["NOT_NULL"]),
        (migrations.AddField("station", "floor", models.IntegerField(db_default=0)), []),
        (migrations.AddField("station", "floor", models.IntegerField(null=True)), []),
        (migrations.RemoveField("station", "mail_signature"), ["DROP_COLUMN"]),
        (migrations.RenameField("station", "mail_signature", "signed"), ["RENAME_COLUMN"]),
        (migrations.DeleteModel("TimetableException"), ["DROP_TABLE"]),
    ],
    ids=["not null", "not null with a default of the database's", "null", "drop", "rename", "drop table"],
)
def test_linter_refuses_what_the_old_release_could_not_live_with(operation: Any, codes: list[str]) -> None:
    assert found(operation) == codes


def test_only_migrations_from_before_the_first_release_are_left_out() -> None:
    names = [name.split(".") for name in BEFORE_THE_FIRST_RELEASE]

    assert [name for app, name in names if not (ROOT / app / "migrations" / f"{name}.py").exists()] == []
    assert {app for app, _name in names} == {*MIGRATION_LINTER_OPTIONS["include_apps"]}


def test_no_later_migration_has_a_name_that_is_left_out() -> None:
    known = {
        f"{app}.{path.stem}"
        for app in MIGRATION_LINTER_OPTIONS["include_apps"]
        for path in (ROOT / app / "migrations").glob("0*.py")
    }
    unlinted = {name for name in known if name.partition(".")[2] in MIGRATION_LINTER_OPTIONS["ignore_name"]}

    assert unlinted == {*BEFORE_THE_FIRST_RELEASE}


def test_migration_frees_the_places_of_no_shows_and_of_those_who_left_before(station: Station) -> None:
    migration = import_module("bookings.migrations.0025_freed_places")
    made = {status: booking(station) for status in (Status.CONFIRMED, Status.COMPLETED, Status.NO_SHOW)}
    over = booking(station, date(2026, 3, 6), status=Status.COMPLETED)
    for status, one in made.items():
        Booking.objects.filter(pk=one.pk).update(status=status)

    migration.free_places(apps, SimpleNamespace(connection=connection))

    assert {hold.booking_id for hold in Hold.objects.all()} == {made[Status.CONFIRMED].pk, over.pk}
    assert [*differences()] == []
