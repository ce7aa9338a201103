"""Django's settings, from environment variables or `.env` next to manage.py; `.env.example` lists them all.

`PUBLIC_URL=https://…` makes it production. Without it, the product is local: plain HTTP, no Secure cookies, no HSTS.
"""

import hmac
from itertools import combinations
from typing import Any
from urllib.parse import urlsplit

from csp.constants import NONCE, NONE, SELF
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.validators import validate_email

from accounts.encryption.keys import are_similar, connection_name
from config.environment import (
    BASE_DIR,
    TOKEN_CHARACTERS,
    browser_port,
    cookie_name,
    database,
    env,
    folder,
    keys,
    mail_server,
    over_network,
    prepared,
    rate_limit,
    read_env,
    read_settings_file,
    redis_server,
    replica_of,
    secret,
    trusted_proxies,
)
from config.observability import sentry
from config.observability.logging import configuration
from core.version import VERSION

read_settings_file()
DATA_DIR = folder("DATA_DIR", default=BASE_DIR / "var")
"""Folder of the SQLite database. If it is outside the checkout, a release can be replaced as a whole."""

PUBLIC_URL: str = env.str("PUBLIC_URL", default="").rstrip("/")
_public = urlsplit(PUBLIC_URL)
if PUBLIC_URL and (_public.scheme not in ("http", "https") or not _public.hostname or _public.path):
    raise ImproperlyConfigured("PUBLIC_URL is not a URL. Write it like https://book.example.com, without a path.")
PRODUCTION = _public.scheme == "https"
DEBUG = env.bool("DEBUG", default=False)
if PRODUCTION and DEBUG:
    raise ImproperlyConfigured("DEBUG shows settings and code to visitors. Unset it, or unset PUBLIC_URL.")

SECRET_KEY = secret("SECRET_KEY", production=PRODUCTION)
if not SECRET_KEY:
    raise ImproperlyConfigured(
        "SECRET_KEY is not set. script/server writes a fresh one into .env; or see .env.example."
    )
JWT_KEY = (
    secret("JWT_KEY", production=PRODUCTION) or hmac.digest(SECRET_KEY.encode(), b"stationbook jwt", "sha256").hex()
)
PII_KEYS = keys("PII_KEYS", production=PRODUCTION)
PII_ROW_BINDING: str = env.str("PII_ROW_BINDING", default="on")
"""Whether encrypted values are bound to their rows; see `.env.example`."""
if PII_ROW_BINDING not in ("off", "on", "required"):
    raise ImproperlyConfigured("PII_ROW_BINDING is off, on or required.")
INDEX_KEYS = keys("INDEX_KEYS", production=PRODUCTION)
AUDIT_KEYS = keys(
    "AUDIT_KEYS", production=PRODUCTION, instead=hmac.digest(SECRET_KEY.encode(), b"stationbook audit", "sha256")
)
_all_keys = [*PII_KEYS, *INDEX_KEYS, *AUDIT_KEYS]
if len(set(_all_keys)) < len(_all_keys):
    raise ImproperlyConfigured(
        "PII_KEYS, INDEX_KEYS and AUDIT_KEYS share a key. Use each key once, and for one purpose only."
    )
if PRODUCTION and any(are_similar(one, other) for one, other in combinations(_all_keys, 2)):
    raise ImproperlyConfigured(
        "Two keys of PII_KEYS, INDEX_KEYS and AUDIT_KEYS are almost the same, so that one reveals the other. "
        "Generate each key separately, as .env.example shows."
    )
AUDIT_CHECKPOINT_SECONDS = env.int("AUDIT_CHECKPOINT_SECONDS", default=300)
"""How often a checkpoint over all chains of the audit log is written."""
if AUDIT_CHECKPOINT_SECONDS < 1:
    raise ImproperlyConfigured("AUDIT_CHECKPOINT_SECONDS is at least 1.")
if PRODUCTION and JWT_KEY == SECRET_KEY:
    raise ImproperlyConfigured(
        "JWT_KEY and SECRET_KEY are the same. Generate each key separately, as .env.example shows."
    )

HOST: str = env.str("HOST", default="") or "127.0.0.1"
ALLOWED_HOSTS: list[str] = [
    *([_public.hostname] if _public.hostname else ["localhost", "127.0.0.1", "[::1]", HOST]),
    *env.list("ALLOWED_HOSTS", default=[]),
]
CSRF_TRUSTED_ORIGINS = [f"{_public.scheme}://{_public.netloc.lower()}"] if PUBLIC_URL else []
TRUSTED_PROXIES = trusted_proxies()
"""Number of trusted proxies in front, each of which appends to X-Forwarded-For. With 0 the header is ignored."""

