"""How a setting is read out of the environment, or out of `.env`, and what is refused at once, in words that say what to do."""

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
    """Take from the settings file (ENV_FILE, or `.env` beside manage.py) what the environment does not set.

    Call it before `prometheus_client` is imported, which looks for PROMETHEUS_MULTIPROC_DIR and opens files in that folder.
    """
    env.read_env(env.str("ENV_FILE", default=str(BASE_DIR / ".env")))
    if folder := env.str("PROMETHEUS_MULTIPROC_DIR", default=""):
        try:
            Path(folder).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ImproperlyConfigured(
                f"PROMETHEUS_MULTIPROC_DIR names {folder}, which cannot be made: {error.strerror}."
            ) from None


def read_env(name: str) -> str:
    """What a variable says, or the file that its namesake in _FILE names, as containers are handed secrets; "" for neither."""
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
            f"{name}_FILE names {path}, which cannot be read. Put the secret there, as text, for the server's user to read."
        ) from None
    if not found:
        raise ImproperlyConfigured(f"{name}_FILE names {path}, which is empty. Put the secret there.")
    return found


def secret(name: str, *, production: bool) -> str:
    """A secret of its own, or "" where none is given. In production a short, monotonous or sample one is refused."""
    text = read_env(name)
    weak = len(text) < SECRET_CHARACTERS or len(set(text)) < SECRET_VARIETY or text.startswith("django-insecure-")
    if production and text and weak:
        raise ImproperlyConfigured(
            f"{name} is too weak for production. Use {SECRET_CHARACTERS} random characters: see .env.example."
        )
    return text


def keys(name: str, *, production: bool, instead: bytes | None = None) -> list[bytes]:
    """A ring of keys: base64, with commas or spaces between. The first writes, all read. Each is 32 random bytes. `instead` is
    the one that is used where none is given, but not in production."""
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
            f"{name} is not base64. Each key is 32 random bytes, as .env.example shows."
        ) from None
    if any(map(is_weak, ring)):
        raise ImproperlyConfigured(f"{name} holds a weak key. Each key is 32 random bytes, as .env.example shows.")
    if production and any(map(is_handmade, ring)):
        raise ImproperlyConfigured(
            f"{name} holds a sample or demo key, which anybody may know. Make your own, as .env.example shows."
        )
    return ring


def folder(name: str, *, default: Path) -> Path:
    """The folder that a variable names, made where it is not there. What is no absolute path begins at the checkout."""
    path: Path = BASE_DIR / (env.str(name, default="") or default)
    try:
        path.mkdir(exist_ok=True)
    except OSError:
        raise ImproperlyConfigured(
            f"{name} names {path}, which is no folder and cannot be made. Make it, for the server's user to write into."
        ) from None
    return path


def trusted_proxies() -> int:
    """TRUSTED_PROXIES; or 1 for TRUSTED_PROXY=1, as it was called before."""
    text: str = env.str("TRUSTED_PROXIES", default="")
    if not text:
        return int(env.bool("TRUSTED_PROXY", default=False))
    if not (text.isascii() and text.isdigit()):
        raise ImproperlyConfigured(
            "TRUSTED_PROXIES is a number: of your own proxies in front of the server, 0 for none."
        )
    return int(text)


DATABASE_SCHEMES = ("postgres", "postgresql", "pgsql", "psql", "sqlite")
REDIS_SCHEMES = ("redis", "rediss", "unix", "redis+unix")
ESCAPES = "in name and password, whatever is no letter, digit, dot or dash is %XX, such as %40 for @"


def database(name: str, default: str = "") -> dict[str, Any]:
    """The database that a variable names, as Django takes it; {} for none.

    Raises ImproperlyConfigured, in words that repeat nothing of what was given: any part of it may be part of the password.
    """
    text = read_env(name) or default
    if not text:
        return {}
    try:
        parts = _split(text)
        if parts.scheme not in DATABASE_SCHEMES:
            raise ImproperlyConfigured(f"{name} names neither PostgreSQL (postgres://…) nor SQLite (sqlite:///…).")
        found: dict[str, Any] = env.db_url_config(text)
    except ValueError:
        raise ImproperlyConfigured(
            f"{name} is no address of a database. Write it like postgres://user:password@host:5432/name, or sqlite:////path;"
            f" {ESCAPES}."
        ) from None
    host = parts.netloc.rpartition("@")[2]
    if "%2f" in host.lower():  # a socket's folder, whose case counts
        path, _colon, port = host.partition(":")
        found |= {"HOST": unquote(path), "PORT": port}
    return found


