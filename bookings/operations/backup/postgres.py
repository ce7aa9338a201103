"""PostgreSQL's side: pg_dump of a snapshot, and pg_restore's script run in one transaction with all that is proved of it."""

import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final, cast

from django.db import connection, transaction
from psycopg.conninfo import make_conninfo

from accounts.rls import policies
from accounts.rls.session import WORKER_ROLE
from bookings.operations.backup import atomic_folder
from bookings.operations.backup.inventory import NOT_BACKED_UP
from bookings.operations.backup.manifest import Manifest, Unusable
from core.db import snapshots

FILE: Final = "data.dump"
DEBIAN: Final = "/usr/lib/postgresql"
LOCK_TIMEOUT_MILLISECONDS: Final = 60_000
AT_ONCE: Final = 1 << 16
MADE_ANEW: Final = re.compile(
    r"\d+; \d+ \d+ (ACL|DEFAULT ACL|COMMENT|EXTENSION|POLICY|PUBLICATION|ROW SECURITY|SCHEMA|SECURITY LABEL) "
)
"""Entries of a dump's list that are the place's, not the data's: roles, rights and policies come from the code."""
COPY: Final = re.compile(rb"COPY .* FROM stdin;\n")
OURS: Final = ("autocommit", "context", "cursor_factory", "prepare_threshold", "row_factory")
"""What a connection is told that is psycopg's own; all else PostgreSQL's tools know, too."""
FOR_PSQL: Final = (b"\\restrict ", b"\\unrestrict ")
"""Lines that newer releases put around a script, for psql alone."""


class Postgres:
    file = FILE
    name = "PostgreSQL"

    def __init__(self) -> None:
        self._snapshot = ""

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        with snapshots.snapshot(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            require_whole_sight(cursor)
            cursor.execute("SELECT pg_export_snapshot()")
            [self._snapshot] = cursor.fetchone()
            yield

    def dump(self, path: Path) -> None:
        """The snapshot that is open, compressed. Raises Unusable with what pg_dump says."""
        with _reached() as conninfo:
            _run(
                [
                    _tool("pg_dump"),
                    "--format=custom",
                    f"--snapshot={self._snapshot}",
                    f"--lock-wait-timeout={LOCK_TIMEOUT_MILLISECONDS}",
                    "--enable-row-security",  # whoever dumps sees all rows: asked above
                    "--no-owner",
                    "--no-privileges",
                    "--no-unlogged-table-data",
                    *(f"--exclude-table-data=*.{table}" for table in NOT_BACKED_UP),
                    f"--file={atomic_folder.private(path)}",
                    f"--dbname={conninfo}",
                ]
            )

    def require_restorable(self, manifest: Manifest) -> None:
        """Raises Unusable unless the database is empty and of a release that can take this, and CannotCreateRoles."""
        _tool("pg_restore")
        if _major(manifest.server) > _server():
            raise Unusable(
                f"The backup is of PostgreSQL {_major(manifest.server)}, and the server is {_server()}. Restore to the same "
                "release or a newer one."
            )
        with connection.cursor() as cursor:
            if found := connection.introspection.table_names(cursor):
                raise Unusable(
                    f"The database {connection.settings_dict['NAME']} is not empty: it holds {len(found)} tables. Make a new one "
                    "(createdb), name it by DATABASE_URL, and restore into that."
                )
        policies.require_roles()

    @contextmanager
    def restored(self, path: Path) -> Iterator[None]:
        """The backup's data in the database, within a transaction: it is there for others where this ends well, and only then."""
        try:
            with transaction.atomic():
                with connection.cursor() as cursor:
                    _restore(cursor, path)
                policies.sync_policies()
                yield
        finally:
            connection.close()  # with all that the script has set


def require_whole_sight(cursor: Any) -> None:
    """Row-level security leaves out silently what a role may not see: such a dump would be smaller, and whole to look at."""
    cursor.execute(
        "SELECT rolsuper OR rolbypassrls OR coalesce(pg_has_role(oid,"
        " (SELECT oid FROM pg_roles WHERE rolname = %s), 'USAGE'), false) FROM pg_roles WHERE rolname = current_user",
        [WORKER_ROLE],
    )
    if cursor.fetchone() != (True,):
        raise Unusable(
            f"The database's user does not see all rows. As an administrator: GRANT {WORKER_ROLE} TO this_user;"
        )


def _restore(cursor: Any, path: Path) -> None:
    cursor.execute("SHOW search_path")
    [schemas] = cursor.fetchone()
    tool = _tool("pg_restore")
    with tempfile.NamedTemporaryFile("w", suffix=".list") as listed:
        wanted = _run([tool, "--list", str(path)]).splitlines(keepends=True)
        listed.writelines(line for line in wanted if not MADE_ANEW.match(line))
        listed.flush()
        command = [tool, "--no-owner", "--no-privileges", f"--use-list={listed.name}", "--file=-", str(path)]
        with (
            tempfile.TemporaryFile() as said,
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said) as process,  # noqa: S603  # PostgreSQL's own tool
        ):
            _play(cursor, cast("IO[bytes]", process.stdout))
            _require_success(command, process.wait(), said)
    cursor.execute("SELECT set_config('search_path', %s, false), set_config('row_security', 'on', false)", [schemas])


