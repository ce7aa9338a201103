"""How passwords are compared and hashed, and the one that the demo's people have."""

import unicodedata
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.hashers import check_password, is_password_usable, make_password, verify_password
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

MAXIMUM_LENGTH: Final = 1_000
"""Characters that every form takes. Nothing is cut off: what is longer is refused."""

PUBLISHED: Final = "stationbook-demo"  # nosec B105  # known to everybody
"""The password of the demo's people, where nobody but the person at this machine can reach the product."""


def normalize(password: str) -> str:
    """The form that is hashed (NFKC): keyboards and systems write the same letters in different ways."""
    return unicodedata.normalize("NFKC", password)


def verify(password: str, encoded: str) -> tuple[bool, bool]:
    """Whether this is the password of a hash; and, if so, whether it should be hashed again.

    Hashes that were made before passwords were normalized are of the text as it was typed.
    """
    for text in _spellings(password):
        is_correct, is_outdated = verify_password(text, encoded)
        if is_correct:
            return True, is_outdated or text != normalize(password)
    return False, False


def waste_time(password: str) -> None:
    """As much as `verify` takes for a wrong password, so that nobody learns by the clock who has an account."""
    for text in _spellings(password):
        make_password(text)


def _spellings(password: str) -> list[str]:
    return list(dict.fromkeys((normalize(password), password)))


def is_shut_out(password: str) -> bool:
    """Whether this is the demo's published password, and others than the person at this machine may reach the product."""
    return normalize(password) == PUBLISHED and not may_be_published()


def require_not_shut_out(password: str | None) -> None:
    """Raises ValidationError."""
    if password is not None and is_shut_out(password):
        raise ValidationError(_("Everybody knows this password: it is the demo's. Choose another."))


def is_hash_of_published(encoded: str) -> bool:
    return is_password_usable(encoded) and check_password(PUBLISHED, encoded)


def may_be_published() -> bool:
    """Whether the demo's published password may be used: only where nobody else reaches the product."""
    public = urlsplit(settings.PUBLIC_URL).hostname
    return not settings.PRODUCTION and all(map(_is_loopback, filter(None, (settings.HOST, public))))


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        address = ip_address(host)
    except ValueError:  # a name, which may lead anywhere
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback
