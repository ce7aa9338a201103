"""The common form of all files: a header, and rows of text."""

import codecs
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Final

from django.utils.translation import gettext as _

from core.errors import Invalid
from core.invisible_characters import without_invisible

TAB_NAMES: Final = {"\\t": "\t", "tab": "\t"}


class FileRefused(Invalid):
    """The file or the options cannot be used, and nothing was written. The message says why."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row: the number of its first line, counted from 1, and its cells, as many as the header has."""

    line: int
    cells: tuple[str, ...]

    @property
    def is_empty(self) -> bool:
        return not any(without_invisible(cell).strip() for cell in self.cells)


class Source(ABC):
    """A file of rows, which can be read several times.

    `file` is binary and seekable. Refused rows are written with the same `encoding` and `delimiter`, so that the same command
    reads them. Raises FileRefused when it is created and while its rows are read.
    """

    header: tuple[str, ...]
    separator_line: str = ""
    """The first line of a CSV file if it names the delimiter for Excel (“sep=;”)."""

    def __init__(self, file: BinaryIO, *, encoding: str = "utf-8", delimiter: str = ",") -> None:
        self.file = file
        self.encoding = _text_encoding(encoding)
        self.delimiter = _one_character(delimiter)

    @abstractmethod
    def rows(self) -> Iterator[Row]:
        """All rows below the header, including empty ones."""

    def row(self, line: int, cells: Sequence[str]) -> Row:
        """A row with as many cells as the header; missing cells at its end are empty.

        Raises FileRefused if there are further cells that are not empty.
        """
        width = len(self.header)
        if len(cells) > width and any(map(str.strip, cells)):
            raise FileRefused(
                _("Line %(line)d has %(cells)d cells, the header %(columns)d. Is a quote missing?")
                % {"line": line, "cells": len(cells), "columns": width}
            )
        return Row(line, (*cells[:width], *[""] * (width - len(cells))))


def _text_encoding(name: str) -> str:
    """Python's name of the encoding. Raises FileRefused for an unknown one."""
    try:
        found = codecs.lookup(name)
        "".encode(found.name)
    except (LookupError, ValueError):
        raise FileRefused(_("Unknown encoding “%(name)s”. Try utf-8, cp1252 or utf-16.") % {"name": name}) from None
    return found.name


def _one_character(text: str) -> str:
    delimiter = TAB_NAMES.get(text, text)
    if len(delimiter) != 1 or delimiter in '"\r\n':
        raise FileRefused(_("The delimiter must be one character or “tab”, but not a quote or a line break."))
    return delimiter
