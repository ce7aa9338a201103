"""What pages are made of: a template rendered once for each shape that it can take, and filled for each thing shown.

What the markup hangs on is the shape, a named tuple; the rest is values, and in the mould there are marks in their places. So the
markup stands in the templates alone, which may include and translate as they like, no template is rendered while somebody
waits for a calendar, and a mould, which the process keeps, holds nobody's data: a shape has no word of anybody's in it.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from django.template.loader import render_to_string
from django.utils.safestring import mark_safe

KEPT: Final = 4096
ID: Final = UUID("5ca1ab1e-0000-4000-8000-000000000000")
"""The mark of the value `id`: addresses are made of one."""
_MARK: Final = "\ue000{}\ue001"
_MARKS: Final = re.compile(f"\ue000([a-z_]+)\ue001|{ID}")

Value = str | int


def fill(template: str, shape: Any, values: Mapping[str, Value], language: str) -> str:
    """The template of bookings', without its ending, in the language that is spoken here: with `shape` and `values` as `its`.

    Where a page asks for what every page is given, there are the values `csrf_token`, `nonce`, `email`, `pk`, `draft_key` and
    `here`.

    The values are HTML, as is what comes of them: whoever gives them has escaped them.
    """
    return _mould(template, shape, language) % values


@lru_cache(KEPT)
def _mould(template: str, shape: Any, language: str) -> str:
    """A text for Python's own `%`: nothing else puts hundreds of values into their places as fast."""
    its = _Its(shape._asdict())
    text = render_to_string(f"bookings/{template}.html", {"its": its, **_given(its)}).strip()
    return _MARKS.sub(lambda mark: f"%({mark[1] or 'id'})s", text.replace("%", "%%"))


class _Its(dict[str, Any]):
    """A shape, and marks for all else that its template asks for."""

    def __missing__(self, name: str) -> Any:
        return ID if name == "id" else mark_safe(_MARK.format(name))  # noqa: S308  # nosec B308, B703


def _given(its: _Its) -> dict[str, Any]:
    """What context processors give to a page that is rendered for its reader."""
    return {
        "user": {"is_authenticated": True, **{name: its[name] for name in ("is_staff", "email", "pk", "draft_key")}},
        "perms": {"accounts": {"use_api": its["may_use_api"]}},
        "request": {"method": "GET", "get_full_path": its["here"]},
        "csrf_token": its["csrf_token"],
        "CSP_NONCE": its["nonce"],
    }
