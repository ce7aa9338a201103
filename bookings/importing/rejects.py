"""Writes refused rows to a CSV file, with line and reason, to be corrected and imported again."""

import csv
import os
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from bookings.importing import csv_injection
from bookings.importing.identity import REJECT_COLUMNS
from bookings.importing.run import RejectedRow
from bookings.importing.source import Source


class Rejects:
    """A file in the encoding and with the delimiter of the imported one, so that the same command reads it.

    Only its owner can read it, since it contains personal data. Formulas are escaped as in every export, but only once if the
    imported file had escaped them already. Raises OSError if it cannot be written.
    """

    def __init__(self, path: str, source: Source) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        # Only reasons may contain characters that the encoding lacks.
        self._file = open(descriptor, "w", encoding=source.encoding, errors="replace", newline="")  # noqa: SIM115
        self._file.write(source.separator_line)
        self._writer = csv.writer(self._file, delimiter=source.delimiter)
        self._columns = [index for index, name in enumerate(source.header) if name not in REJECT_COLUMNS]
        self._write([*(source.header[index] for index in self._columns), *REJECT_COLUMNS])

    def write(self, rejected: RejectedRow) -> None:
        row, identity = rejected.parsed.row, rejected.parsed.identity
        about = [str(row.line), str(identity.occurrence), rejected.reason, identity.key]
        self._write([*(csv_injection.unescape(row.cells[index]) for index in self._columns), *about])

    def _write(self, cells: Sequence[str]) -> None:
        self._writer.writerow(map(csv_injection.escape, cells))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file.close()
