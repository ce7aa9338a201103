"""Hashing and comparing passwords, and the published password of the demo's users."""

import unicodedata
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.hashers import check_password, is_password_usable, make_password, verify_password
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

MAX_LENGTH: Final = 1_000
"""Characters. Longer passwords are refused, never truncated."""

DEMO_PASSWORD: Final = "stationbook-demo"  # noqa: S105  # nosec B105  # published on purpose
"""The password of the demo's users, for servers that only their own machine can reach."""


def normalize(password: str) -> str:
    """The form that is hashed (NFKC), because keyboards and systems encode the same letters differently."""
    return unicodedata.normalize("NFKC", password)


def verify(password: str, encoded: str) -> tuple[bool, bool]:
    """Whether the password matches a hash and, if so, whether the hash is outdated.

    Hashes from before passwords were normalized are of the text as it was typed.
    """
    for text in _spellings(password):
        is_correct, is_outdated = verify_password(text, encoded)
        if is_correct:
            return True, is_outdated or text != normalize(password)
    return False, False


def equalize_timing(password: str) -> None:
    """Take as long as `verify` for a wrong password, so that timing does not reveal which accounts exist."""
    for text in _spellings(password):
        make_password(text)


def _spellings(password: str) -> list[str]:
    return list(dict.fromkeys((normalize(password), password)))


def is_forbidden(password: str) -> bool:
    """Whether this is the demo's password on a server that other machines can reach."""
    return normalize(password) == DEMO_PASSWORD and not is_demo_password_allowed()


def require_not_forbidden(password: str | None) -> None:
    """Raises ValidationError."""
    if password is not None and is_forbidden(password):
        raise ValidationError(_("This is the demo's password, which everybody knows. Choose another."))


def is_hash_of_demo_password(encoded: str) -> bool:
    return is_password_usable(encoded) and check_password(DEMO_PASSWORD, encoded)


def is_demo_password_allowed() -> bool:
    """Whether the demo's password may be used: only on servers that no other machine can reach."""
    public = urlsplit(settings.PUBLIC_URL).hostname
    return not settings.PRODUCTION and all(map(_is_loopback, filter(None, (settings.HOST, public))))


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        address = ip_address(host)
    except ValueError:  # a name may resolve to any address
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback
