"""Notices to a station's managers before its retention rule erases customers for the first time."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("bookings", "0021_clock_and_rounds"), ("stations", "0005_versions")]

    operations = [
        migrations.CreateModel(
            name="RetentionNotice",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("months", models.PositiveSmallIntegerField()),
                ("customers", models.PositiveIntegerField()),
                ("created_at", models.DateTimeField()),
                ("sent_at", models.DateTimeField(null=True)),
                (
                    "station",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="stations.station"
                    ),
                ),
            ],
            options={"default_permissions": ()},
        ),
    ]
