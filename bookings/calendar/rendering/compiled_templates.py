"""Django templates that are rendered once for each shape, with placeholders, and filled with `%` for each thing shown."""

# To render a Django template for each of hundreds of bookings takes too long. What the markup of a template depends on
# is its *shape*: a named tuple of flags, statuses and counts (`bookings.calendar.rendering.shapes`). Everything else is
# a *value*, for which the rendered text has a placeholder. Compiled templates stay in memory, so a shape must not
# contain personal data.

import re
from collections.abc import Iterable, Mapping
from datetime import date
from functools import lru_cache
from html import escape  # Django's own also looks for lazy strings; a page has thousands of values, and none is lazy
from typing import Any, Final
from uuid import UUID

from django.template.loader import render_to_string
from django.utils.safestring import SafeString

CACHE_SIZE: Final = 4096
ID: Final = UUID("5ca1ab1e-0000-4000-8000-000000000000")
"""Placeholder of the value `id`, which `{% url %}` accepts."""
_PLACEHOLDER: Final = "\ue000{}\ue001"
_PLACEHOLDERS: Final = re.compile(f"\ue000([a-z_]+)\ue001|{ID}")

_BLOCK_ELEMENTS: Final = (
    "article|aside|body|caption|dd|dialog|div|dl|dt|footer|form|h1|h2|head|header|html|li|link|main|meta|nav|p|section"
    "|table|tbody|td|th|thead|title|tr|ul"
)
_WHITE_SPACE: Final = re.compile(r"[ \t\r\n]+")
_AROUND_BLOCK_TAG: Final = re.compile(rf""" ?(</?(?:{_BLOCK_ELEMENTS})\b(?:"[^"]*"|[^">])*>) ?""")
_BEFORE_TAG_END: Final = re.compile(r"""(<\w(?:"[^"]*"|[^">])*?) >""")
_CLASSES: Final = re.compile(r'(?<= class=") ?([^"]*?) ?(?=")')

Value = SafeString | str | int | date
_VERBATIM: Final = frozenset({SafeString, int, date})
"""Types whose text is HTML already, or contains nothing to escape."""


def fill(template: str, shape: Any, values: Mapping[str, Value], language: str) -> SafeString:
    """Return the HTML of a template, whose variables are `shape.…` and `value.…`.

    `grid/week#cell` is the template `bookings/grid/week.html` with `cell` as its variable `part`. Strings in `values` are
    escaped, unless they are `SafeString`. `language` must be the active language.

    A template of a whole page also needs the values `csrf_token`, `nonce`, `here`, and the person's `email`, `pk`,
    `draft_key`, `display_name` and `initials`.
    """
    escaped = dict(values)
    for name, value in values.items():
        if type(value) not in _VERBATIM:
            escaped[name] = escape(str(value))
    return SafeString(_compile(template, shape, language) % escaped)  # nosec B703  # escaped above


def join(parts: Iterable[SafeString]) -> SafeString:
    """Concatenate HTML."""
    return SafeString("".join(parts))  # nosec B703  # each part is HTML


@lru_cache(CACHE_SIZE)
def _compile(template: str, shape: Any, language: str) -> str:
    """Return a format string for `%`: no template engine fills hundreds of values as fast."""
    name, _, part = template.partition("#")
    context = {"part": part, "shape": shape, "value": _Placeholders(), **_page_context(shape)}
    html = _collapse(render_to_string(f"bookings/{name}.html", context))
    return _PLACEHOLDERS.sub(lambda found: f"%({found[1] or 'id'})s", html.replace("%", "%%"))


def _collapse(html: str) -> str:
    """Collapse white space as a browser does: next to block elements it vanishes, elsewhere it is one space.

    So templates can be indented. An inline element may start a new line only where a space may be shown.
    """
    html = _CLASSES.sub(r"\1", _WHITE_SPACE.sub(" ", html))
    html = _AROUND_BLOCK_TAG.sub(r"\1", html)
    return _BEFORE_TAG_END.sub(r"\1>", html).strip()


class _Placeholders(dict[str, Any]):
    """The variable `value` of a template: a placeholder for whatever name is looked up."""

    def __missing__(self, name: str) -> Any:
        return ID if name == "id" else _Placeholder(_PLACEHOLDER.format(name))


class _Placeholder(str):
    """Text of a placeholder. Markup cannot depend on it: the value is known only when the template is filled."""

    def __bool__(self) -> bool:
        raise TypeError("A template tests a value. Make what it depends on part of its shape.")


def _page_context(shape: Any) -> dict[str, Any]:
    """Return what context processors add to a page that is rendered by Django alone."""
    person = {name: _PLACEHOLDER.format(name) for name in ("email", "pk", "draft_key", "display_name", "initials")}
    is_staff, may_use_api, may_change = (
        getattr(shape, name, False) for name in ("is_staff", "may_use_api", "may_change")
    )
    return {
        "user": {"is_authenticated": True, "is_staff": is_staff, **person},
        "perms": {"accounts": {"use_api": may_use_api, "change_bookings": may_change}},
        "request": {"method": "GET", "get_full_path": _PLACEHOLDER.format("here")},
        "csrf_token": _PLACEHOLDER.format("csrf_token"),
        "CSP_NONCE": _PLACEHOLDER.format("nonce"),
    }
