"""The counters of the rate limits: unlogged on PostgreSQL. SQLite keeps them in a file of their own."""

from django.db import migrations

COLUMNS = "key varchar(100) NOT NULL, ends bigint NOT NULL, hits int NOT NULL, PRIMARY KEY (key, ends)"


def create(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(f"CREATE UNLOGGED TABLE accounts_request_count ({COLUMNS})")


def drop(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP TABLE accounts_request_count")


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]

    operations = [migrations.RunPython(create, drop)]
