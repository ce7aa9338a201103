"""When backups were made, for whoever watches their age."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("bookings", "0022_retention_notices")]

    operations = [
        migrations.CreateModel(
            name="BackupRecord",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("made_at", models.DateTimeField(db_index=True)),
            ],
            options={"default_permissions": ()},
        ),
    ]
