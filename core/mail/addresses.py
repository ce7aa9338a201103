"""Email addresses as mail servers and message headers take them."""

from email.headerregistry import Address
from email.policy import SMTP
from typing import Final

import idna

WIRE_POLICY: Final = SMTP.clone(cte_type="7bit")
"""The policy of messages that are sent: every mail server takes seven bits."""


def ascii_address(address: str) -> str:
    """The address with its domain in ASCII. Raises ValueError if the domain is not valid."""
    # IDNA 2008 (UTS 46): Python's own codec follows the rules of 2003, under which ß is ss, which is another domain.
    local, _at, domain = address.rpartition("@")
    return f"{local}@{domain if domain.isascii() else idna.encode(domain, uts46=True).decode()}"


def is_header_safe(address: str) -> bool:
    """Whether a message header can hold the address."""
    try:
        return bool(Address(addr_spec=ascii_address(address)).username)
    except ValueError:
        return False
