"""Answers compressed by gzip, with an ETag of their own.

The compressed and the plain answer are two representations of one thing (RFC 9110, 8.8.3.3): the tag of the first ends in
`-gzip`, and both are strong. Whoever compares tags compares them without that ending.
"""

import re
import zlib
from typing import Final

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers
from django.utils.text import compress_sequence

MIN_BYTES: Final = 1024
"""Shorter answers gain nothing."""
_LEVEL: Final = 4
_GZIP_WBITS: Final = 31
_ENDING: Final = '-gzip"'


def accepts_gzip(request: HttpRequest) -> bool:
    """Whether Accept-Encoding names gzip, or any coding, without a weight of zero."""
    weights = {}
    for part in request.META.get("HTTP_ACCEPT_ENCODING", "").lower().split(","):
        name, *parameters = (text.strip() for text in part.split(";"))
        weights[name] = not any(re.fullmatch(r"q=0(\.0*)?", text) for text in parameters)
    return weights.get("gzip", weights.get("*", False))


def compress(request: HttpRequest, response: HttpResponseBase) -> None:
    """Compress the answer where its caller takes that and it is worth it. Accept-Encoding stands in Vary either way."""
    patch_vary_headers(response, ("Accept-Encoding",))
    if response.status_code == 304:
        _name_the_known(request, response)
        return
    if response.has_header("Content-Encoding") or not accepts_gzip(request):
        return
    if response.streaming:
        response.streaming_content = compress_sequence(response.streaming_content)  # type: ignore[attr-defined]
        del response["Content-Length"]
    elif len(response.content) < MIN_BYTES:  # type: ignore[attr-defined]
        return
    else:
        response.content = zlib.compress(response.content, _LEVEL, _GZIP_WBITS)  # type: ignore[attr-defined]
        response["Content-Length"] = str(len(response.content))  # type: ignore[attr-defined]
    response["Content-Encoding"] = "gzip"
    if response.has_header("ETag"):
        response["ETag"] = _gzip_etag(response["ETag"])


def _name_the_known(request: HttpRequest, response: HttpResponseBase) -> None:
    """Confirm the tag that the caller named: of the compressed answer, where that is what they have."""
    compressed = _gzip_etag(response.get("ETag", ""))
    if compressed in request.META.get("HTTP_IF_NONE_MATCH", "") and accepts_gzip(request):
        response["ETag"] = compressed


def _gzip_etag(etag: str) -> str:
    return f"{etag[:-1]}{_ENDING}"


def identity_etag(etag: str) -> str:
    """The tag of the same answer without compression."""
    return f'{etag.removesuffix(_ENDING)}"' if etag.endswith(_ENDING) else etag
