"""Delete the sessions that are kept under the keys of their cookies: whoever reads such a row can sign in by it.

Everybody signs in once more. A process of the release before goes on keeping its own there while it runs beside this one; the
worker deletes those as well.
"""

from django.db import migrations


def delete_sessions(apps, schema_editor):
    apps.get_model("sessions", "Session").objects.using(schema_editor.connection.alias).all().delete()


class Migration(migrations.Migration):
    dependencies = [
        ('accounts', '0017_sessions'),
        ("sessions", "0001_initial"),
    ]

    operations = [migrations.RunPython(delete_sessions, migrations.RunPython.noop)]
