"""Signed tokens with an expiry date, for the links in account emails."""

from datetime import datetime, timedelta
from typing import Any, Final

from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.utils.http import base36_to_int

TOKEN_EPOCH: Final = datetime(2001, 1, 1)  # Django dates its tokens in naive local time from then on


class AccountLink(PasswordResetTokenGenerator):
    """Tokens of a link that sets a password.

    A token is void after `lifetime` (PASSWORD_RESET_TIMEOUT at most), after the next sign-in, and once anything changes that
    sessions depend on, the password above all; so it works once.
    """

    def __init__(self, key_salt: str, lifetime: timedelta) -> None:
        super().__init__()
        self.key_salt, self.lifetime = key_salt, lifetime

    def check_token(self, user: Any, token: str | None) -> bool:
        return bool(token) and super().check_token(user, token) and abs(self._age_of(token or "")) <= self.lifetime

    def _age_of(self, token: str) -> timedelta:
        seconds = int((self._now() - TOKEN_EPOCH).total_seconds())  # a token's time is in whole seconds
        return timedelta(seconds=seconds - base36_to_int(token.partition("-")[0]))

    def _make_hash_value(self, user: Any, timestamp: int) -> str:
        return f"{super()._make_hash_value(user, timestamp)}{user.get_session_auth_hash()}"
