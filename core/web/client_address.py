"""The IP address that a request came from, seen past the proxies of one's own."""

import logging
from functools import cache, lru_cache
from ipaddress import IPv6Address, ip_address
from typing import Final

from django.conf import settings
from django.http import HttpRequest

log = logging.getLogger(__name__)

PARSED_ADDRESSES: Final = 1000
LONGEST_ENTRY: Final = 100


def remote_address(request: HttpRequest) -> str | None:
    """The client's address; None where the server knows no address at all, as over a Unix socket.

    Each proxy appends the address of whoever called it to X-Forwarded-For, so with `TRUSTED_PROXIES=2` the second entry
    from the right was written by a proxy of one's own, and everything left of it by anybody. Where that entry is missing
    or is no address, it is the peer's address that counts.
    """
    peer = parse_address(request.META.get("REMOTE_ADDR", ""))
    proxies: int = settings.TRUSTED_PROXIES
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR")
    if not proxies or forwarded is None:
        return peer
    entries = forwarded.rsplit(",", proxies)[-proxies:]
    client = parse_address(entries[0]) if forwarded.count(",") + 1 >= proxies else None
    if client is None:
        _warn_once()
    return client or peer


@lru_cache(PARSED_ADDRESSES)
def parse_address(text: str) -> str | None:
    """An address in its normal form, without port, brackets and zone; None for anything else.

    An IPv4 address mapped into IPv6, as a server that listens on both gets it, is the IPv4 address.
    """
    text = text.strip().strip('"')
    if len(text) > LONGEST_ENTRY:
        return None
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return str(mapped or found)


@cache
def _warn_once() -> None:
    log.warning(
        "X-Forwarded-For holds no address where TRUSTED_PROXIES=%d expects one: rate limits and the audit log use the "
        "proxy's address instead. Correct TRUSTED_PROXIES, or what the proxy sends. This is logged once.",
        settings.TRUSTED_PROXIES,
    )
