"""Backup of PostgreSQL: pg_dump of a snapshot, and pg_restore's script run and verified in one transaction."""

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
from bookings.operations.backup.manifest import BackupError, Manifest
from core.db import snapshots

FILE: Final = "data.dump"
DEBIAN_FOLDER: Final = "/usr/lib/postgresql"
LOCK_TIMEOUT_MILLISECONDS: Final = 60_000
COPY_BYTES: Final = 1 << 16
EXCLUDED_ENTRIES: Final = re.compile(
    r"\d+; \d+ \d+ (ACL|DEFAULT ACL|COMMENT|EXTENSION|POLICY|PUBLICATION|ROW SECURITY|SCHEMA|SECURITY LABEL) "
)
"""Entries of a dump's list that belong to the installation: roles, privileges and policies come from the code."""
COPY: Final = re.compile(rb"COPY .* FROM stdin;\n")
DRIVER_OPTIONS: Final = ("autocommit", "context", "cursor_factory", "prepare_threshold", "row_factory")
"""Options of psycopg, which PostgreSQL's own tools do not know."""
PSQL_COMMANDS: Final = (b"\\restrict ", b"\\unrestrict ")
"""Commands for psql that newer releases of pg_restore add to a script."""


class Postgres:
    file = FILE
    name = "PostgreSQL"

    def __init__(self) -> None:
        self._snapshot = ""

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        with snapshots.snapshot(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            require_full_visibility(cursor)
            cursor.execute("SELECT pg_export_snapshot()")
            [self._snapshot] = cursor.fetchone()
            yield

    def dump(self, path: Path) -> None:
        """Dump the open snapshot, compressed. Raises BackupError with pg_dump's message."""
        with _connection_string() as conninfo:
            _run(
                [
                    _tool("pg_dump"),
                    "--format=custom",
                    f"--snapshot={self._snapshot}",
                    f"--lock-wait-timeout={LOCK_TIMEOUT_MILLISECONDS}",
                    "--enable-row-security",  # require_full_visibility has made sure that all rows are seen
                    "--no-owner",
                    "--no-privileges",
                    "--no-unlogged-table-data",
                    *(f"--exclude-table-data=*.{table}" for table in NOT_BACKED_UP),
                    f"--file={atomic_folder.create_private(path)}",
                    f"--dbname={conninfo}",
                ]
            )

    def require_restorable(self, manifest: Manifest) -> None:
        """Raises BackupError unless the database is empty and not of an older release, and CannotCreateRoles."""
        _tool("pg_restore")
        if _major(manifest.server) > _server_release():
            raise BackupError(
                f"The backup is of PostgreSQL {_major(manifest.server)}, and the server is {_server_release()}. Restore to the "
                "same release or a newer one."
            )
        with connection.cursor() as cursor:
            if found := connection.introspection.table_names(cursor):
                raise BackupError(
                    f"The database {connection.settings_dict['NAME']} is not empty: it holds {len(found)} tables. Make a new one "
                    "(createdb), name it by DATABASE_URL, and restore into that."
                )
        policies.require_roles()

    @contextmanager
    def restored(self, path: Path) -> Iterator[None]:
        """Restore the data in a transaction, which is committed when the block ends without an error."""
        try:
            with transaction.atomic():
                with connection.cursor() as cursor:
                    _restore(cursor, path)
                policies.sync_policies()
                yield
        finally:
            connection.close()  # discards the settings that the script has made


def require_full_visibility(cursor: Any) -> None:
    """Raises BackupError if row-level security hides rows from the database's user: the dump would lack them without an error."""
    cursor.execute(
        "SELECT rolsuper OR rolbypassrls OR coalesce(pg_has_role(oid,"
        " (SELECT oid FROM pg_roles WHERE rolname = %s), 'USAGE'), false) FROM pg_roles WHERE rolname = current_user",
        [WORKER_ROLE],
    )
    if cursor.fetchone() != (True,):
        raise BackupError(
            f"The database's user does not see all rows. As an administrator: GRANT {WORKER_ROLE} TO this_user;"
        )


def _restore(cursor: Any, path: Path) -> None:
    cursor.execute("SHOW search_path")
    [schemas] = cursor.fetchone()
    tool = _tool("pg_restore")
    with tempfile.NamedTemporaryFile("w", suffix=".list") as listed:
        wanted = _run([tool, "--list", str(path)]).splitlines(keepends=True)
        listed.writelines(line for line in wanted if not EXCLUDED_ENTRIES.match(line))
        listed.flush()
        command = [tool, "--no-owner", "--no-privileges", f"--use-list={listed.name}", "--file=-", str(path)]
        with (
            tempfile.TemporaryFile() as errors,
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors) as process,  # noqa: S603  # PostgreSQL's own tool
        ):
            _run_script(cursor, cast("IO[bytes]", process.stdout))
            _require_success(command, process.wait(), errors)
    cursor.execute("SELECT set_config('search_path', %s, false), set_config('row_security', 'on', false)", [schemas])


