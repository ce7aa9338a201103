"""Authentication: by password, token, API key or browser session. Sets who acts, for the audit log."""

import hmac
import logging
import time
from datetime import timedelta
from functools import lru_cache
from typing import Any, Final

from django.conf import settings
from django.contrib.auth import authenticate
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication
from rest_framework.authentication import SessionAuthentication as DRFSessionAuthentication
from rest_framework.request import Request
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.exceptions import InvalidToken, TokenError
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken, Token
from rest_framework_simplejwt.utils import datetime_from_epoch

from accounts.audit.origin import Channel
from accounts.auth import api_keys, principals, two_factor, undo_stack
from accounts.auth.rate_limits import TooManyFailures, code_attempt, login_attempt
from accounts.models import User
from core import metrics

log = logging.getLogger(__name__)

BEARER: Final = "Bearer"
AUTH_STATE_CLAIM: Final = "pwd"
"""A keyed digest of the user's authentication state, so that whatever ends their sessions ends their tokens."""

FAMILY_CLAIM: Final = "fam"
"""The ID of the first refresh token after a sign-in, shared by all that replace it."""


class TokenInvalid(exceptions.AuthenticationFailed):
    default_code = "token_invalid"
    default_detail = _("The token is invalid or has expired. Sign in again.")


class CsrfFailed(exceptions.PermissionDenied):
    default_code = "csrf_failed"
    default_detail = _("Your session has expired. Reload the page and try again.")


def sign_in(request: HttpRequest, email: str, password: str, code: str = "", *, address: str | None) -> User | None:
    """The user with these credentials; None for an unknown email, a wrong password, an inactive account, or a two-factor code
    that is missing, wrong or already used. All take the same time.

    Logs the outcome; a refused sign-in is logged with the network address only. Raises `rate_limits.TooManyFailures`. `address`
    is the caller's, or None if unknown.
    """
    username = _username(email)
    try:
        with login_attempt(username, address) as attempt:
            proof = two_factor.verify(username, code)
            user = authenticate(request, username=username, password=password)
            attempt.succeeded = isinstance(user, User) and accepts_code(user, code, proof)
    except TooManyFailures:
        log.warning("Sign-in from %s must wait: too many failures.", address)
        metrics.SIGN_INS.labels("waits").inc()
        raise
    if not (isinstance(user, User) and attempt.succeeded):
        log.warning("Sign-in from %s refused.", address)
        metrics.SIGN_INS.labels("refused").inc()
        return None
    if user.has_outdated_hash:
        _update_hash(user, password)
    log.info("User %s signed in from %s.", user.pk, address)
    metrics.SIGN_INS.labels("done").inc()
    return user


def accepts_code(user: User, code: str, proof: two_factor.Proof) -> bool:
    """Whether the account accepts this code, or needs none. A missing code does not count as a guess.

    Raises TooManyFailures for a correct code after too many wrong ones. A wrong one is refused as usual, because a wait would
    reveal that the password was correct.
    """
    if proof.authenticator is None:
        return True
    if not code.strip():
        return False
    with code_attempt(user) as attempt:
        if attempt.wait:
            log.warning("Too many wrong codes for user %s, each with the right password.", user.pk)
            if proof.is_valid:
                raise TooManyFailures(attempt.wait)
            return False
        attempt.succeeded = proof.spend()
    return attempt.succeeded


def _update_hash(user: User, password: str) -> None:
    """Hash the password in the current way, unless it was changed meanwhile."""
    outdated = user.password
    user.set_password(password)
    User.objects.filter(pk=user.pk, password=outdated).update(password=user.password)


def _username(email: str) -> str:
    return "".join(letter for letter in email if letter.isprintable()).strip()


class BearerAuthentication(JWTAuthentication):
    """`Authorization: Bearer …`: an access token of an active user, whose password has not changed since. One query."""

    channel = Channel.JWT

    def authenticate(self, request: Request) -> tuple[User, Token] | None:  # type: ignore[override]
        try:
            found: tuple[User, Token] | None = super().authenticate(request)  # type: ignore[assignment]
        except (InvalidToken, exceptions.AuthenticationFailed):
            raise TokenInvalid from None
        return found

    def get_validated_token(self, raw_token: bytes) -> Token:
        """Raises TokenInvalid for a forged or expired token."""
        try:
            token = _decode(raw_token, api_settings.SIGNING_KEY)
        except TokenError:
            raise TokenInvalid from None
        if not _is_unexpired(token, api_settings.ACCESS_TOKEN_LIFETIME):
            raise TokenInvalid
        return token

    def get_user(self, validated_token: Token) -> User:  # type: ignore[override]
        return user_of(validated_token)


def _is_unexpired(token: Token, lifetime: timedelta) -> bool:
    """Whether a token has not expired. Refuses one that a wrong clock dated ahead by more than `lifetime`."""
    return bool(0 < token["exp"] - time.time() <= 2 * lifetime.total_seconds())


