"""Reads and validates settings from environment variables and `.env`. Errors say what to do."""

import base64
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

from accounts.encryption.keys import is_handmade, is_weak
from core.rate import parse_rate

env = environ.Env()

BASE_DIR = Path(__file__).resolve().parent.parent

SECRET_CHARACTERS = 50
SECRET_VARIETY = 10
TOKEN_CHARACTERS = 20


def read_settings_file() -> None:
    """Load variables that are not set from the settings file (ENV_FILE, or `.env` next to manage.py).

    Call it before `prometheus_client` is imported, which opens files in PROMETHEUS_MULTIPROC_DIR.
    """
    env.read_env(env.str("ENV_FILE", default=str(BASE_DIR / ".env")))
    if folder := env.str("PROMETHEUS_MULTIPROC_DIR", default=""):
        try:
            Path(folder).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ImproperlyConfigured(
                f"PROMETHEUS_MULTIPROC_DIR is {folder}, which cannot be created: {error.strerror}."
            ) from None


def read_env(name: str) -> str:
    """The value of a variable, or the content of the file that NAME_FILE names (for container secrets); "" if neither is set."""
    text: str = env.str(name, default="")
    path: str = env.str(f"{name}_FILE", default="")
    if not path:
        return text
    if text:
        raise ImproperlyConfigured(f"{name} and {name}_FILE are both set. Keep one of them.")
    try:
        found = Path(path).read_text().strip()
    except (OSError, ValueError):
        raise ImproperlyConfigured(
            f"{name}_FILE is {path}, which cannot be read. Put the secret there as text that the server's user can read."
        ) from None
    if not found:
        raise ImproperlyConfigured(f"{name}_FILE is {path}, which is empty. Put the secret there.")
    return found


def secret(name: str, *, production: bool) -> str:
    """A secret, or "" if it is not set. In production, short, repetitive and sample secrets are refused."""
    text = read_env(name)
    is_weak_text = (
        len(text) < SECRET_CHARACTERS or len(set(text)) < SECRET_VARIETY or text.startswith("django-insecure-")
    )
    if production and text and is_weak_text:
        raise ImproperlyConfigured(
            f"{name} is too weak for production. Use {SECRET_CHARACTERS} random characters: see .env.example."
        )
    return text


def keys(name: str, *, production: bool, instead: bytes | None = None) -> list[bytes]:
    """Keys of 32 random bytes in Base64, separated by commas or spaces: the first encrypts, all decrypt.

    `instead` is used if none is set, except in production.
    """
    texts = read_env(name).replace(",", " ").split()
    if not texts and instead and not production:
        return [instead]
    if not texts:
        raise ImproperlyConfigured(
            f"{name} is not set. script/server writes fresh keys into .env; or see .env.example."
        )
    try:
        ring = [base64.b64decode(text, validate=True) for text in texts]
    except ValueError:
        raise ImproperlyConfigured(
            f"{name} is not Base64. Each key is 32 random bytes, as .env.example shows."
        ) from None
    if any(map(is_weak, ring)):
        raise ImproperlyConfigured(f"{name} has a weak key. Each key is 32 random bytes, as .env.example shows.")
    if production and any(map(is_handmade, ring)):
        raise ImproperlyConfigured(
            f"{name} has a sample or demo key, which is public. Generate your own, as .env.example shows."
        )
    return ring


def folder(name: str, *, default: Path) -> Path:
    """The folder that a variable names, created if missing. Relative paths start at the checkout."""
    path: Path = BASE_DIR / (env.str(name, default="") or default)
    try:
        path.mkdir(exist_ok=True)
    except OSError:
        raise ImproperlyConfigured(
            f"{name} is {path}, which is not a folder and cannot be created. Create it, writable for the server's user."
        ) from None
    return path


def trusted_proxies() -> int:
    """The number in TRUSTED_PROXIES, or 1 for its earlier form TRUSTED_PROXY=1."""
    text: str = env.str("TRUSTED_PROXIES", default="")
    if not text:
        return int(env.bool("TRUSTED_PROXY", default=False))
    if not (text.isascii() and text.isdigit()):
        raise ImproperlyConfigured(
            "TRUSTED_PROXIES is the number of your own proxies in front of the server, 0 for none."
        )
    return int(text)


DATABASE_SCHEMES = ("postgres", "postgresql", "pgsql", "psql", "sqlite")
REDIS_SCHEMES = ("redis", "rediss", "unix", "redis+unix")
ESCAPES = (
    "in user name and password, write characters other than letters, digits, dots and dashes as %XX, such as %40 for @"
)


def database(name: str, default: str = "") -> dict[str, Any]:
    """Django's settings of the database that a variable names; {} if it is not set.

    Raises ImproperlyConfigured with a message that quotes nothing of the value: any part of it may belong to the password.
    """
    text = read_env(name) or default
    if not text:
        return {}
    try:
        parts = _split(text)
        if parts.scheme not in DATABASE_SCHEMES:
            raise ImproperlyConfigured(f"{name} is neither PostgreSQL (postgres://…) nor SQLite (sqlite:///…).")
        found: dict[str, Any] = env.db_url_config(text)
    except ValueError:
        raise ImproperlyConfigured(
            f"{name} is not the URL of a database. Write it like postgres://user:password@host:5432/name, or sqlite:////path;"
            f" {ESCAPES}."
        ) from None
    host = parts.netloc.rpartition("@")[2]
    if "%2f" in host.lower():  # the folder of a socket, which urlsplit would lowercase
        path, _colon, port = host.partition(":")
        found |= {"HOST": unquote(path), "PORT": port}
    return found


