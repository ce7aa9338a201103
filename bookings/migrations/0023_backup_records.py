"""The time of the last backup, for monitoring its age."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("bookings", "0022_retention_notices")]

    operations = [
        migrations.CreateModel(
            name="BackupRecord",
            fields=[
                ("id", models.PositiveSmallIntegerField(default=1, editable=False, primary_key=True, serialize=False)),
                ("made_at", models.DateTimeField()),
            ],
            options={"default_permissions": ()},
        ),
    ]