@lru_cache(1024)
def _decode(raw: bytes, key: str) -> AccessToken:
    """Decode a token. Cached, because its signature stays valid; what may change is checked on each request."""
    return AccessToken(raw)  # type: ignore[arg-type]


class KeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer sb_…`: an API key of an active user. Other tokens are left to the next authentication class."""

    channel = Channel.KEY

    def authenticate(self, request: Request) -> tuple[User, None] | None:
        scheme, _space, text = request.META.get("HTTP_AUTHORIZATION", "").strip().partition(" ")
        if scheme.lower() != "bearer" or not text.lstrip().startswith(api_keys.PREFIX):
            return None
        user = api_keys.authenticate(text.strip())
        if user is None:
            raise TokenInvalid
        return user, None

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="api"'


class SessionAuthentication(DRFSessionAuthentication):
    """The browser session, with CSRF protection of writes."""

    channel = Channel.API

    def authenticate(self, request: Request) -> tuple[User, None] | None:
        found = super().authenticate(request)
        if found:
            undo_stack.attach(request._request)
        return found

    def enforce_csrf(self, request: Request) -> None:
        try:
            super().enforce_csrf(request)
        except exceptions.PermissionDenied:
            raise CsrfFailed from None


def user_of(token: Token) -> User:
    """The user of a token. Raises TokenInvalid if they are unknown or inactive, or if the token was revoked."""
    user = principals.load_principal(token.get(api_settings.USER_ID_CLAIM), token_family=_family(token))
    if user is None or not hmac.compare_digest(str(token.get(AUTH_STATE_CLAIM)), _auth_state_digest(user)):
        raise TokenInvalid
    if user.must_set_up_two_factor:
        raise TokenInvalid
    return user


def issue_tokens(user: User, family: str | None = None) -> dict[str, Any]:
    """The response to a sign-in, or to a refresh within the `family` of an earlier one.

    Tokens are not stored, so a copy of the database does not let anyone sign in.
    """
    refresh = RefreshToken()
    refresh[FAMILY_CLAIM] = (family or refresh[api_settings.JTI_CLAIM]).removeprefix(f"{FAMILY_CLAIM}:")
    refresh[api_settings.USER_ID_CLAIM] = str(user.pk)
    refresh[AUTH_STATE_CLAIM] = _auth_state_digest(user)
    access = refresh.access_token
    return {
        "access": str(access),
        "refresh": str(refresh),
        "token_type": BEARER,
        "expires_in": int(access.lifetime.total_seconds()),
    }


def refresh_tokens(text: str) -> dict[str, Any]:
    """Exchange a refresh token for new tokens. Raises TokenInvalid as `spend_refresh_token` does."""
    user, family = spend_refresh_token(text)
    return issue_tokens(user, family)


def spend_refresh_token(text: str) -> tuple[User, str]:
    """Invalidate a refresh token, and return its user and family. Raises TokenInvalid if it is forged, expired or already spent.

    Of several concurrent callers one succeeds: the database stores each token's ID once. A spent token that is used again was
    copied, so its whole family is revoked, and both the thief and the user have to sign in again.
    """
    token = _decode_refresh(text)
    user, family = user_of(token), _family(token)
    if not _blacklist(token[api_settings.JTI_CLAIM], user, token):
        _blacklist(family, user, token)
        raise TokenInvalid
    return user, family


def revoke_token_family(text: str) -> None:
    """Sign out: revoke this refresh token and its family. Raises TokenInvalid as `spend_refresh_token` does."""
    user, family = spend_refresh_token(text)
    _blacklist(family, user, _decode_refresh(text))


class _Refresh(RefreshToken):
    """A refresh token that may be spent: `spend_refresh_token` tells a spent one from a forged one."""

    def check_blacklist(self) -> None:
        """Checked later, for the family too."""


def _decode_refresh(text: str) -> RefreshToken:
    try:
        token = _Refresh(text)  # type: ignore[arg-type]
    except TokenError:
        raise TokenInvalid from None
    if not _is_unexpired(token, api_settings.REFRESH_TOKEN_LIFETIME):
        raise TokenInvalid
    return token


def _family(token: Token) -> str:
    """The ID under which a revoked family is blacklisted. Tokens of an older release are families of their own."""
    return f"{FAMILY_CLAIM}:{token.get(FAMILY_CLAIM, token[api_settings.JTI_CLAIM])}"


def _blacklist(jti: str, user: User, token: Token) -> bool:
    """Blacklist a token or family until all tokens of the family have expired. Returns False if it already was."""
    expires_at = datetime_from_epoch(token["exp"]) + RefreshToken.lifetime
    outstanding, _created = OutstandingToken.objects.get_or_create(
        jti=jti, defaults={"user": user, "expires_at": expires_at}
    )
    _entry, first = BlacklistedToken.objects.get_or_create(token=outstanding)
    return first


def _auth_state_digest(user: User) -> str:
    message = f"stationbook token\0{user.get_session_auth_hash()}".encode()
    return hmac.digest(settings.SECRET_KEY.encode(), message, "sha256").hex()[:32]
