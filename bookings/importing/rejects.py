"""The CSV file of refused rows: each as it stood, with its line and the reason, to be corrected and imported again."""

import csv
import os
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from bookings.importing import csv_injection
from bookings.importing.identity import OWN_COLUMNS
from bookings.importing.run import Refused
from bookings.importing.source import Source


class Rejects:
    """Written in the encoding and with the delimiter of the file itself, so that the same command takes it.

    Only its owner may read it, for it holds personal data. Cells are escaped against formulas as in every export, which an
    import undoes: what the file itself had escaped is escaped once, not twice. Raises OSError where it cannot be written.
    """

    def __init__(self, path: str, source: Source) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        # Only a reason may hold what the encoding lacks.
        self._file = open(descriptor, "w", encoding=source.encoding, errors="replace", newline="")  # noqa: SIM115
        self._file.write(source.separator_line)
        self._writer = csv.writer(self._file, delimiter=source.delimiter)
        self._kept = [index for index, name in enumerate(source.header) if name not in OWN_COLUMNS]
        self._write([*(source.header[index] for index in self._kept), *OWN_COLUMNS])

    def write(self, refused: Refused) -> None:
        row, identity = refused.item.row, refused.item.identity
        about = [str(row.line), str(identity.occurrence), refused.reason, identity.key]
        self._write([*(csv_injection.undone(row.cells[index]) for index in self._kept), *about])

    def _write(self, cells: Sequence[str]) -> None:
        self._writer.writerow(map(csv_injection.defused, cells))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file.close()
