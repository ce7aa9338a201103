"""What must be right before the product is started, or upgraded: a function for each thing, which says what is wrong.

To add a check, write a function that yields sentences and put it into `CHECKS`.
"""

import shutil
import smtplib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import redis
from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.contrib.staticfiles.storage import staticfiles_storage
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
from accounts.key_management.keyrings import DATA, INDEX, unbound
from accounts.models import AuditEntry, User
from accounts.rls import policies
from bookings.operations import clock_check, demo
from bookings.services import verification as verifying
from core.mail.smtp import CONNECTION_ERRORS, backend_options
from stations.models import Station

NAMED_AT_MOST: Final = 5
LEAST_FREE_BYTES: Final = 500 * 1024**2
LEAST_FREE_SHARE: Final = 0.05
TIMEOUT_SECONDS: Final = 3
CLOCK_TOLERANCE: Final = timedelta(seconds=30)


class Depth(IntEnum):
    """How long a check may take."""

    QUICK = 0
    """Nothing that grows with the data, and nobody else's answer: for each start."""
    USUAL = 1
    DEEP = 2
    """All of the data is read."""


@dataclass(frozen=True)
class Check:
    """`run` yields a sentence for whatever is wrong: nothing where all is well."""

    run: Callable[[], Iterable[str]]
    depth: Depth
    asks_database: bool = True


def database() -> Iterator[str]:
    """Reachable, and of a version that Django supports."""
    try:
        connection.ensure_connection()
        connection.check_database_version_supported()
    except NotSupportedError as error:
        yield f"The database is too old: {error} Upgrade it first."
    except Error as error:
        yield f"The database cannot be reached: {_first_line(error)}. Look at DATABASE_URL, and whether it runs."


def migrations() -> Iterator[str]:
    """None to be applied. During an upgrade they are expected: see `pending`."""
    if names := pending():
        yield f"Migrations are to be applied: {', '.join(names)}. Run manage.py migrate."


def pending() -> list[str]:
    """What `migrate` would apply, as app.name."""
    executor = MigrationExecutor(connection)
    return [f"{one.app_label}.{one.name}" for one, _back in executor.migration_plan(executor.loader.graph.leaf_nodes())]


def newer_database() -> Iterator[str]:
    """Nobody's later release has migrated it. (Side by side with that is well, going back behind it is not.)"""
    loader = MigrationExecutor(connection).loader
    apps = {app for app, _name in loader.disk_migrations}
    unknown = sorted(
        f"{app}.{name}" for app, name in set(loader.applied_migrations) - set(loader.disk_migrations) if app in apps
    )
    if unknown:
        yield f"The database is of a newer release: it has {', '.join(unknown)}. Run that one, or restore a backup of this."


def keys() -> Iterator[str]:
    """None is lacking that values are under, and no value is refused."""
    for ring in (DATA, INDEX):
        for key, counts in ring.uses().items():
            if key not in ring.ids:
                yield (
                    f"{ring.variable} lacks the key {key.hex()}, and {counts.total()} values are under it. Put it back: "
                    "without it they cannot be read."
                )
    if settings.PII_ROW_BINDING == Binding.REQUIRED and (count := unbound()):
        yield (
            f"PII_ROW_BINDING=required refuses {count} encrypted values, which are not bound to their rows. Set it to on, run "
            "manage.py keys rotate --ring data, and set it back; unless somebody put them there."
        )


def wall() -> Iterator[str]:
    """The roles of row-level security are there, and this user may take them on."""
    if missing := policies.missing_roles():
        try:
            policies.require_roles()
        except policies.CannotCreateRoles as error:
            yield str(error)
        else:
            yield f"The database lacks the roles {', '.join(missing)}. Run manage.py migrate, which makes them."


def static_files() -> Iterator[str]:
    """All that pages name has been collected."""
    known = getattr(staticfiles_storage, "hashed_files", None)
    if known is None:  # plain files, as under DEBUG
        return
    wanted = {path for finder in get_finders() for path, _storage in finder.list([])}
    if missing := sorted(path for path in wanted if path.replace("\\", "/") not in known):
        yield f"{len(missing)} static files are not collected, such as {missing[0]}. Run manage.py collectstatic --noinput."


def mail_server() -> Iterator[str]:
    """It answers, and takes our name and password."""
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
    """What is said of the way in fits together."""
    if settings.PRODUCTION and not settings.TRUSTED_PROXIES:
        yield (
            "PUBLIC_URL is https, and the server itself speaks plain HTTP: without TRUSTED_PROXIES=1 it takes every request for "
            "one that came without encryption, and leads it to https for ever. Put a proxy with TLS in front, and set it."
        )
    if settings.TRUSTED_PROXIES and not settings.PRODUCTION:
        yield "TRUSTED_PROXIES is set, and PUBLIC_URL is not https: set PUBLIC_URL to the address that the proxy serves."


