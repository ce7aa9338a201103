"""The product's own settings, with keys, a quick password hasher and plain static files for tests."""

import base64
import os
import tempfile

# Neither the shell's variables nor a .env beside manage.py may change what the tests find.
for name in (
    "ALLOWED_HOSTS",
    "AUDIT_CHECKPOINT_SECONDS",
    "ALL_FEEDS_RATE_LIMIT",
    "BACKUP_RECIPIENTS",
    "CODE_RATE_LIMIT",
    "DATA_DIR",
    "DATABASE_POOLER",
    "DEBUG",
    "EMAIL_CHANGE_RATE_LIMIT",
    "FEED_RATE_LIMIT",
    "HOST",
    "JWT_KEY",
    "LOGIN_ACCOUNT_RATE_LIMIT",
    "LOGIN_RATE_LIMIT",
    "LOG_FORMAT",
    "LOG_LEVEL",
    "MAIL_QUEUE_SECONDS",
    "METRICS_TOKEN",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "PII_ROW_BINDING",
    "PORT",
    "PROMETHEUS_MULTIPROC_DIR",
    "REAUTHENTICATION_MINUTES",
    "REPLICA_URL",
    "EMAIL_CHANGE_RATE_LIMIT",
    "RESET_ADDRESS_RATE_LIMIT",
    "RESET_RATE_LIMIT",
    "SECOND_FACTOR_GROUPS",
    "SENTRY_DSN",
    "SENTRY_SAMPLE",
    "TRUSTED_PROXIES",
    "TRUSTED_PROXY",
    "WORKER_SILENCE_SECONDS",
):
    os.environ.pop(name, None)
for name in (
    *("SECRET_KEY", "JWT_KEY", "PII_KEYS", "INDEX_KEYS", "AUDIT_KEYS"),
    *("DATABASE_URL", "REPLICA_URL", "EMAIL_URL", "METRICS_TOKEN", "REDIS_URL", "SENTRY_DSN"),
):
    os.environ.pop(f"{name}_FILE", None)
os.environ |= {
    "ENV_FILE": os.devnull,
    "SECRET_KEY": "tests-only-tests-only-tests-only-tests-only-tests-only",
    "PII_KEYS": base64.b64encode(bytes(range(32))).decode(),
    "INDEX_KEYS": base64.b64encode(bytes(range(32, 64))).decode(),
    "AUDIT_KEYS": base64.b64encode(bytes(range(64, 96))).decode(),
    "RATE_LIMIT": "100000/minute",
    "SEARCH_RATE_LIMIT": "100000/minute",
    "PAGE_RATE_LIMIT": "100000/minute",
    "HEALTH_CACHE_SECONDS": "0",
    "MAIL_DAILY_LIMIT_PER_RECIPIENT": "100000",
    "MAIL_HOURLY_LIMIT_PER_STATION": "100000",
    "PUBLIC_URL": "",
    "OPENPYXL_LXML": "False",  # as in production: only what makes a release brings lxml
    "DJANGO_ALLOW_ASYNC_UNSAFE": "true",  # pytest-playwright keeps an event loop running
}

if os.environ.get("THROUGH_POOLER"):  # as a test says to its processes
    os.environ["DATABASE_POOLER"] = "1"

from config.environment import BASE_DIR  # noqa: E402
from config.settings import *  # noqa: E402, F403
from config.settings import DATABASES, STORAGES  # noqa: E402

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
# Empty, for the finders serve; but a missing folder is a warning, and warnings are errors.
STATIC_ROOT = BASE_DIR / "var" / "test-static"
STATIC_ROOT.mkdir(parents=True, exist_ok=True)
ALLOWED_HOSTS = ["testserver", "localhost", "127.0.0.1"]
if not os.environ.get("DATABASE_URL"):  # which names the test's own database to a racing process
    # A file, for racing processes and the browser's server share it with the test; one a process. From the start: a live
    # server that finds a database in memory shares its one connection between threads, and SQLite crashes.
    DATABASES["default"]["NAME"] = f"{tempfile.gettempdir()}/stationbook-{os.getpid()}.sqlite3"
    DATABASES["default"]["TEST"] = {"NAME": DATABASES["default"]["NAME"]}
if os.environ.get("DATABASE_URL", "").startswith("postgres"):
    # Not those of a server, for a rotation would see that the tests' processes do not know its new keys.
    DATABASES["default"]["OPTIONS"]["application_name"] = "tests"
LOGGING = {"version": 1, "disable_existing_loggers": False}
