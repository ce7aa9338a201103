"""An authenticator app by RFC 6238, independent of the product's code."""

import base64
import hmac
import time
from typing import Final

STEP_SECONDS: Final = 30


def code_of(secret: str, *, steps: int = 0) -> str:
    """The six digits that an app with this secret shows, `steps` time steps from now."""
    counter = (int(time.time()) // STEP_SECONDS + steps).to_bytes(8, "big")
    digest = hmac.digest(base64.b32decode(secret), counter, "sha1")
    at = digest[-1] & 15
    number = int.from_bytes(digest[at : at + 4], "big") & 0x7FFFFFFF
    return f"{number % 1_000_000:06d}"
