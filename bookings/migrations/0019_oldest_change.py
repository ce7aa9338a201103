"""How long the oldest change in the database has been under way, for readers by `updated_at` (`bookings.calendar.commit_watermark`)."""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

CREATE = """
CREATE OR REPLACE FUNCTION stationbook_oldest_change_age() RETURNS interval
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog AS $$
    SELECT coalesce(max(clock_timestamp() - xact_start), interval '0')
    FROM pg_stat_activity
    WHERE datname = current_database() AND backend_type = 'client backend'
        AND backend_xid IS NOT NULL AND pid <> pg_backend_pid()
$$
"""


def create(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    # The role that a request takes on sees nobody's sessions but its own: the function runs as its owner.
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(CREATE)


def drop(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP FUNCTION stationbook_oldest_change_age()")


class Migration(migrations.Migration):
    dependencies = [("bookings", "0018_contact_proposals")]

    operations = [migrations.RunPython(create, drop)]
