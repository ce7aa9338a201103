"""Conditional requests: `If-Match` on writes, `If-None-Match` on reads."""

import re
from typing import Final

from django.http import HttpRequest
from django.utils.http import parse_etags
from django.utils.translation import gettext_lazy as _
from rest_framework import exceptions
from rest_framework.request import Request

from core.api.negotiation import HTML
from core.web import compression


class InvalidIfMatch(exceptions.ValidationError):
    def __init__(self) -> None:
        super().__init__({"If-Match": [_('Name one version in quotes, such as "3", or * for any.')]}, code="invalid")


NO_VERSION: Final = 0
"""Versions begin at 1: this one is never current."""


def if_match(request: Request) -> int | None:
    """The version that the caller has seen; None where they do not say, or say any (`*`).

    A tag that names no version, such as `"abc"` or the weak `W/"3"`, is never the current one; what is no tag, or several, is
    malformed.
    """
    said = request.META.get("HTTP_IF_MATCH", "*").strip()
    if said == "*":
        return None
    if not re.fullmatch(r'(?:W/)?"[\x21\x23-\x7e]*"', said):
        raise InvalidIfMatch
    version = re.fullmatch(r'"([1-9][0-9]{0,9})(?:\.[0-9a-f]+)?"', compression.identity_etag(said))
    return int(version[1]) if version else NO_VERSION


def seen_before(request: Request | HttpRequest, etag: str) -> bool:
    """Whether the caller has that answer already, compressed or not: If-None-Match names it, weak or strong, or says any."""
    named = parse_etags(request.META.get("HTTP_IF_NONE_MATCH", ""))
    return named == ["*"] or etag in (compression.identity_etag(tag.removeprefix("W/")) for tag in named)


def is_known(request: Request, etag: str) -> bool:
    """Whether to answer 304: a program has that answer. A browser's page is made anew each time."""
    return request.accepted_media_type != HTML and seen_before(request, etag)
