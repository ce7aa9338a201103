"""Encrypted, signed and dated tokens for what the product hands out and takes back."""

import base64
import hmac

from cryptography.fernet import Fernet
from django.conf import settings


def fernet(purpose: str, *context: str) -> Fernet:
    """Fernet under a key that is derived from SECRET_KEY for one purpose, and for whatever else a token is bound to."""
    message = "\0".join(("stationbook token", purpose, *context)).encode()
    return Fernet(base64.urlsafe_b64encode(hmac.digest(settings.SECRET_KEY.encode(), message, "sha256")))


def draft_key(*context: str) -> str:
    """An AES-256 key in Base64, with which a browser encrypts what somebody types; the same for the same context."""
    message = "\0".join(("stationbook draft", *context)).encode()
    return base64.b64encode(hmac.digest(settings.SECRET_KEY.encode(), message, "sha256")).decode()
