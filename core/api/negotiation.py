"""Parser, renderers, content negotiation and versioning of the API."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final

import orjson
from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.utils.http import parse_header_parameters
from django.utils.translation import gettext_lazy as _
from rest_framework import exceptions
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.versioning import AcceptHeaderVersioning

HTML = "text/html"
ANYTHING = "*/*"


class NotAcceptable(exceptions.NotAcceptable):
    """The Accept header names an unknown format or API version; `data` lists the versions that exist."""

    default_detail = _("This format is not available. Request application/json.")

    def __init__(self, *, versions: Sequence[str] = ()) -> None:
        sentence = _("This version of the API does not exist. Request one of: %(versions)s.")
        super().__init__(sentence % {"versions": ", ".join(versions)} if versions else None)
        self.data = {"versions": list(versions)} if versions else None


class JsonParser(BaseParser):
    """Parses a JSON object in UTF-8. The last of duplicate keys counts; NaN and lone surrogates are rejected."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> dict[str, Any]:
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        raw = stream.read(limit + 1)
        if len(raw) > limit:
            raise RequestDataTooBig
        try:
            body = orjson.loads(raw)
        except orjson.JSONDecodeError:
            raise exceptions.ParseError(_("The body is not JSON.")) from None
        if not isinstance(body, dict):
            raise exceptions.ParseError(_("The body must be a JSON object."))
        return body


class JsonRenderer(JSONRenderer):
    """Renders JSON in UTF-8 with orjson."""

    options = 0

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        return b"" if data is None else orjson.dumps(data, default=str, option=self.options)


class NdJsonRenderer(JsonRenderer):
    """Lets callers request NDJSON. Streams are written by `ndjson`, and errors as JSON."""

    media_type = "application/x-ndjson"
    format = "ndjson"


LINES_PER_CHUNK: Final = 200


def ndjson(rows: Iterable[Any]) -> Iterator[bytes]:
    """Write each row as a line, in chunks of many lines."""
    lines = (orjson.dumps(row, default=str, option=orjson.OPT_APPEND_NEWLINE) for row in rows)
    while chunk := b"".join(islice(lines, LINES_PER_CHUNK)):
        yield chunk


class Negotiation(DefaultContentNegotiation):
    """Prefers JSON. HTML is for browsers, which ask for text/html and send no Authorization header."""

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        headers = request.META  # `request.headers` would convert the names of all headers for every request
        is_program = "HTTP_AUTHORIZATION" in headers
        available = [renderer for renderer in renderers if not is_program or renderer.media_type != HTML] or renderers
        accept = headers.get("HTTP_ACCEPT", ANYTHING)
        for renderer in available:
            if accept in (ANYTHING, renderer.media_type):  # the usual case, without parsing
                return renderer, renderer.media_type or ""
        try:
            selected: tuple[BaseRenderer, str] = super().select_renderer(request, available, format_suffix)
        except exceptions.NotAcceptable:
            raise NotAcceptable from None
        return selected[0], selected[0].media_type or ""

    def get_accept_list(self, request: Request) -> list[str]:
        """Return the media types with a `q` above 0, without it, because REST framework would compare it as a parameter."""
        types = map(_parse_media_type, super().get_accept_list(request))
        return [name for name, params in types if params.get("q", "1").strip("0.") or "q" not in params]


def _parse_media_type(text: str) -> tuple[str, dict[str, str]]:
    """Split a media type of an Accept header into its name and parameters. One that is too long to parse matches nothing."""
    try:
        return parse_header_parameters(text)
    except ValueError:
        return "", {}


class AcceptVersioning(AcceptHeaderVersioning):
    """Reads the version from `Accept: application/json; version=1`. Without one, the default version is used."""

    def determine_version(self, request: Request, *args: Any, **kwargs: Any) -> str:
        if "version" not in request.META.get("HTTP_ACCEPT", "").lower():
            return str(self.default_version)
        accepted = DefaultContentNegotiation.get_accept_list(Negotiation(), request)
        requested = [params["version"] for _name, params in map(_parse_media_type, accepted) if "version" in params]
        if not requested:
            return str(self.default_version)
        allowed = [str(version) for version in self.allowed_versions or ()]
        version = next((version for version in requested if version in allowed), None)
        if version is None:
            raise NotAcceptable(versions=allowed)
        return version