INSTALLED_APPS = [
    "config.apps.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "rest_framework_simplejwt.token_blacklist",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "auditlog",
    "csp",
    "stations",
    "accounts",
    "bookings",
]
MIDDLEWARE = [
    "config.middleware.request_id",
    "config.observability.request_log.log_requests",
    # Before middleware that responds itself, such as the redirect to HTTPS and static files, so that its headers are set too.
    "config.middleware.security_headers",
    "config.middleware.ContentSecurityPolicy",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "config.observability.probes.probes",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "config.middleware.compress",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "config.middleware.session_expiry",
    "config.middleware.language",
    "config.middleware.reject_unread_body",
    "config.middleware.page_rate_limit",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "config.middleware.require_two_factor",
    "django.contrib.messages.middleware.MessageMiddleware",
    "config.middleware.audit_origin",
    "accounts.views.carried_forms.SignInAgain",
    "config.middleware.RowLevelSecurity",
    "config.middleware.UndoStack",
    "accounts.views.reauthentication.AskForPassword",
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "builtins": ["accounts.templatetags.form_keys"],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "csp.context_processors.nonce",
            ],
        },
    }
]

POOLER = env.bool("DATABASE_POOLER", default=False)
"""Whether DATABASE_URL and REPLICA_URL are those of PgBouncer in transaction mode, which may change connections."""
DATABASE = database("DATABASE_URL", default=f"sqlite:///{DATA_DIR / 'stationbook.sqlite3'}")
if DATABASE["ENGINE"] == "django.db.backends.sqlite3":
    # With IMMEDIATE, writers queue at BEGIN; deferred, they would get “database is locked” in the middle of a transaction.
    DATABASE["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;",
    }
    # Connections stay open: closing the last one removes the WAL files, which cannot be created again on a full disk.
    DATABASE["CONN_MAX_AGE"] = None
else:
    DATABASE |= over_network(pooled=POOLER)
    DATABASE["OPTIONS"] = {
        "application_name": connection_name({"data": PII_KEYS, "index": INDEX_KEYS}, pooled=POOLER),
        **prepared(pooled=POOLER),
        **DATABASE.get("OPTIONS", {}),
    }
DATABASES = {"default": DATABASE}
if REPLICA := database("REPLICA_URL"):
    if DATABASE["ENGINE"] == "django.db.backends.sqlite3":
        raise ImproperlyConfigured(
            "REPLICA_URL is set, but DATABASE_URL is not PostgreSQL. Unset it, or use PostgreSQL."
        )
    DATABASES["replica"] = replica_of(DATABASE, REPLICA)
    DATABASE_ROUTERS = ["bookings.calendar.replica.Router"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["accounts.auth.principals.Backend"]
AUDITLOG_LOGENTRY_MODEL = "accounts.AuditEntry"
MIGRATION_MODULES = {"auditlog": None}
"""auditlog's own migrations would create the table that AuditEntry replaces, with a foreign key that prevents TRUNCATE."""
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": name}
    for name in (
        "accounts.auth.password_validation.LengthValidator",
        "accounts.auth.password_validation.CommonPasswordValidator",
        "accounts.auth.password_validation.KnownWordsValidator",
        "accounts.auth.password_validation.SimilarityValidator",
        "accounts.auth.password_validation.CharacterValidator",
        "django.contrib.auth.password_validation.NumericPasswordValidator",
    )
]
PASSWORD_RESET_TIMEOUT = 3 * 24 * 3600
"""Seconds for links made by managers; links for forgotten passwords expire earlier (`accounts.auth.password_reset`)."""
LOGIN_URL = "/accounts/login/"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = LOGIN_URL

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("es", "Español"), ("de", "Deutsch")]
"""Each in its own language."""
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_TZ = True
TIME_ZONE = "UTC"

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "var" / "static"
"""Inside the checkout, because each release has its own files."""
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "core.web.static_storage.MinifiedStaticFilesStorage"
    },
}
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
WEB_THREADS = env.int("WEB_THREADS", default=3)
CALENDAR_CACHE_MB = env.int("CALENDAR_CACHE_MB", default=32)
if CALENDAR_CACHE_MB < 0:
    raise ImproperlyConfigured("CALENDAR_CACHE_MB is 0 or more.")
REQUEST_BODY_SECONDS = env.int("REQUEST_BODY_SECONDS", default=15)
"""Time in which the whole body of a request must arrive."""
# The form of a station has all its openings: half-hours around the clock are 336 of up to 12 fields.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 10_000

