"""The checks of an installation: settings, database, keys, services it depends on, and the data itself.

To add one, write a function that yields a sentence for each fault, saying what to do, and add it to `CHECKS` under a new ID.
"""

import shutil
import smtplib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import redis
from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core import checks
from django.core.checks import CheckMessage
from django.core.mail.backends.smtp import EmailBackend
from django.core.management.base import CommandError
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Model, QuerySet
from django.db.utils import NotSupportedError
from django.utils import timezone

from accounts.audit import verification
from accounts.auth import passwords
from accounts.encryption import Binding
from accounts.key_management.keyrings import DATA, INDEX, count_unbound
from accounts.models import AuditEntry, User
from accounts.rls import policies
from bookings.operations import clock_check, demo
from bookings.services import verification as verifying
from core.mail.smtp import CONNECTION_ERRORS, backend_options
from stations.models import Station

MAX_NAMED: Final = 5
MIN_FREE_BYTES: Final = 500 * 1024**2
MIN_FREE_SHARE: Final = 0.05
TIMEOUT_SECONDS: Final = 3
CLOCK_TOLERANCE: Final = timedelta(seconds=30)


@dataclass(frozen=True)
class Check:
    """`run` yields a sentence for each fault."""

    id: str
    run: Callable[[], Iterable[str]]
    asks_database: bool = True
    level: int = checks.ERROR

    def messages(self) -> list[CheckMessage]:
        return [CheckMessage(self.level, sentence, id=self.id) for sentence in self.run()]


def database() -> Iterator[str]:
    """The database is reachable and of a version that Django supports."""
    try:
        connection.ensure_connection()
        connection.check_database_version_supported()
    except NotSupportedError as error:
        yield f"The database is too old: {error} Upgrade it first."
    except Error as error:
        yield f"The database cannot be reached: {_first_line(error)}. Look at DATABASE_URL, and whether it runs."


def migrations() -> Iterator[str]:
    """All migrations are applied."""
    if names := pending():
        yield f"Migrations are to be applied: {', '.join(names)}. Run manage.py migrate."


def pending() -> list[str]:
    """The migrations that `migrate` would apply, as app.name."""
    executor = MigrationExecutor(connection)
    return [f"{one.app_label}.{one.name}" for one, _back in executor.migration_plan(executor.loader.graph.leaf_nodes())]


def newer_database() -> Iterator[str]:
    """The database has no migrations of a newer release."""
    loader = MigrationExecutor(connection).loader
    apps = {app for app, _name in loader.disk_migrations}
    unknown = sorted(
        f"{app}.{name}" for app, name in set(loader.applied_migrations) - set(loader.disk_migrations) if app in apps
    )
    if unknown:
        yield f"The database is of a newer release: it has {', '.join(unknown)}. Run that one, or restore a backup of this."


def keys() -> Iterator[str]:
    """Every key that values are encrypted or hashed with is there, and no value is refused."""
    for ring in (DATA, INDEX):
        for key, counts in ring.uses().items():
            if key not in ring.ids:
                yield (
                    f"{ring.variable} lacks the key {key.hex()}, and {counts.total()} values are under it. Put it back: "
                    "without it they cannot be read."
                )
    if settings.PII_ROW_BINDING == Binding.REQUIRED and (count := count_unbound()):
        yield (
            f"PII_ROW_BINDING=required refuses {count} encrypted values, which are not bound to their rows. Set it to on, run "
            "manage.py keys rotate --ring data, and set it back; unless somebody put them there."
        )


def row_level_security() -> Iterator[str]:
    """The roles of row-level security exist, and the database's user may use them."""
    if missing := policies.missing_roles():
        try:
            policies.require_roles()
        except policies.CannotCreateRoles as error:
            yield str(error)
        else:
            yield f"The database lacks the roles {', '.join(missing)}. Run manage.py migrate, which makes them."


def static_files() -> Iterator[str]:
    """All static files are collected."""
    known = getattr(staticfiles_storage, "hashed_files", None)
    if known is None:  # no manifest, as with DEBUG
        return
    wanted = {path for finder in get_finders() for path, _storage in finder.list([])}
    if missing := sorted(path for path in wanted if path.replace("\\", "/") not in known):
        yield f"{len(missing)} static files are not collected, such as {missing[0]}. Run manage.py collectstatic --noinput."


def mail_server() -> Iterator[str]:
    """The mail server answers and accepts the sign-in."""
    if not settings.MAIL_SERVER:
        return
    line = EmailBackend(**backend_options(settings.MAIL_SERVER), timeout=TIMEOUT_SECONDS)
    try:
        line.open()
        line.close()
    except smtplib.SMTPAuthenticationError:
        yield "The mail server refuses the name or password of EMAIL_URL."
    except CONNECTION_ERRORS as error:
        yield f"The mail server of EMAIL_URL cannot be used ({type(error).__name__}). Mails wait until it can."


def redis_server() -> Iterator[str]:
    if not settings.REDIS_URL:
        return
    try:
        with redis.Redis.from_url(
            settings.REDIS_URL, socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS
        ) as found:
            found.ping()
    except (redis.RedisError, OSError, ValueError) as error:
        yield f"Redis, which REDIS_URL names, does not answer ({type(error).__name__}). The database counts meanwhile."


def addresses() -> Iterator[str]:
    """PUBLIC_URL and TRUSTED_PROXIES fit together."""
    if settings.PRODUCTION and not settings.TRUSTED_PROXIES:
        yield (
            "PUBLIC_URL is https, and the server itself speaks plain HTTP: without TRUSTED_PROXIES=1 it takes every request for "
            "one that came without encryption, and leads it to https for ever. Put a proxy with TLS in front, and set it."
        )
    if settings.TRUSTED_PROXIES and not settings.PRODUCTION:
        yield "TRUSTED_PROXIES is set, and PUBLIC_URL is not https: set PUBLIC_URL to the address that the proxy serves."


