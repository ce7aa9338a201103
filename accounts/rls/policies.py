"""Row-level security policies on PostgreSQL, derived from the models after each migration, for every table with a station.

A request sees the rows of the stations that `accounts.rls.session` has set for its transaction. The membership tables are
readable as a whole, because permissions are decided from them, but can be changed only for the user's own stations. Audit
entries can be added and never changed; audit checkpoints are for workers alone. FORCE subjects the owner of the tables to the
policies, too; the owner belongs to the role of commands and workers, which sees every row. Only a superuser of the database
bypasses all policies, and even then a request takes on its own role.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from django.apps import apps
from django.core.management.base import CommandError
from django.db import ProgrammingError, connection, models, transaction

from accounts.rls.session import ALL_STATIONS_ROLE, MEMBER_ROLE, STATIONS_SETTING, USER_SETTING, WORKER_ROLE

VERSION: Final = "2"
"""Increase it with every change of the policies in this module, so that they are created again."""
REQUEST_ROLES: Final = (MEMBER_ROLE, ALL_STATIONS_ROLE)
_OWN_STATIONS: Final = f"ANY ((SELECT string_to_array(current_setting('{STATIONS_SETTING}', true), ','))::bigint[])"
"""A subquery, so that a statement reads the setting once and not for each row."""
_USER: Final = f"(SELECT nullif(current_setting('{USER_SETTING}', true), '')::bigint)"


class CannotCreateRoles(CommandError):
    """The database's user may not create the roles of row-level security. The message says what an administrator has to do."""


@dataclass(frozen=True)
class ProtectedTable:
    """A table whose rows belong to a station."""

    table: str
    column: str
    optional: bool = False
    """Whether rows may have no station. Everyone sees those."""
    readable_by_all: bool = False
    """Whether members see all rows, as of the table that says who belongs to which station."""
    owner: str = ""
    """The column of a user who sees the row whatever its station; "" for none."""

    @property
    def condition(self) -> str:
        parts = [f'"{self.column}" = {_OWN_STATIONS}']
        parts += [f'"{self.column}" IS NULL'] if self.optional else []
        parts += [f'"{self.owner}" = {_USER}'] if self.owner else []
        return " OR ".join(parts)

    def policies(self) -> Iterator[str]:
        """The arguments of each CREATE POLICY."""
        yield f"everything ON {self.table} TO {WORKER_ROLE}, {ALL_STATIONS_ROLE} USING (true)"
        if self.readable_by_all:
            yield f"seen ON {self.table} FOR SELECT TO {MEMBER_ROLE} USING (true)"
        yield f"own ON {self.table} TO {MEMBER_ROLE} USING ({self.condition})"


def protected_tables() -> list[ProtectedTable]:
    """Every table with a foreign key to a station, and the table of stations."""
    from stations.models import Station

    found = [ProtectedTable(Station._meta.db_table, "id")]
    for model in apps.get_models(include_auto_created=True):
        for field in _fields(model):
            if field.related_model is Station:
                belongs = bool(model._meta.auto_created)
                owner = "" if belongs else next((one.column for one in _fields(model) if one.name == "user"), "")
                found.append(
                    ProtectedTable(model._meta.db_table, field.column, field.null, readable_by_all=belongs, owner=owner)
                )
    return found


def _fields(model: type[models.Model]) -> "list[models.ForeignKey[Any, Any]]":
    return [field for field in model._meta.concrete_fields if isinstance(field, models.ForeignKey)]


def sync_policies(**kwargs: Any) -> None:
    """Create or update outdated roles, grants and policies; nothing on SQLite. Raises CannotCreateRoles."""
    if connection.vendor != "postgresql":
        return
    wanted = {one.table: one for one in protected_tables()}
    stamps = _existing_stamps(list(wanted))
    missing = [one for table, one in wanted.items() if stamps.get(table) not in (None, _stamp(one))]
    if not missing:
        return
    with connection.cursor() as cursor:
        _create_roles(cursor)
        for one in missing:
            with transaction.atomic():  # so that other connections never see the table without policies
                _create_policies(cursor, one)