SESSION_ENGINE = "accounts.auth.session_store"
SESSION_COOKIE_AGE = env.int("SESSION_HOURS", default=12) * 3600
SESSION_IDLE_SECONDS = env.int("SESSION_IDLE_MINUTES", default=min(240, SESSION_COOKIE_AGE // 60)) * 60
if not 0 < SESSION_IDLE_SECONDS <= SESSION_COOKIE_AGE:
    raise ImproperlyConfigured("SESSION_IDLE_MINUTES is at least 1 and at most SESSION_HOURS.")
REAUTHENTICATION_SECONDS = env.int("REAUTHENTICATION_MINUTES", default=10) * 60
"""How long sensitive actions do not ask for the password again."""
if REAUTHENTICATION_SECONDS <= 0:
    raise ImproperlyConfigured("REAUTHENTICATION_MINUTES is at least 1.")
# Browsers share cookies between the ports of a host. Two local servers must not sign each other's users out.
SESSION_COOKIE_NAME, CSRF_COOKIE_NAME, LANGUAGE_COOKIE_NAME = (
    cookie_name(name, port=browser_port(_public, env.str("PORT", default="")), production=PRODUCTION)
    for name in ("session", "csrf", "language")
)
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "accounts.views.csrf.failure"
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
if PRODUCTION:
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = True
    SECURE_SSL_REDIRECT = True
    SECURE_REDIRECT_EXEMPT = [r"^health/(live|web|ready)$", r"^metrics$"]
    SECURE_HSTS_SECONDS = 365 * 24 * 3600
    SECURE_HSTS_INCLUDE_SUBDOMAINS = env.bool("HSTS_INCLUDE_SUBDOMAINS", default=False)
    SECURE_HSTS_PRELOAD = env.bool("HSTS_PRELOAD", default=False)
    if SECURE_HSTS_PRELOAD and not SECURE_HSTS_INCLUDE_SUBDOMAINS:
        raise ImproperlyConfigured(
            "Browsers preload only with subdomains. Set HSTS_INCLUDE_SUBDOMAINS=1, or unset HSTS_PRELOAD."
        )
# HSTS for subdomains and preloading: only the operator knows whether all hosts of the domain use HTTPS.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
if TRUSTED_PROXIES:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

WHITENOISE_ALLOW_ALL_ORIGINS = False

# Scripts need their page's nonce: scripts are not allowed just because this site serves them. Django's admin templates have no
# nonces, so config.admin allows this site's files on its pages.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [NONCE],
        "style-src": [SELF],
        "img-src": [SELF],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    }
}

EMAIL_URL = read_env("EMAIL_URL")
MAIL_SERVER = mail_server(EMAIL_URL) if EMAIL_URL else {}
"""The mail server for customers' emails; without one they wait in the outbox."""
MAIL_FROM: str = env.str("MAIL_FROM", default=f"stationbook@{_public.hostname or 'localhost'}")
if EMAIL_URL or "MAIL_FROM" in env:
    try:
        validate_email(MAIL_FROM)
    except ValidationError:
        raise ImproperlyConfigured(
            "MAIL_FROM is not an email address. Write it like book@example.com, without a name."
        ) from None
MAIL_GRACE_SECONDS = env.int("MAIL_GRACE_SECONDS", default=90)
MAIL_CONNECTIONS = env.int("MAIL_CONNECTIONS", default=4)
if not 1 <= MAIL_CONNECTIONS <= 50:
    raise ImproperlyConfigured("MAIL_CONNECTIONS is from 1 to 50.")
MAIL_DAILY_LIMIT_PER_RECIPIENT = env.int("MAIL_DAILY_LIMIT_PER_RECIPIENT", default=20)
MAIL_HOURLY_LIMIT_PER_STATION = env.int("MAIL_HOURLY_LIMIT_PER_STATION", default=500)
if min(MAIL_DAILY_LIMIT_PER_RECIPIENT, MAIL_HOURLY_LIMIT_PER_STATION) < 1:
    raise ImproperlyConfigured("MAIL_DAILY_LIMIT_PER_RECIPIENT and MAIL_HOURLY_LIMIT_PER_STATION are at least 1.")

SECOND_FACTOR_GROUPS: list[str] = env.list("SECOND_FACTOR_GROUPS", default=["Station managers"] if PRODUCTION else [])
"""Groups whose members, like all superusers, must use two-factor authentication."""

REDIS_URL = redis_server("REDIS_URL")
"""Where rate limits are counted; "" for the database."""