def _play(cursor: Any, script: IO[bytes]) -> None:
    """Run a script of SQL with data between, as it comes: not more of it is in memory than one statement, or a piece of data."""
    statement: list[bytes] = []
    for line in script:
        if COPY.fullmatch(line):
            _execute(cursor, statement)
            with cursor.cursor.copy(line.decode()) as copy:
                for data in _pieces(iter(script.readline, b"\\.\n")):
                    copy.write(data)
        elif line.endswith(b";\n"):
            _execute(cursor, [*statement, line])
        elif not line.startswith(FOR_PSQL):
            statement.append(line)
            continue
        statement = []
    _execute(cursor, statement)


def _execute(cursor: Any, statement: list[bytes]) -> None:
    text = b"".join(statement).decode()
    if text.strip():
        cursor.execute(text)


def _pieces(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Many lines at once. Raises Unusable for data that ends too early."""
    gathered, size = [], 0
    for line in lines:
        if not line:
            raise Unusable("pg_restore broke off in the middle of a table. Use another backup.")
        gathered.append(line)
        size += len(line)
        if size >= AT_ONCE:
            yield b"".join(gathered)
            gathered, size = [], 0
    yield b"".join(gathered)


@contextmanager
def _reached() -> Iterator[str]:
    """How PostgreSQL's tools reach this database. The password stands in a file, for others see the words of a command."""
    given = {name: value for name, value in connection.get_connection_params().items() if name not in OURS}
    password = given.pop("password", "")
    with tempfile.NamedTemporaryFile("w", suffix=".pgpass") as passwords:
        if password:
            escaped = password.replace("\\", "\\\\").replace(":", "\\:")
            passwords.write(f"*:*:*:*:{escaped}\n")
            passwords.flush()
            given["passfile"] = passwords.name
        yield make_conninfo(**given)


def _run(command: Sequence[str]) -> str:
    with tempfile.TemporaryFile() as said:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=said, text=True, check=False)  # noqa: S603  # as above
        _require_success(command, done.returncode, said)
    return done.stdout


def _require_success(command: Sequence[str], status: int, said: IO[bytes]) -> None:
    if status == 0:
        return
    said.seek(0)
    lines = [line for line in said.read().decode(errors="replace").splitlines() if "error" in line] or [""]
    ended = f"was ended by {signal.Signals(-status).name}" if status < 0 else "failed"
    raise Unusable(f"{Path(command[0]).name} {ended}. {lines[0]}".strip())


def _tool(name: str) -> str:
    """That of the server's own release where there is one, else the newest that is not older. Raises Unusable."""
    known: dict[int, str] = {}
    for path in (*(str(one) for one in Path(DEBIAN).glob(f"*/bin/{name}")), shutil.which(name)):
        if path and (release := _major(_run([path, "--version"]).partition("(PostgreSQL) ")[2])):
            known[release] = path
    wanted = _server()
    fit = [release for release in known if release >= wanted]
    if fit:
        return known[min(fit)]
    found = f"of release {max(known)}, which is older" if known else "not on this machine"
    raise Unusable(
        f"{name} of PostgreSQL {wanted} or newer is needed, and is {found}. Install postgresql-client-{wanted}."
    )


def _server() -> int:
    major: int = connection.get_database_version()[0]
    return major


def _major(version: str) -> int:
    found = re.match(r"\d+", version)
    return int(found[0]) if found else 0
