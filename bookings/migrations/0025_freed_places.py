"""Delete the places of no-shows, and those of completed bookings that have not begun: other parties can have them.

A process of the release before takes such places again while it runs beside this one; `manage.py verify_holds` names those.
"""

from django.db import migrations
from django.db.models import Q
from django.utils import timezone


def free_places(apps, schema_editor):
    holds = apps.get_model("bookings", "Hold").objects.using(schema_editor.connection.alias)
    left_before = Q(booking__status="completed", booking__starts_at__gt=timezone.now())
    holds.filter(Q(booking__status="no_show") | left_before).delete()


class Migration(migrations.Migration):
    dependencies = [("bookings", "0024_wording")]

    operations = [migrations.RunPython(free_places, migrations.RunPython.noop)]