# docs/security.md, "Rate limits", describes what each of them counts.
RATE_LIMIT = rate_limit("RATE_LIMIT", "100/minute")
PAGE_RATE_LIMIT = rate_limit("PAGE_RATE_LIMIT", "600/minute")
SEARCH_RATE_LIMIT = rate_limit("SEARCH_RATE_LIMIT", "60/minute")
FEED_RATE_LIMIT = rate_limit("FEED_RATE_LIMIT", "60/minute")
ALL_FEEDS_RATE_LIMIT = rate_limit("ALL_FEEDS_RATE_LIMIT", "300/minute")
LOGIN_RATE_LIMIT = rate_limit("LOGIN_RATE_LIMIT", "10/minute")
LOGIN_ACCOUNT_RATE_LIMIT = rate_limit("LOGIN_ACCOUNT_RATE_LIMIT", "50/hour")
CODE_RATE_LIMIT = rate_limit("CODE_RATE_LIMIT", "10/day")
RESET_RATE_LIMIT = rate_limit("RESET_RATE_LIMIT", "3/hour")
RESET_ADDRESS_RATE_LIMIT = rate_limit("RESET_ADDRESS_RATE_LIMIT", "30/hour")
EMAIL_CHANGE_RATE_LIMIT = rate_limit("EMAIL_CHANGE_RATE_LIMIT", "5/hour")

BACKUP_RECIPIENTS: list[str] = env.str("BACKUP_RECIPIENTS", default="").replace(",", " ").split()
"""Public age keys that backups are encrypted for; without any, a backup is an unencrypted folder."""

REST_FRAMEWORK = {
    # accounts.api.base.ApiView sets what views can set themselves; only the rest is here.
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.SessionAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_VERSION": "1",
    "ALLOWED_VERSIONS": ["1"],
    "DEFAULT_SCHEMA_CLASS": "config.api_schema.OperationSchema",
    "URL_FORMAT_OVERRIDE": None,
    "EXCEPTION_HANDLER": "core.api.responses.exception_handler",
}
SIMPLE_JWT = {
    "ROTATE_REFRESH_TOKENS": True,
    "BLACKLIST_AFTER_ROTATION": True,
    "SIGNING_KEY": JWT_KEY,
}
SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Stationbook",
    "VERSION": VERSION,
    "OAS_VERSION": "3.1.1",
    "COMPONENT_SPLIT_PATCH": False,
    "POSTPROCESSING_HOOKS": ["config.api_schema.add_components"],
}

METRICS_TOKEN = read_env("METRICS_TOKEN")
"""Token that Prometheus sends to read /metrics; "" turns it off."""
if METRICS_TOKEN and len(METRICS_TOKEN) < TOKEN_CHARACTERS:
    raise ImproperlyConfigured(f"METRICS_TOKEN is too short. Use {TOKEN_CHARACTERS} random characters or more.")
METRICS_FOLDER: str = env.str("PROMETHEUS_MULTIPROC_DIR", default="")
"""Folder in which the processes of a server share counters; `prometheus_client` reads the variable when imported."""
HEALTH_CACHE_SECONDS = env.float("HEALTH_CACHE_SECONDS", default=3.0)
"""How long results of /health/web and /health/ready are cached."""
WORKER_SILENCE_SECONDS = env.int("WORKER_SILENCE_SECONDS", default=300)
MAIL_QUEUE_SECONDS = env.int("MAIL_QUEUE_SECONDS", default=900)
WORKER_ROUND_SECONDS = env.int("WORKER_ROUND_SECONDS", default=900)
"""How long one round of a worker may take before it counts as stalled."""
RETENTION_NOTICE_DAYS = env.int("RETENTION_NOTICE_DAYS", default=7)
"""How many days before the first erasure at a station its managers are notified."""
if RETENTION_NOTICE_DAYS < 0:
    raise ImproperlyConfigured("RETENTION_NOTICE_DAYS is a number of days, 0 or more.")

SENTRY_DSN = read_env("SENTRY_DSN")
"""Where crashes are reported; "" turns it off."""
SENTRY_SAMPLE = env.float("SENTRY_SAMPLE", default=1.0)
if not 0 <= SENTRY_SAMPLE <= 1:
    raise ImproperlyConfigured("SENTRY_SAMPLE is a fraction: 1 for every crash, 0.1 for one in ten.")
if SENTRY_DSN:
    sentry.init(SENTRY_DSN, sample_rate=SENTRY_SAMPLE, production=PRODUCTION)

if env.str("OTEL_EXPORTER_OTLP_ENDPOINT", default=""):
    MIDDLEWARE.insert(2, "config.observability.tracing.trace_requests")

LOG_FORMAT: str = env.str("LOG_FORMAT", default="json")
if LOG_FORMAT not in ("json", "line"):
    raise ImproperlyConfigured("LOG_FORMAT is json or line.")
LOGGING = configuration(LOG_FORMAT, env.str("LOG_LEVEL", default="INFO"))
