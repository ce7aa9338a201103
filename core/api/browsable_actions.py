"""Actions that pages of the browsable API offer as forms."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Door:
    """A write request that a page of the browsable API offers as a form."""

    method: str
    address: str
    body: Any
    label: Any = ""
    version: str = ""
    """Value of the If-Match header; "" if the endpoint does not use it."""
