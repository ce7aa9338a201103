"""Settings for `manage.py lintmigrations --settings tests.migration_lint_settings`."""

from typing import Any

from tests.settings import *  # noqa: F403
from tests.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "django_migration_linter"]

BEFORE_THE_FIRST_RELEASE = (
    "accounts.0001_initial",
    "accounts.0002_request_counts",
    "accounts.0003_mails",
    "accounts.0004_audit_chain",
    "accounts.0005_epochs",
    "accounts.0006_second_factor",
    "accounts.0007_api_keys",
    "accounts.0008_reset_requests",
    "accounts.0009_erased_customers",
    "bookings.0001_initial",
    "bookings.0002_imported_rows",
    "bookings.0003_feeds",
    "bookings.0004_mails",
    "bookings.0005_feed_epochs",
    "bookings.0006_erased_mails",
    "stations.0001_initial",
    "stations.0002_what_a_timetable_may_say",
    "stations.0003_mails",
    "stations.0004_retention",
)
"""No older release can run beside them: there is none. Nothing is ever added here."""

MIGRATION_LINTER_OPTIONS: dict[str, Any] = {
    "include_apps": ["accounts", "bookings", "stations"],
    "ignore_name": [name.partition(".")[2] for name in BEFORE_THE_FIRST_RELEASE],
    "no_cache": True,
    "warnings_as_errors": ["CREATE_INDEX", "CREATE_INDEX_EXCLUSIVE"],
}
