"""An SQLite database with a business in it, in a file:
`python -m tests.bookings.operations.sqlite_source`, with its DATABASE_URL.
"""

from datetime import time

import django

django.setup()

from django.apps import apps  # noqa: E402
from django.conf import settings  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402
from django.db.migrations.loader import MigrationLoader  # noqa: E402
from django.db.migrations.recorder import MigrationRecorder  # noqa: E402
from django.test import Client  # noqa: E402
from django.utils import timezone  # noqa: E402

from accounts import roles  # noqa: E402
from accounts.audit.checkpoints import Checkpointer  # noqa: E402
from accounts.auth import api_keys  # noqa: E402
from accounts.customers import Contact  # noqa: E402
from bookings import services  # noqa: E402
from bookings.mails import outbox  # noqa: E402
from bookings.models.status import Status  # noqa: E402
from bookings.privacy import erasure  # noqa: E402
from bookings.services import Place  # noqa: E402
from tests.factories import SATURDAY, booking, customer, open_station, person  # noqa: E402

GUEST = Contact("Ana García", "ana@example.com", "+34 600 100 200")


def make_tables() -> None:
    """As the models have them: to run every migration takes ten times as long."""
    on_disk = MigrationLoader(connection).disk_migrations
    settings.MIGRATION_MODULES = {app.label: None for app in apps.get_app_configs()}
    call_command("migrate", run_syncdb=True, verbosity=0)
    recorder = MigrationRecorder(connection)
    recorder.ensure_schema()
    for app, name in on_disk:
        recorder.record_applied(app, name)


def fill() -> None:
    kitchen, bar = open_station(code="kitchen", capacity=9), open_station(code="bar", capacity=9)
    manager = person(roles.MANAGERS, kitchen, bar)
    made = [booking(kitchen, customer=GUEST, special_requests="window\ttable\n\\N") for _n in range(3)]
    outbox.queue_created(made)
    services.reschedule(made[0].pk, to=Place(SATURDAY, time(19), "kitchen"), by=roles.OPERATOR)
    services.change_status(made[2].pk, Status.CANCELLED, by=roles.OPERATOR)
    erasure.erase(customer(bar, "Bo Li", "bo@example.com").pk, by=roles.OPERATOR)
    api_keys.create(name="Shop", stations=[kitchen], rights=[roles.VIEW], expires_on=None, by=manager)
    Client().force_login(manager)
    Checkpointer().make(timezone.now())
    person(roles.VIEWERS, bar).delete()  # whose key is not given to anybody else


if __name__ == "__main__":
    make_tables()
    fill()
