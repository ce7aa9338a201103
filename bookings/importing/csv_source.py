"""A CSV file: decoded, split into rows, and refused with its line number where it is not what it claims."""

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
LONGEST_LINE: Final = 1_000_000
"""In characters: a file without line breaks would else be read into memory whole."""

SEPARATOR_LINE: Final = re.compile(r'"?sep=(?P<delimiter>[^"\r\n])"?[\r\n]*', re.IGNORECASE)
"""By its first line a file tells Excel what parts its cells."""


class CsvSource(Source):
    """Never held in memory as a whole. UTF-8 may begin with a byte order mark."""

    def __init__(self, file: BinaryIO, *, encoding: str = "utf-8", delimiter: str = ",") -> None:
        super().__init__(file, encoding=encoding, delimiter=delimiter)
        self._read_as = "utf-8-sig" if self.encoding == "utf-8" else self.encoding
        first = next(self._records(), None)
        if first is None:
            raise FileRefused(_("The file is empty. Its first line names the columns."))
        self.header = tuple(map(csv_injection.undone, first[1]))

    def rows(self) -> Iterator[Row]:
        with closing(self._records()) as records:
            next(records, None)
            for line, cells in records:
                yield self.row(line, cells)

    def _records(self) -> Generator[tuple[int, list[str]], None, None]:
        """The cells of each row, header first, with the number of its first line. Blank lines are no rows."""
        self.file.seek(0)
        text = io.TextIOWrapper(self.file, encoding=self._read_as, newline="")
        line = 1
        try:
            lines = self._below_separator_line(_lines(text))
            above = line = 2 if self.separator_line else 1
            reader = csv.reader(lines, delimiter=self.delimiter, strict=True)
            for cells in reader:
                if cells:
                    _require_storable(cells, line)
                    yield line, cells
                line = above + reader.line_num
        except csv.Error as error:
            raise FileRefused(
                _("The quoting is broken in the row that begins on line %(line)d: %(why)s.")
                % {"line": line, "why": error}
            ) from None
        except UnicodeError:
            line = _undecodable_line(self.file, self._read_as)
            raise FileRefused(not_the_encoding(line, self.encoding)) from None
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
        line = text.readline(LONGEST_LINE)
        if not line:
            return
        if len(line) == LONGEST_LINE:
            raise FileRefused(_("Line %(line)d has no end. Is this a CSV file?") % {"line": number})
        yield line


def _require_storable(cells: list[str], line: int) -> None:
    """Some encodings decode into halves of characters, which no text can hold."""
    try:
        "".join(cells).encode()
    except UnicodeEncodeError:
        raise FileRefused(not_the_encoding(line, "utf-8")) from None


def not_the_encoding(line: int, encoding: str) -> str:
    return _("Line %(line)d is not written in %(encoding)s. Name the file's encoding with --encoding.") % {
        "line": line,
        "encoding": encoding,
    }


def _undecodable_line(file: BinaryIO, encoding: str) -> int:
    """The line on which decoding fails: read again, at last byte by byte."""
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
