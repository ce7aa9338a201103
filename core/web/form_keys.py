"""One-time keys of forms: each form that is rendered carries its own, signed for the person who gets it."""

import secrets
from typing import Any, Final

from django.core.signing import BadSignature, Signer

FIELD: Final = "form_key"
NONCE_BYTES: Final = 16
_SIGNER: Final = Signer(salt="core.web.form_keys")


def make(user: Any) -> str:
    """A new key, for a form of this person's, who may be Django's AnonymousUser."""
    return _SIGNER.sign(f"{_id_of(user)}.{secrets.token_urlsafe(NONCE_BYTES)}")


def is_for(key: str, user: Any) -> bool:
    """Whether the product made this key, and for this person. No form of another site has such a key."""
    return user_id_in(key) == _id_of(user)


def user_id_in(key: str) -> str | None:
    """The id of the person whom the product made this key for, "" for nobody signed in; None for any other text."""
    try:
        return _SIGNER.unsign(key).partition(".")[0]
    except BadSignature:
        return None


def _id_of(user: Any) -> str:
    return str(user.pk or "")