def redis_server(name: str) -> str:
    """The URL of a Redis server; "" if it is not set. Raises ImproperlyConfigured as `database` does."""
    text = read_env(name)
    try:
        if text and _split(text).scheme not in REDIS_SCHEMES:
            raise ValueError
    except ValueError:
        raise ImproperlyConfigured(
            f"{name} is not the URL of a Redis server. Write it like redis://:password@host:6379/0; {ESCAPES}."
        ) from None
    return text


def _split(url: str) -> SplitResult:
    """Parse a URL. Raises ValueError if an unescaped character of the user name or password cuts it off."""
    parts = urlsplit(url)
    is_cut_off = bool(parts.fragment) or (bool(parts.netloc) and "@" in parts.path + parts.query)
    if is_cut_off or not parts.scheme or not url.lower().startswith(f"{parts.scheme}://"):
        raise ValueError
    hosts = parts.netloc.rpartition("@")[2]
    # With several hosts there are several ports. Reading the port raises ValueError if it is not a number.
    if "," not in hosts and parts.port == 0:
        raise ValueError
    return parts


def rate_limit(name: str, default: str) -> str:
    """A rate such as `100/minute`, validated."""
    text: str = env.str(name, default=default)
    try:
        parse_rate(text)
    except ValueError:
        raise ImproperlyConfigured(
            f"{name} is not a rate. Write it like {default}, per second, minute, hour or day."
        ) from None
    return text


DEFAULT_PORT = "8000"


def browser_port(public: SplitResult, listening: str) -> str:
    """The port in browsers' URLs: that of PUBLIC_URL if it is set, otherwise the server's own."""
    try:
        port = str(public.port or "") if public.netloc else listening
    except ValueError:
        port = "none"
    if port and not (port.isascii() and port.isdigit()):
        raise ImproperlyConfigured("PORT, or the port in PUBLIC_URL, is not a number. Write one such as 8000.")
    return port


def cookie_name(name: str, *, port: str, production: bool) -> str:
    """The full name of a cookie, with the port, because browsers share cookies between the ports of a host."""
    if production:
        return f"__Host-stationbook_{name}"
    return f"stationbook_{name}" if port in ("", DEFAULT_PORT) else f"stationbook_{name}_{port}"


MAIL_SCHEMES = {"smtp": "smtp", "smtp+tls": "smtp+tls", "smtp+ssl": "smtp+ssl", "smtps": "smtp+ssl"}


def mail_server(url: str) -> dict[str, Any]:
    """Django's settings of the mail server at a URL. `smtps` is implicit TLS, unlike in django-environ."""
    try:
        parts = urlsplit(url)
        server: dict[str, Any] = env.email_url_config(parts._replace(scheme=MAIL_SCHEMES[parts.scheme]).geturl())
        if parts.hostname and (parts.path in ("", "/")) and not parts.query and not parts.fragment:
            return server
    except (KeyError, ValueError):
        pass
    raise ImproperlyConfigured(
        f"EMAIL_URL is not the URL of a mail server. Write it like smtp+tls://user:password@mail.example.com:587; {ESCAPES}."
    ) from None


def over_network(*, pooled: bool) -> dict[str, Any]:
    """Settings for PostgreSQL connections. Behind a pooler, server-side cursors would not outlive their transaction."""
    options: dict[str, Any] = {"ENGINE": "core.db.postgresql", "CONN_MAX_AGE": 600, "CONN_HEALTH_CHECKS": True}
    return options | ({"DISABLE_SERVER_SIDE_CURSORS": True} if pooled else {})


def prepared(*, pooled: bool) -> dict[str, Any]:
    """Options for prepared statements, which save a third of the cost of a calendar request.

    Behind a pooler, the connection of the next transaction may not have them.
    """
    return {"server_side_binding": True, "prepare_threshold": None if pooled else 5}


REPLICA_CONNECT_SECONDS = 2
REPLICA_SILENT_MILLISECONDS = 3000


def replica_of(primary: dict[str, Any], replica: dict[str, Any]) -> dict[str, Any]:
    """Settings of the replica, with the primary's options and short timeouts, because the primary can answer instead."""
    if "postgresql" not in replica["ENGINE"]:
        raise ImproperlyConfigured(
            "REPLICA_URL is not PostgreSQL. Write it like postgres://user:password@replica:5432/name."
        )
    own = {name: primary["OPTIONS"][name] for name in ("application_name", "server_side_binding", "prepare_threshold")}
    timeouts = {"connect_timeout": REPLICA_CONNECT_SECONDS, "tcp_user_timeout": REPLICA_SILENT_MILLISECONDS}
    options = own | timeouts | replica.get("OPTIONS", {})
    return {**primary, **replica, "ENGINE": primary["ENGINE"], "OPTIONS": options, "TEST": {"MIRROR": "default"}}
