"""The file as it stands: decoded, split into rows, and refused with its line number where it is not what it
claims.
"""

import codecs
import csv
import io
import itertools
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import BinaryIO, Final

from django.utils.translation import gettext as _

from bookings import formulas
from stations.errors import Invalid

READ_BYTES: Final = 64 * 1024
LONGEST_LINE: Final = 1_000_000
"""In characters: a file without line breaks would else be read into memory whole."""


class FileRefused(Invalid):
    """The file, or what was said about it, cannot be used as a whole: the sentence says why, and nothing was
    written.
    """


@dataclass(frozen=True, slots=True)
class Row:
    """A row as it stands: its first line, counted from 1, and its cells, as many as the header has."""

    line: int
    cells: tuple[str, ...]


class Source:
    """A CSV file, read from its beginning as often as is asked, never held as a whole.

    UTF-8 may begin with a byte order mark. `file` is binary and can be rewound. Raises FileRefused on opening
    and while its rows are read.
    """

    def __init__(self, file: BinaryIO, *, encoding: str = "utf-8", delimiter: str = ",") -> None:
        self._file = file
        self.encoding = _text_encoding(encoding)
        self._read_as = "utf-8-sig" if self.encoding == "utf-8" else self.encoding
        self.delimiter = _one_character(delimiter)
        first = next(self._records(), None)
        if first is None:
            raise FileRefused(_("The file is empty. Its first line names the columns."))
        self.header = tuple(map(formulas.undone, first.cells))

    def rows(self) -> Iterator[Row]:
        """Every row below the header, blank lines left out."""
        with closing(self._records()) as records:
            next(records, None)
            for row in records:
                if len(row.cells) != len(self.header):
                    raise FileRefused(
                        _("Line %(line)d has %(cells)d cells, the header %(columns)d. Is a quote missing?")
                        % {"line": row.line, "cells": len(row.cells), "columns": len(self.header)}
                    )
                yield row

    def _records(self) -> Generator[Row, None, None]:
        self._file.seek(0)
        text = io.TextIOWrapper(self._file, encoding=self._read_as, newline="")
        reader = csv.reader(_lines(text), delimiter=self.delimiter, strict=True)
        line = 1
        try:
            for cells in reader:
                if cells:
                    _require_storable(cells, line)
                    yield Row(line, tuple(cells))
                line = reader.line_num + 1
        except csv.Error as error:
            raise FileRefused(
                _("The quoting is broken in the row that begins on line %(line)d: %(why)s.")
                % {"line": line, "why": error}
            ) from None
        except UnicodeError:
            line = _undecodable_line(self._file, self._read_as)
            raise FileRefused(_not_the_encoding(line, self.encoding)) from None
        finally:
            text.detach()


def _lines(text: io.TextIOWrapper) -> Iterator[str]:
    for number in itertools.count(1):
        line = text.readline(LONGEST_LINE)
        if not line:
            return
        if len(line) == LONGEST_LINE:
            raise FileRefused(_("Line %(line)d has no end. Is this a CSV file?") % {"line": number})
        yield line


def _text_encoding(name: str) -> str:
    """Python's name of the encoding."""
    try:
        found = codecs.lookup(name)
        "".encode(found.name)
    except (LookupError, ValueError):
        raise FileRefused(_("There is no encoding “%(name)s”. Try utf-8, cp1252 or utf-16.") % {"name": name}) from None
    return found.name


def _one_character(text: str) -> str:
    delimiter = {"\\t": "\t", "tab": "\t"}.get(text, text)
    if len(delimiter) != 1 or delimiter in '"\r\n':
        raise FileRefused(_("A delimiter is one character, or “tab”; not a quote and not a line break."))
    return delimiter


def _require_storable(cells: list[str], line: int) -> None:
    """Some encodings decode into halves of characters, which no text can hold."""
    try:
        "".join(cells).encode()
    except UnicodeEncodeError:
        raise FileRefused(_not_the_encoding(line, "utf-8")) from None


def _not_the_encoding(line: int, encoding: str) -> str:
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
