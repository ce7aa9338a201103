"""The current round of each worker, and readings of the clock."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("bookings", "0020_list_indexes")]

    operations = [
        migrations.AddField("workerbeat", "round", models.CharField(db_default="", default="", max_length=30)),
        migrations.AddField("workerbeat", "round_seconds", models.PositiveIntegerField(db_default=0, default=0)),
        migrations.CreateModel(
            name="ClockReading",
            fields=[
                ("id", models.PositiveSmallIntegerField(default=1, editable=False, primary_key=True, serialize=False)),
                ("latest_at", models.DateTimeField()),
                ("observed_at", models.DateTimeField()),
                ("in_doubt_since", models.DateTimeField(null=True)),
            ],
            options={"default_permissions": ()},
        ),
    ]
