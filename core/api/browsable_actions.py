"""What somebody who browses the API may do next."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Door:
    """A write that a browsing person may try from the page they see."""

    method: str
    address: str
    body: Any
    label: Any = ""
    version: str = ""
    """What to send as If-Match; "" where the address does not look at it."""
