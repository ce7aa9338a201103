"""What is spoken under `/api/`: strict JSON both ways, and the version, which callers choose by the Accept header."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final

import orjson
from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.utils.translation import gettext_lazy as _
from rest_framework import exceptions
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.utils.mediatypes import _MediaType
from rest_framework.versioning import AcceptHeaderVersioning

HTML = "text/html"
ANYTHING = "*/*"


class NotAcceptable(exceptions.NotAcceptable):
    """Neither this format nor that version is spoken here; `data` says which are."""

    default_detail = _("There is no such format here. Ask for application/json.")

    def __init__(self, *, versions: Sequence[str] = ()) -> None:
        sentence = _("There is no such version of the API. Ask for one of: %(versions)s.")
        super().__init__(sentence % {"versions": ", ".join(versions)} if versions else None)
        self.data = {"versions": list(versions)} if versions else None


class JsonParser(BaseParser):
    """A JSON object in UTF-8. Of a name given twice the last one counts; NaN and lone surrogates are no JSON."""

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
    """JSON in UTF-8, by orjson."""

    options = 0

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        return b"" if data is None else orjson.dumps(data, default=str, option=self.options)


class NdJsonRenderer(JsonRenderer):
    """For negotiation alone: what is streamed is written by `ndjson`, and a refusal is plain JSON."""

    media_type = "application/x-ndjson"
    format = "ndjson"


LINES_A_PIECE: Final = 200


def ndjson(rows: Iterable[Any]) -> Iterator[bytes]:
    """A line for each row, many lines in a piece."""
    lines = (orjson.dumps(row, default=str, option=orjson.OPT_APPEND_NEWLINE) for row in rows)
    while piece := b"".join(islice(lines, LINES_A_PIECE)):
        yield piece


class Negotiation(DefaultContentNegotiation):
    """JSON wherever it is accepted; pages, where there is JSON too, only for browsers: they send no token and name text/html."""

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        headers = request.META  # in `request.headers` each would be spelt anew, for every request
        programs = "HTTP_AUTHORIZATION" in headers
        spoken = [one for one in renderers if not programs or one.media_type != HTML] or renderers
        said = headers.get("HTTP_ACCEPT", ANYTHING)
        for one in spoken:
            if said in (ANYTHING, one.media_type):  # as most say, plainly
                return one, one.media_type or ""
        try:
            found: tuple[BaseRenderer, str] = super().select_renderer(request, spoken, format_suffix)
        except exceptions.NotAcceptable:
            raise NotAcceptable from None
        return found[0], found[0].media_type or ""

    def get_accept_list(self, request: Request) -> list[str]:
        """Without their weights, which REST framework takes for a format's own parameter; what weighs 0 is left out."""
        ranges = (_MediaType(text) for text in super().get_accept_list(request))
        return [one.full_type for one in ranges if one.params.get("q", "1").strip("0.") or "q" not in one.params]


class AcceptVersioning(AcceptHeaderVersioning):
    """`Accept: application/json; version=1`; the default where none is named, so that addresses last."""

    def determine_version(self, request: Request, *args: Any, **kwargs: Any) -> str:
        if "version" not in request.META.get("HTTP_ACCEPT", "").lower():
            return str(self.default_version)
        accepted = DefaultContentNegotiation.get_accept_list(Negotiation(), request)
        named = [str(one.params["version"]) for one in map(_MediaType, accepted) if "version" in one.params]
        if not named:
            return str(self.default_version)
        known = [str(version) for version in self.allowed_versions or ()]
        chosen = next((version for version in named if version in known), None)
        if chosen is None:
            raise NotAcceptable(versions=known)
        return chosen
