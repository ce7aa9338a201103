"""For lists of a station's bookings by creation and by change."""

from django.db import migrations, models

from core.db.operations import AddIndexOnline


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("bookings", "0019_oldest_change")]

    operations = [
        AddIndexOnline("booking", models.Index(fields=["station", "created_at", "id"], name="booking_by_creation")),
        AddIndexOnline("booking", models.Index(fields=["station", "updated_at", "id"], name="booking_by_change")),
    ]
