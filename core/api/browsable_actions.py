"""Requests that pages of the browsable API offer as forms."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class BrowsableAction:
    """A write request and the body that its form suggests."""

    method: str
    url: str
    body: Any
    label: Any = ""
    if_match: str = ""
    """Value of the If-Match header; "" if the endpoint does not use it."""
