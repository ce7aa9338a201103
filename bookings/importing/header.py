"""Finds the columns of a file by name, ignoring case, white space and invisible characters."""

import unicodedata
from collections import defaultdict
from collections.abc import Sequence

from django.utils.translation import gettext as _

from bookings.importing.source import FileRefused
from core.invisible_characters import without_invisible


class Header:
    """The names of a file's columns. An exact match goes before one that ignores case and white space."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self._indexes: dict[str, list[int]] = defaultdict(list)
        for index, name in enumerate(names):
            self._indexes[plain_name(name)].append(index)

    def __contains__(self, name: str) -> bool:
        return bool(self._found(name))

    def index(self, name: str) -> int:
        """Raises FileRefused if no column or more than one has the name."""
        found = self._found(name)
        if not found:
            raise FileRefused(
                _("There is no column “%(name)s”. The columns are: %(columns)s.")
                % {"name": name, "columns": ", ".join(self.names)}
            )
        if len(found) > 1:
            raise FileRefused(_("Two columns are named “%(name)s”. Rename one.") % {"name": name})
        return found[0]

    def indexes(self, names: str) -> list[int]:
        """The columns that a mapping names: one, or several joined by “+” if no column has the whole name."""
        return [self.index(name) for name in ([names] if names in self else names.split("+"))]

    def _found(self, name: str) -> list[int]:
        exact = [index for index, one in enumerate(self.names) if one == name]
        return exact or self._indexes.get(plain_name(name), [])


def plain_name(name: str) -> str:
    return " ".join(without_invisible(unicodedata.normalize("NFKC", name)).casefold().split())
