"""Gzip compression of responses, with ETags.

The compressed and the plain response are two representations of one resource (RFC 9110, 8.8.3.3). The ETag of the first ends in
`-gzip`, and both are strong. Compare ETags without that suffix (`identity_etag`).
"""

import re
import zlib
from functools import lru_cache
from typing import Final

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers
from django.utils.text import compress_sequence

MIN_BYTES: Final = 1024
"""Compressing shorter responses saves nothing."""
_LEVEL: Final = 4
_GZIP_WBITS: Final = 31
PARSED_HEADERS: Final = 100
"""Browsers and libraries send few different values."""
_SUFFIX: Final = '-gzip"'


def accepts_gzip(request: HttpRequest) -> bool:
    """Whether Accept-Encoding names gzip, or any coding, without a weight of zero."""
    return _accepts_gzip(request.META.get("HTTP_ACCEPT_ENCODING", ""))


@lru_cache(PARSED_HEADERS)
def _accepts_gzip(header: str) -> bool:
    weights = {}
    for part in header.lower().split(","):
        name, *parameters = (text.strip() for text in part.split(";"))
        weights[name] = not any(re.fullmatch(r"q=0(\.0*)?", text) for text in parameters)
    return weights.get("gzip", weights.get("*", False))


def compress(request: HttpRequest, response: HttpResponseBase) -> None:
    """Compress the response if the client accepts it and it is long enough. Vary names Accept-Encoding either way."""
    patch_vary_headers(response, ("Accept-Encoding",))
    if response.status_code == 304:
        _confirm_known_etag(request, response)
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


def _confirm_known_etag(request: HttpRequest, response: HttpResponseBase) -> None:
    """Confirm in a 304 response the ETag that the client sent, if it is that of the compressed response."""
    compressed = _gzip_etag(response.get("ETag", ""))
    if compressed in request.META.get("HTTP_IF_NONE_MATCH", "") and accepts_gzip(request):
        response["ETag"] = compressed


def _gzip_etag(etag: str) -> str:
    return f"{etag[:-1]}{_SUFFIX}"


def identity_etag(etag: str) -> str:
    """The ETag of the response without compression."""
    return f'{etag.removesuffix(_SUFFIX)}"' if etag.endswith(_SUFFIX) else etag