def _stamp(one: ProtectedTable) -> str:
    return f"stationbook row-level security {VERSION}: {one.condition}".replace("'", '"')


def _existing_stamps(tables: list[str]) -> dict[str, str]:
    """The stamp of each table that exists; "" where it has none, or where row-level security is not enabled and forced."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname, CASE WHEN c.relrowsecurity AND c.relforcerowsecurity"
            " THEN coalesce(obj_description(p.oid, 'pg_policy'), '') ELSE '' END"
            " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = current_schema()"
            " LEFT JOIN pg_policy p ON p.polrelid = c.oid AND p.polname = 'own' WHERE c.relname = ANY (%s)",
            [tables],
        )
        return dict(cursor.fetchall())


_CREATE_ROLE: Final = """DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN CREATE ROLE {role} NOLOGIN NOBYPASSRLS; END IF;
    IF NOT pg_has_role(session_user, '{role}', 'MEMBER') THEN GRANT {role} TO session_user; END IF;
EXCEPTION WHEN duplicate_object OR unique_violation OR internal_error THEN NULL; -- created by a migration of another database
END $$"""


_GRANTS: Final = (
    "GRANT USAGE ON SCHEMA {schema} TO {role}",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role}",
    "GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schema} TO {role}",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {role}",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT USAGE ON SEQUENCES TO {role}",
)
"""On existing tables, and on those of later migrations."""


def _create_roles(cursor: Any) -> None:
    cursor.execute("SELECT quote_ident(current_schema())")
    [schema] = cursor.fetchone()
    tables = {*connection.introspection.table_names(cursor)}  # some are missing after a migration to an earlier state
    try:
        for role in (*REQUEST_ROLES, WORKER_ROLE):
            cursor.execute(_CREATE_ROLE.format(role=role))
            for grant in _GRANTS:
                cursor.execute(grant.format(schema=schema, role=role))
            for table in tables & {_table("AuditEntry"), _table("AuditCheckpoint")}:
                cursor.execute(f"REVOKE UPDATE, DELETE ON {table} FROM {role}")
        for table in tables & {_table("AuditCheckpoint")}:
            cursor.execute(f"REVOKE ALL ON {table} FROM {', '.join(REQUEST_ROLES)}")
    except ProgrammingError as error:
        raise CannotCreateRoles(_instructions(str(error).strip())) from error


def missing_roles() -> list[str]:
    """The roles that do not exist, or that the database's user does not belong to. Empty on SQLite."""
    if connection.vendor != "postgresql":
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT wanted FROM unnest(%s::text[]) wanted LEFT JOIN pg_roles ON rolname = wanted"
            " WHERE NOT coalesce(pg_has_role(session_user, pg_roles.oid, 'MEMBER'), false)",
            [[*REQUEST_ROLES, WORKER_ROLE]],
        )
        return [role for (role,) in cursor.fetchall()]


def require_roles() -> None:
    """Raises CannotCreateRoles if roles are missing that the database's user may not create."""
    if not (missing := missing_roles()):
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolcreaterole OR rolsuper FROM pg_roles WHERE rolname = session_user")
        if cursor.fetchone() != (True,):
            raise CannotCreateRoles(_instructions(f"it lacks {', '.join(missing)}"))


def _instructions(why: str) -> str:
    return (
        f"The database's user may not create roles ({why}). Run this once, as an administrator of the database: "
        + " ".join(f"CREATE ROLE {role} NOLOGIN; GRANT {role} TO this_user;" for role in (*REQUEST_ROLES, WORKER_ROLE))
        + " Then try again."
    )


def _create_policies(cursor: Any, one: ProtectedTable) -> None:
    cursor.execute(f"ALTER TABLE {one.table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
    for name in ("everything", "seen", "own"):
        cursor.execute(f"DROP POLICY IF EXISTS {name} ON {one.table}")
    for policy in one.policies():
        cursor.execute(f"CREATE POLICY {policy}")
    cursor.execute(f"COMMENT ON POLICY own ON {one.table} IS '{_stamp(one)}'")


def _table(name: str) -> str:
    return str(apps.get_model("accounts", name)._meta.db_table)