def demo_accounts() -> Iterator[str]:
    """Nobody known to be of the demo has its published password, where others can reach the product."""
    if not passwords.may_be_published() and _has_tables(User):
        yield from _with_published_password(demo.accounts())


def require_no_demo_accounts() -> None:
    """For each start. Raises CommandError with what to do; a database that is away keeps nobody from starting."""
    try:
        faults = [*demo_accounts()]
    except Error:
        return
    if faults:
        raise CommandError(faults[0])


def every_account() -> Iterator[str]:
    """Nor has anybody else, whatever they are called by now. It takes as long as all of them take to sign in."""
    if not passwords.may_be_published():
        yield from _with_published_password(User.objects.filter(is_active=True).exclude(pk__in=demo.accounts()))


def _with_published_password(users: QuerySet[User]) -> Iterator[str]:
    if emails := [user.email for user in demo.with_published_password(users)]:
        more = f" and {len(emails) - NAMED_AT_MOST} more" if len(emails) > NAMED_AT_MOST else ""
        yield (
            f"Accounts have the demo's published password, which everybody knows: {', '.join(emails[:NAMED_AT_MOST])}{more}. "
            "Nobody can sign in with it here. Run manage.py demo --renew-passwords, or deactivate them."
        )


def disk() -> Iterator[str]:
    """Room to work in, where files are kept."""
    places = {settings.DATA_DIR}
    if connection.vendor == "sqlite":
        places.add(Path(connection.settings_dict["NAME"]).resolve().parent)
    for place in sorted(places):
        if not place.is_dir():
            yield f"There is no folder {place}. Make it, for the server's user to write into."
            continue
        usage = shutil.disk_usage(place)
        if usage.free < LEAST_FREE_BYTES or usage.free < usage.total * LEAST_FREE_SHARE:
            yield f"The disk of {place} is almost full: {usage.free // 1024**2} MB are free. Make room."


def clock() -> Iterator[str]:
    """This machine's time is the database's, and not before what was written last."""
    now = timezone.now()
    difference = clock_check.difference_to_database()
    if abs(difference) > CLOCK_TOLERANCE:
        yield f"The clocks of this machine and of the database differ by {abs(difference)}. Set them by NTP."
    newest = AuditEntry.objects.order_by("-id").values_list("timestamp", flat=True)
    if _is_migrated() and (last := newest.first()) and last - now > CLOCK_TOLERANCE:
        yield f"The clock is behind: the newest entry of the audit trail is of {last:%Y-%m-%d %H:%M} UTC. Set it by NTP."


def time_zones() -> Iterator[str]:
    """Every station's is known here."""
    for name in sorted(
        {"UTC", *(Station.objects.values_list("time_zone", flat=True).distinct() if _is_migrated() else [])}
    ):
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            yield f"This machine does not know the time zone {name}. Install tzdata."


def holds() -> Iterator[str]:
    found = [str(one) for one in verifying.differences()]
    yield from found[:NAMED_AT_MOST]
    if found:
        yield f"Bookings and ledger differ in {len(found)} places. manage.py verify_holds names them all."


def trail() -> Iterator[str]:
    found = [str(one) for one in verification.faults()]
    yield from found[:NAMED_AT_MOST]
    if found:
        yield f"The audit trail has {len(found)} faults. manage.py verify_audit names them all; compare it with a backup."


FIRST: Final = Check(database, Depth.QUICK)
MIGRATIONS: Final = Check(migrations, Depth.QUICK)
CHECKS: Final = (
    FIRST,
    MIGRATIONS,
    Check(newer_database, Depth.QUICK),
    Check(wall, Depth.QUICK),
    Check(clock, Depth.QUICK),
    Check(time_zones, Depth.QUICK),
    Check(demo_accounts, Depth.QUICK),
    Check(addresses, Depth.QUICK, asks_database=False),
    Check(disk, Depth.QUICK, asks_database=False),
    Check(static_files, Depth.QUICK, asks_database=False),
    Check(mail_server, Depth.USUAL, asks_database=False),
    Check(redis_server, Depth.USUAL, asks_database=False),
    Check(keys, Depth.USUAL),
    Check(holds, Depth.DEEP),
    Check(trail, Depth.DEEP),
    Check(every_account, Depth.DEEP),
)


def findings(depth: Depth, *, upgrading: bool = False) -> Iterator[str]:
    """Whatever is wrong, in sentences. Before an upgrade migrations that are to be applied are not, and what reads the new schema
    is not asked."""
    away = [*FIRST.run()]
    yield from away
    behind = not away and bool(pending())
    for check in CHECKS[1:]:
        if check.depth > depth or (check is MIGRATIONS and upgrading):
            continue
        if check.asks_database and (away or (behind and check.depth > Depth.QUICK)):
            continue
        yield from check.run()


def _is_migrated() -> bool:
    """As far as that there is anything to be asked."""
    return _has_tables(Station, AuditEntry)


def _has_tables(*models: type[Model]) -> bool:
    return {model._meta.db_table for model in models} <= set(connection.introspection.table_names())


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
