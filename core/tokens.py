"""Encrypted tokens with a date, and keys derived from SECRET_KEY."""

import base64
import hmac

from cryptography.fernet import Fernet
from django.conf import settings


def fernet(purpose: str, *context: str) -> Fernet:
    """Fernet with a key derived from SECRET_KEY for one purpose, and for the context that a token is bound to."""
    message = "\0".join(("stationbook token", purpose, *context)).encode()
    return Fernet(base64.urlsafe_b64encode(hmac.digest(settings.SECRET_KEY.encode(), message, "sha256")))


def draft_key(*context: str) -> str:
    """An AES-256 key in Base64 with which a browser encrypts drafts of forms; the same for the same context."""
    message = "\0".join(("stationbook draft", *context)).encode()
    return base64.b64encode(hmac.digest(settings.SECRET_KEY.encode(), message, "sha256")).decode()