def _run_script(cursor: Any, script: IO[bytes]) -> None:
    """Run a script of SQL with COPY data while it is read: at most one statement or `COPY_BYTES` of data are in memory."""
    statement: list[bytes] = []
    for line in script:
        if COPY.fullmatch(line):
            _execute(cursor, statement)
            with cursor.cursor.copy(line.decode()) as copy:
                for data in _chunks(iter(script.readline, b"\\.\n")):
                    copy.write(data)
        elif line.endswith(b";\n"):
            _execute(cursor, [*statement, line])
        elif not line.startswith(PSQL_COMMANDS):
            statement.append(line)
            continue
        statement = []
    _execute(cursor, statement)


def _execute(cursor: Any, statement: list[bytes]) -> None:
    text = b"".join(statement).decode()
    if text.strip():
        cursor.execute(text)


def _chunks(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Join lines to chunks of about `COPY_BYTES`. Raises BackupError if the data ends too early."""
    gathered, size = [], 0
    for line in lines:
        if not line:
            raise BackupError("pg_restore broke off in the middle of a table. Use another backup.")
        gathered.append(line)
        size += len(line)
        if size >= COPY_BYTES:
            yield b"".join(gathered)
            gathered, size = [], 0
    yield b"".join(gathered)


@contextmanager
def _connection_string() -> Iterator[str]:
    """Yield the connection string for PostgreSQL's tools. The password is in a file: others can see a command's arguments."""
    given = {name: value for name, value in connection.get_connection_params().items() if name not in DRIVER_OPTIONS}
    password = given.pop("password", "")
    with tempfile.NamedTemporaryFile("w", suffix=".pgpass") as passwords:
        if password:
            escaped = password.replace("\\", "\\\\").replace(":", "\\:")
            passwords.write(f"*:*:*:*:{escaped}\n")
            passwords.flush()
            given["passfile"] = passwords.name
        yield make_conninfo(**given)


def _run(command: Sequence[str]) -> str:
    with tempfile.TemporaryFile() as errors:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=errors, text=True, check=False)  # noqa: S603  # as above
        _require_success(command, done.returncode, errors)
    return done.stdout


def _require_success(command: Sequence[str], status: int, errors: IO[bytes]) -> None:
    if status == 0:
        return
    errors.seek(0)
    lines = [line for line in errors.read().decode(errors="replace").splitlines() if "error" in line] or [""]
    ended = f"was ended by {signal.Signals(-status).name}" if status < 0 else "failed"
    raise BackupError(f"{Path(command[0]).name} {ended}. {lines[0]}".strip())


def _tool(name: str) -> str:
    """Path of the tool in the server's release or else in the next newer one. Raises BackupError."""
    known: dict[int, str] = {}
    for path in (*(str(one) for one in Path(DEBIAN_FOLDER).glob(f"*/bin/{name}")), shutil.which(name)):
        if path and (release := _major(_run([path, "--version"]).partition("(PostgreSQL) ")[2])):
            known[release] = path
    wanted = _server_release()
    fit = [release for release in known if release >= wanted]
    if fit:
        return known[min(fit)]
    found = f"of release {max(known)}, which is older" if known else "not on this machine"
    raise BackupError(
        f"{name} of PostgreSQL {wanted} or newer is needed, and is {found}. Install postgresql-client-{wanted}."
    )


def _server_release() -> int:
    major: int = connection.get_database_version()[0]
    return major


def _major(version: str) -> int:
    found = re.match(r"\d+", version)
    return int(found[0]) if found else 0
