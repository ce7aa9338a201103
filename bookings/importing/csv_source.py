"""Reads CSV files, and reports the line of anything that is invalid."""

import codecs
import csv
import io
import itertools
import re
from collections.abc import Generator, Iterator
from contextlib import closing
from typing import BinaryIO, Final

from django.utils.translation import gettext as _

from bookings.importing import csv_injection
from bookings.importing.source import FileRefused, Row, Source

READ_BYTES: Final = 64 * 1024
MAX_LINE_LENGTH: Final = 1_000_000
"""In characters: otherwise a file without line breaks would be read into memory as a whole."""

SEPARATOR_LINE: Final = re.compile(r'"?sep=(?P<delimiter>[^"\r\n])"?[\r\n]*', re.IGNORECASE)
"""A first line that tells Excel the delimiter."""


class CsvSource(Source):
    """A CSV file, read row by row. UTF-8 may start with a byte order mark."""

    def __init__(self, file: BinaryIO, *, encoding: str = "utf-8", delimiter: str = ",") -> None:
        super().__init__(file, encoding=encoding, delimiter=delimiter)
        self._read_as = "utf-8-sig" if self.encoding == "utf-8" else self.encoding
        first = next(self._records(), None)
        if first is None:
            raise FileRefused(_("The file is empty. Its first line must name the columns."))
        self.header = tuple(map(csv_injection.unescape, first[1]))

    def rows(self) -> Iterator[Row]:
        with closing(self._records()) as records:
            next(records, None)
            for line, cells in records:
                yield self.row(line, cells)

    def _records(self) -> Generator[tuple[int, list[str]], None, None]:
        """The cells of each row, header first, with the number of its first line. Blank lines are skipped."""
        self.file.seek(0)
        text = io.TextIOWrapper(self.file, encoding=self._read_as, newline="")
        line = 1
        try:
            lines = self._below_separator_line(_lines(text))
            offset = line = 2 if self.separator_line else 1
            reader = csv.reader(lines, delimiter=self.delimiter, strict=True)
            for cells in reader:
                if cells:
                    _require_storable(cells, line)
                    yield line, cells
                line = offset + reader.line_num
        except csv.Error as error:
            raise FileRefused(
                _("The row that starts on line %(line)d has invalid quotes: %(why)s.") % {"line": line, "why": error}
            ) from None
        except UnicodeError:
            line = _undecodable_line(self.file, self._read_as)
            raise FileRefused(encoding_error(line, self.encoding)) from None
        finally:
            text.detach()

    def _below_separator_line(self, lines: Iterator[str]) -> Iterator[str]:
        first = next(lines, "")
        if found := SEPARATOR_LINE.fullmatch(first):
            self.separator_line, self.delimiter = first, found["delimiter"]
            return lines
        return itertools.chain([first], lines)


def _lines(text: io.TextIOWrapper) -> Iterator[str]:
    for number in itertools.count(1):
        line = text.readline(MAX_LINE_LENGTH)
        if not line:
            return
        if len(line) == MAX_LINE_LENGTH:
            raise FileRefused(_("Line %(line)d is too long. Is this a CSV file?") % {"line": number})
        yield line


def _require_storable(cells: list[str], line: int) -> None:
    """Raises FileRefused for lone surrogates, which some encodings decode to and the database cannot store."""
    try:
        "".join(cells).encode()
    except UnicodeEncodeError:
        raise FileRefused(encoding_error(line, "utf-8")) from None


def encoding_error(line: int, encoding: str) -> str:
    return _("Line %(line)d is not valid %(encoding)s. Specify the file's encoding with --encoding.") % {
        "line": line,
        "encoding": encoding,
    }


def _undecodable_line(file: BinaryIO, encoding: str) -> int:
    """The number of the line at which decoding fails. Reads the file again, and the last chunk byte by byte."""
    file.seek(0)
    decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder(encoding)(), translate=True)
    line = 1
    while chunk := file.read(READ_BYTES):
        state = decoder.getstate()
        try:
            line += decoder.decode(chunk).count("\n")
        except UnicodeError:
            decoder.setstate(state)
            return line + _lines_before_failure(decoder, chunk)
    return line


def _lines_before_failure(decoder: io.IncrementalNewlineDecoder, chunk: bytes) -> int:
    lines = 0
    for byte in chunk:
        try:
            lines += decoder.decode(bytes([byte])).count("\n")
        except UnicodeError:
            break
    return lines