def demo_accounts() -> Iterator[str]:
    """No demo account has the published password on an installation that others can reach."""
    if not passwords.is_demo_password_allowed() and _has_tables(User):
        yield from _with_published_password(demo.accounts())


def require_no_demo_accounts() -> None:
    """Check the demo accounts alone, for each start. Raises CommandError; an unreachable database does not prevent the start."""
    try:
        faults = [*demo_accounts()]
    except Error:
        return
    if faults:
        raise CommandError(faults[0])


def every_account() -> Iterator[str]:
    """No other account has the published password. Takes a password hash for each account."""
    if not passwords.is_demo_password_allowed():
        yield from _with_published_password(User.objects.filter(is_active=True).exclude(pk__in=demo.accounts()))


def _with_published_password(users: QuerySet[User]) -> Iterator[str]:
    if emails := [user.email for user in demo.with_published_password(users)]:
        more = f" and {len(emails) - MAX_NAMED} more" if len(emails) > MAX_NAMED else ""
        yield (
            f"Accounts have the demo's published password, which everybody knows: {', '.join(emails[:MAX_NAMED])}{more}. "
            "Nobody can sign in with it here. Run manage.py demo --renew-passwords, or deactivate them."
        )


def disk() -> Iterator[str]:
    """There is free space where files are kept."""
    places = {settings.DATA_DIR}
    if connection.vendor == "sqlite":
        places.add(Path(connection.settings_dict["NAME"]).resolve().parent)
    for place in sorted(places):
        if not place.is_dir():
            yield f"There is no folder {place}. Make it, for the server's user to write into."
            continue
        usage = shutil.disk_usage(place)
        if usage.free < MIN_FREE_BYTES or usage.free < usage.total * MIN_FREE_SHARE:
            yield f"The disk of {place} is almost full: {usage.free // 1024**2} MB are free. Make room."


def clock() -> Iterator[str]:
    """The clock agrees with the database's and is not behind the newest audit entry."""
    now = timezone.now()
    difference = clock_check.difference_to_database()
    if abs(difference) > CLOCK_TOLERANCE:
        yield f"The clocks of this machine and of the database differ by {abs(difference)}. Set them by NTP."
    newest = AuditEntry.objects.order_by("-id").values_list("timestamp", flat=True)
    if _is_migrated() and (last := newest.first()) and last - now > CLOCK_TOLERANCE:
        yield f"The clock is behind: the newest entry of the audit trail is of {last:%Y-%m-%d %H:%M} UTC. Set it by NTP."


def time_zones() -> Iterator[str]:
    """The time zones of all stations are known to this machine."""
    for name in sorted(
        {"UTC", *(Station.objects.values_list("time_zone", flat=True).distinct() if _is_migrated() else [])}
    ):
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            yield f"This machine does not know the time zone {name}. Install tzdata."


def holds() -> Iterator[str]:
    found = [str(one) for one in verifying.differences()]
    yield from found[:MAX_NAMED]
    if found:
        yield f"Bookings and ledger differ in {len(found)} places. manage.py verify_holds names them all."


def audit_log() -> Iterator[str]:
    found = [str(one) for one in verification.faults()]
    yield from found[:MAX_NAMED]
    if found:
        yield f"The audit trail has {len(found)} faults. manage.py verify_audit names them all; compare it with a backup."


DATABASE: Final = Check("stationbook.E001", database)
MIGRATIONS: Final = Check("stationbook.E002", migrations)
QUICK: Final = (
    DATABASE,
    MIGRATIONS,
    Check("stationbook.E003", newer_database),
    Check("stationbook.E004", row_level_security),
    Check("stationbook.E005", clock),
    Check("stationbook.E006", time_zones),
    Check("stationbook.E007", demo_accounts),
    Check("stationbook.E008", addresses, asks_database=False),
    Check("stationbook.E009", disk, asks_database=False),
    Check("stationbook.E010", static_files, asks_database=False),
)
USUAL: Final = (
    Check("stationbook.W101", mail_server, asks_database=False, level=checks.WARNING),
    Check("stationbook.W102", redis_server, asks_database=False, level=checks.WARNING),
    Check("stationbook.E103", keys),
)
DEEP: Final = (
    Check("stationbook.E201", holds),
    Check("stationbook.E202", audit_log),
    Check("stationbook.E203", every_account),
)
CHECKS: Final[Mapping[str, Sequence[Check]]] = {"quick": QUICK, "usual": USUAL, "deep": DEEP}
"""The checks by how long they take: quick ones are independent of the amount of data and of other servers, deep ones read all
data."""


def messages(depth: str, *, asks_database: bool) -> list[CheckMessage]:
    """Run the checks of one depth, either those that ask the database or those that do not.

    Nothing more is asked of an unreachable database, and nothing slow of one whose schema is that of another release.
    """
    chosen = [check for check in CHECKS[depth] if check.asks_database == asks_database and check is not DATABASE]
    if asks_database:
        if unreachable := DATABASE.messages():
            return unreachable if DATABASE in CHECKS[depth] else []
        if CHECKS[depth] is not QUICK and pending():
            return []
    return [message for check in chosen for message in check.messages()]


def _is_migrated() -> bool:
    """Whether the tables that the quick checks read exist."""
    return _has_tables(Station, AuditEntry)


def _has_tables(*models: type[Model]) -> bool:
    return {model._meta.db_table for model in models} <= set(connection.introspection.table_names())


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