def redis_server(name: str) -> str:
    """The address of a Redis; "" for none. Raises ImproperlyConfigured as `database` does."""
    text = read_env(name)
    try:
        if text and _split(text).scheme not in REDIS_SCHEMES:
            raise ValueError
    except ValueError:
        raise ImproperlyConfigured(
            f"{name} is no address of a Redis. Write it like redis://:password@host:6379/0; {ESCAPES}."
        ) from None
    return text


def _split(url: str) -> SplitResult:
    """The parts of an address. Raises ValueError where a character of its name or password ends them too early."""
    parts = urlsplit(url)
    cut_off = bool(parts.fragment) or (bool(parts.netloc) and "@" in parts.path + parts.query)
    if cut_off or not parts.scheme or not url.lower().startswith(f"{parts.scheme}://"):
        raise ValueError
    hosts = parts.netloc.rpartition("@")[2]
    if (
        "," not in hosts and parts.port == 0
    ):  # several hosts have several ports; to ask for one raises where it is no number
        raise ValueError
    return parts


def rate_limit(name: str, default: str) -> str:
    """A rate such as `100/minute`, as it was written."""
    text: str = env.str(name, default=default)
    try:
        parse_rate(text)
    except ValueError:
        raise ImproperlyConfigured(
            f"{name} is no rate. Write one such as {default}, per second, minute, hour or day."
        ) from None
    return text


DEFAULT_PORT = "8000"


def browser_port(public: SplitResult, listening: str) -> str:
    """The port that browsers reach the product at: that of the public address where one is set, else the server's own."""
    try:
        port = str(public.port or "") if public.netloc else listening
    except ValueError:
        port = "none"
    if port and not (port.isascii() and port.isdigit()):
        raise ImproperlyConfigured("PORT, or the port in PUBLIC_URL, is not a number. Write one such as 8000.")
    return port


def cookie_name(name: str, *, port: str, production: bool) -> str:
    """Browsers share a host's cookies between all its ports: products side by side must not sign each other out."""
    if production:
        return f"__Host-stationbook_{name}"
    return f"stationbook_{name}" if port in ("", DEFAULT_PORT) else f"stationbook_{name}_{port}"


MAIL_SCHEMES = {"smtp": "smtp", "smtp+tls": "smtp+tls", "smtp+ssl": "smtp+ssl", "smtps": "smtp+ssl"}


def mail_server(url: str) -> dict[str, Any]:
    """What an address of a mail server says. `smtps` is TLS from the start, as everywhere but in django-environ."""
    try:
        parts = urlsplit(url)
        server: dict[str, Any] = env.email_url_config(parts._replace(scheme=MAIL_SCHEMES[parts.scheme]).geturl())
        if parts.hostname and (parts.path in ("", "/")) and not parts.query and not parts.fragment:
            return server
    except (KeyError, ValueError):
        pass
    raise ImproperlyConfigured(
        f"EMAIL_URL is no mail server. Write it like smtp+tls://user:password@mail.example.com:587; {ESCAPES}."
    ) from None


def over_network(*, pooled: bool) -> dict[str, Any]:
    """How connections to PostgreSQL are kept. Behind a pooler no cursor outlives its transaction's connection; Django prepares no
    statements unasked, and what else it sets for a session, its time zone, PgBouncer carries over."""
    kept: dict[str, Any] = {"ENGINE": "core.db.postgresql", "CONN_MAX_AGE": 600, "CONN_HEALTH_CHECKS": True}
    return kept | ({"DISABLE_SERVER_SIDE_CURSORS": True} if pooled else {})


def prepared(*, pooled: bool) -> dict[str, Any]:
    """What is asked again and again is planned once a connection: a third of what a calendar's request costs. Behind a pooler the
    next transaction's connection may not know the plan."""
    return {"server_side_binding": True, "prepare_threshold": None if pooled else 5}


REPLICA_CONNECT_SECONDS = 2
REPLICA_SILENT_MILLISECONDS = 3000


def replica_of(primary: dict[str, Any], replica: dict[str, Any]) -> dict[str, Any]:
    """The replica, reached as the primary is. It answers soon or not at all, for the primary knows all that it knows. Tests that
    begin with one make no second database for it."""
    if "postgresql" not in replica["ENGINE"]:
        raise ImproperlyConfigured(
            "REPLICA_URL is no PostgreSQL. Write it like postgres://user:password@replica:5432/name."
        )
    own = {name: primary["OPTIONS"][name] for name in ("application_name", "server_side_binding", "prepare_threshold")}
    soon = {"connect_timeout": REPLICA_CONNECT_SECONDS, "tcp_user_timeout": REPLICA_SILENT_MILLISECONDS}
    options = own | soon | replica.get("OPTIONS", {})
    return {**primary, **replica, "ENGINE": primary["ENGINE"], "OPTIONS": options, "TEST": {"MIRROR": "default"}}
