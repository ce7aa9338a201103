"""What a page draws hundreds of times: a template rendered once for each shape that it can take, and filled for each thing shown.

What the markup hangs on is the shape, a frozen dataclass; the rest is values, and in the mould there are marks in their
places. So the markup stands in the template alone, no template is rendered in a page's inner loop, and a mould, which the process
keeps, holds nobody's data.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from django.template.loader import render_to_string
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language

KEPT: Final = 4096
ID: Final = UUID("5ca1ab1e-0000-4000-8000-000000000000")
"""The mark of the value `id`: addresses are made of one."""
_MARK: Final = "\ue000{}\ue001"
_MARKS: Final = re.compile(f"\ue000([a-z_]+)\ue001|{ID}")


def fill(template: str, shape: Any, values: Mapping[str, str]) -> SafeString:
    """The template with `shape` and `values` as `its`. The values are HTML: whoever gives them has escaped them."""
    pieces = _mould(template, shape, tuple(values), get_language())
    return mark_safe("".join([values[piece] if is_value else piece for is_value, piece in pieces]))  # noqa: S308  # nosec B308, B703


@lru_cache(KEPT)
def _mould(template: str, shape: Any, names: tuple[str, ...], language: str | None) -> list[tuple[bool, str]]:
    """The pieces in order: whether each is a value's name, and the name or the text itself."""
    marks = {name: ID if name == "id" else mark_safe(_MARK.format(name)) for name in names}  # noqa: S308  # nosec B308, B703
    known = {name: getattr(shape, name) for name in shape.__slots__}
    text = render_to_string(template, {"its": {**known, **marks}})
    pieces, begin = [], 0
    for found in _MARKS.finditer(text):
        pieces += [(False, text[begin : found.start()]), (True, found[1] or "id")]
        begin = found.end()
    return [*pieces, (False, text[begin:])]
