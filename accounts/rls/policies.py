"""Row-level security on PostgreSQL: made after each migration, out of the models, for every table with a station.

A person's rows are those of the stations that `accounts.rls.session` has named in the transaction's opening statement. Who
belongs to which station is seen whole, for it is what one is judged by, but changed at one's own stations alone. The audit
trail is written and never changed; its checkpoints are the workers' alone. FORCE holds the tables' owner to it as well; the
owner belongs to the role of commands and workers, which sees all. Only a superuser of the database passes every policy, and
even one takes on a request's role for a request.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from django.apps import apps
from django.core.management.base import CommandError
from django.db import ProgrammingError, connection, models, transaction

from accounts.rls.session import EVERYWHERE, MEMBER, PERSON, STATIONS, WORK

VERSION: Final = "2"
"""Grows with each change of what stands here, so that the policies are made anew."""
REQUESTS: Final = (MEMBER, EVERYWHERE)
_MINE: Final = f"ANY ((SELECT string_to_array(current_setting('{STATIONS}', true), ','))::bigint[])"
"""In a subquery, so that a statement reads the setting once and not for each row."""
_ME: Final = f"(SELECT nullif(current_setting('{PERSON}', true), '')::bigint)"


class MayMakeNoRoles(CommandError):
    """The database's user lacks the right that row-level security needs once. `migrate` says it as it is."""


@dataclass(frozen=True)
class Walled:
    """A table whose rows belong to a station."""

    table: str
    column: str
    optional: bool = False
    """Rows without a station are everybody's."""
    seen_whole: bool = False
    """Who belongs where."""
    owner: str = ""
    """The column of the person whose row it is, whatever its station; "" for none."""

    @property
    def mine(self) -> str:
        parts = [f'"{self.column}" = {_MINE}']
        parts += [f'"{self.column}" IS NULL'] if self.optional else []
        parts += [f'"{self.owner}" = {_ME}'] if self.owner else []
        return " OR ".join(parts)

    def policies(self) -> Iterator[str]:
        """Each as CREATE POLICY wants it."""
        yield f"everything ON {self.table} TO {WORK}, {EVERYWHERE} USING (true)"
        if self.seen_whole:
            yield f"seen ON {self.table} FOR SELECT TO {MEMBER} USING (true)"
        yield f"own ON {self.table} TO {MEMBER} USING ({self.mine})"


def walled() -> list[Walled]:
    """Every table with a station, and that of the stations themselves."""
    from stations.models import Station

    found = [Walled(Station._meta.db_table, "id")]
    for model in apps.get_models(include_auto_created=True):
        for field in _fields(model):
            if field.related_model is Station:
                belongs = bool(model._meta.auto_created)
                owner = "" if belongs else next((one.column for one in _fields(model) if one.name == "user"), "")
                found.append(Walled(model._meta.db_table, field.column, field.null, seen_whole=belongs, owner=owner))
    return found


def _fields(model: type[models.Model]) -> "list[models.ForeignKey[Any, Any]]":
    return [field for field in model._meta.concrete_fields if isinstance(field, models.ForeignKey)]


def build(**kwargs: Any) -> None:
    """Makes roles, rights and policies what stands here, where they are not. Raises MayMakeNoRoles with what to do."""
    if connection.vendor != "postgresql":
        return
    wanted = {one.table: one for one in walled()}
    standing = _standing(list(wanted))
    missing = [one for table, one in wanted.items() if standing.get(table) not in (None, _stamp(one))]
    if not missing:
        return
    with connection.cursor() as cursor:
        _make_roles(cursor)
        for one in missing:
            with transaction.atomic():  # there is no moment without policies for those who work meanwhile
                _make_policies(cursor, one)


def _stamp(one: Walled) -> str:
    return f"stationbook row-level security {VERSION}: {one.mine}".replace("'", '"')


def _standing(tables: list[str]) -> dict[str, str]:
    """The stamp on each table that there is by now; "" for none. No stamp counts while the table is not held to its policies."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname, CASE WHEN c.relrowsecurity AND c.relforcerowsecurity"
            " THEN coalesce(obj_description(p.oid, 'pg_policy'), '') ELSE '' END"
            " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = current_schema()"
            " LEFT JOIN pg_policy p ON p.polrelid = c.oid AND p.polname = 'own' WHERE c.relname = ANY (%s)",
            [tables],
        )
        return dict(cursor.fetchall())


_ROLE: Final = """DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN CREATE ROLE {role} NOLOGIN NOBYPASSRLS; END IF;
    IF NOT pg_has_role(session_user, '{role}', 'MEMBER') THEN GRANT {role} TO session_user; END IF;
EXCEPTION WHEN duplicate_object OR unique_violation OR internal_error THEN NULL; -- another database's migration was there first
END $$"""


_RIGHTS: Final = (
    "GRANT USAGE ON SCHEMA {schema} TO {role}",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role}",
    "GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schema} TO {role}",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {role}",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT USAGE ON SEQUENCES TO {role}",
)
"""On what there is, and on what later migrations make."""


def _make_roles(cursor: Any) -> None:
    cursor.execute("SELECT quote_ident(current_schema())")
    [schema] = cursor.fetchone()
    tables = {*connection.introspection.table_names(cursor)}  # not all, where somebody migrates to an earlier state
    try:
        for role in (*REQUESTS, WORK):
            cursor.execute(_ROLE.format(role=role))
            for right in _RIGHTS:
                cursor.execute(right.format(schema=schema, role=role))
            for table in tables & {_table("AuditEntry"), _table("AuditCheckpoint")}:
                cursor.execute(f"REVOKE UPDATE, DELETE ON {table} FROM {role}")
        for table in tables & {_table("AuditCheckpoint")}:
            cursor.execute(f"REVOKE ALL ON {table} FROM {', '.join(REQUESTS)}")
    except ProgrammingError as error:
        raise MayMakeNoRoles(_once(str(error).strip())) from error


def lacking() -> list[str]:
    """The roles that there are not, or that the database's user may not take on. None on SQLite, which has no such thing."""
    if connection.vendor != "postgresql":
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT wanted FROM unnest(%s::text[]) wanted LEFT JOIN pg_roles ON rolname = wanted"
            " WHERE NOT coalesce(pg_has_role(session_user, pg_roles.oid, 'MEMBER'), false)",
            [[*REQUESTS, WORK]],
        )
        return [role for (role,) in cursor.fetchall()]


def require_roles() -> None:
    """Raises MayMakeNoRoles where roles are lacking that the database's user may not make."""
    if not (missing := lacking()):
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolcreaterole OR rolsuper FROM pg_roles WHERE rolname = session_user")
        if cursor.fetchone() != (True,):
            raise MayMakeNoRoles(_once(f"It lacks {', '.join(missing)}"))


def _once(why: str) -> str:
    return (
        f"The database's user may not make roles ({why}). Once, as an administrator of the database: "
        + " ".join(f"CREATE ROLE {role} NOLOGIN; GRANT {role} TO this_user;" for role in (*REQUESTS, WORK))
        + " Then do this again."
    )


def _make_policies(cursor: Any, one: Walled) -> None:
    cursor.execute(f"ALTER TABLE {one.table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
    for name in ("everything", "seen", "own"):
        cursor.execute(f"DROP POLICY IF EXISTS {name} ON {one.table}")
    for policy in one.policies():
        cursor.execute(f"CREATE POLICY {policy}")
    cursor.execute(f"COMMENT ON POLICY own ON {one.table} IS '{_stamp(one)}'")


def _table(name: str) -> str:
    return str(apps.get_model("accounts", name)._meta.db_table)
