"""The product's own settings under keys of the tests' own, with a quick password hasher and plain static files."""

import base64
import os

os.environ["SECRET_KEY"] = "tests-only-tests-only-tests-only-tests-only-tests-only"
os.environ["PII_KEYS"] = base64.b64encode(bytes(range(32))).decode()
os.environ["INDEX_KEYS"] = base64.b64encode(bytes(range(32, 64))).decode()
os.environ["RATE_LIMIT"] = "100000/minute"
os.environ["PUBLIC_URL"] = ""
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"  # pytest-playwright keeps an event loop running

from config.settings import *  # noqa: E402, F403
from config.settings import DATABASES, STORAGES, VAR  # noqa: E402

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
ALLOWED_HOSTS = ["testserver", "localhost", "127.0.0.1"]
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # A file, for racing processes and the browser's server share it with the test.
    DATABASES["default"]["TEST"] = {"NAME": str(VAR / "test.sqlite3")}
LOGGING = {"version": 1, "disable_existing_loggers": False}
