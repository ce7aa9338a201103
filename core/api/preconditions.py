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
"""Never matches, as versions begin at 1."""


def if_match(request: Request) -> int | None:
    """The version in the If-Match header; None if the header is missing or `*`.

    A tag without a version, such as `"abc"` or the weak `W/"3"`, gives NO_VERSION. Raises InvalidIfMatch for anything that
    is not a single tag.
    """
    header = request.META.get("HTTP_IF_MATCH", "*").strip()
    if header == "*":
        return None
    if not re.fullmatch(r'(?:W/)?"[\x21\x23-\x7e]*"', header):
        raise InvalidIfMatch
    version = re.fullmatch(r'"([1-9][0-9]{0,9})(?:\.[0-9a-f]+)?"', compression.identity_etag(header))
    return int(version[1]) if version else NO_VERSION


def seen_before(request: Request | HttpRequest, etag: str) -> bool:
    """Whether If-None-Match matches `etag`: weak or strong, of a compressed response or not, or `*`."""
    etags = parse_etags(request.META.get("HTTP_IF_NONE_MATCH", ""))
    return etags == ["*"] or etag in (compression.identity_etag(tag.removeprefix("W/")) for tag in etags)


def is_known(request: Request, etag: str) -> bool:
    """Whether to respond with 304. HTML pages of the browsable API are always rendered again."""
    return request.accepted_media_type != HTML and seen_before(request, etag)
