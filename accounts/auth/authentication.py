"""Who calls: somebody who signs in, a token, or the browser's session. The audit trail learns it here."""

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
from rest_framework.authentication import SessionAuthentication as BrowsersSession
from rest_framework.request import Request
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.exceptions import InvalidToken, TokenError
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken, Token
from rest_framework_simplejwt.utils import datetime_from_epoch

from accounts.audit.origin import Channel, acts_as
from accounts.auth import api_keys, principals, two_factor, undo_stack
from accounts.auth.rate_limits import TooManyFailures, code_attempt, login_attempt
from accounts.models import User
from core import metrics

log = logging.getLogger(__name__)

BEARER: Final = "Bearer"
PASSWORD_CLAIM: Final = "pwd"  # noqa: S105
"""A keyed digest of what a session carries of its person too: whatever ends every session ends every token."""

FAMILY_CLAIM: Final = "fam"
"""The first refresh token of those that followed one log-in."""


class TokenInvalid(exceptions.AuthenticationFailed):
    default_code = "token_invalid"
    default_detail = _("The token is not valid, or no longer. Sign in again.")


class CsrfFailed(exceptions.PermissionDenied):
    default_code = "csrf_failed"
    default_detail = _("Your session has expired. Reload the page and try again.")


def sign_in(request: HttpRequest, email: str, password: str, code: str = "", *, address: str | None) -> User | None:
    """Who this is; None for an unknown email, a wrong password, an inactive account, and a two-factor code that is missing,
    wrong or spent, at the same cost. Each is a line in the log, which tells of a refused one only where it came from.

    Raises `throttling.TooManyFailures`. `address` is the caller's, or None where it is unknown.
    """
    known_as = _known_as(email)
    try:
        with login_attempt(known_as, address) as attempt:
            proof = two_factor.look(known_as, code)
            user = authenticate(request, username=known_as, password=password)
            attempt.succeeded = isinstance(user, User) and takes_code(user, code, proof)
    except TooManyFailures:
        log.warning("A log-in from %s has to wait: too many failures.", address)
        metrics.SIGN_INS.labels("waits").inc()
        raise
    if not (isinstance(user, User) and attempt.succeeded):
        log.warning("A log-in from %s is refused.", address)
        metrics.SIGN_INS.labels("refused").inc()
        return None
    if user.has_outdated_hash:
        _hash_again(user, password)
    log.info("User %s logged in from %s.", user.pk, address)
    metrics.SIGN_INS.labels("done").inc()
    return user


def takes_code(user: User, code: str, proof: two_factor.Proof) -> bool:
    """Whether the account takes this code, or needs none; a missing one is no guess.

    Raises TooManyFailures for a right code after too many wrong ones. A wrong one is then refused as ever: a wait would tell
    that the password was right.
    """
    if proof.authenticator is None:
        return True
    if not code.strip():
        return False
    with code_attempt(user) as attempt:
        if attempt.wait:
            log.warning("Too many wrong codes for user %s, each with the right password.", user.pk)
            if proof.is_good:
                raise TooManyFailures(attempt.wait)
            return False
        attempt.succeeded = proof.spend()
    return attempt.succeeded


def _hash_again(user: User, password: str) -> None:
    """Unless somebody has given the account another password meanwhile."""
    outdated = user.password
    user.set_password(password)
    User.objects.filter(pk=user.pk, password=outdated).update(password=user.password)


def _known_as(email: str) -> str:
    return "".join(letter for letter in email if letter.isprintable()).strip()


class BearerAuthentication(JWTAuthentication):
    """`Authorization: Bearer …`: an access token of somebody active, with the password of then, whose family has not ended. One
    query."""

    def authenticate(self, request: Request) -> tuple[User, Token] | None:  # type: ignore[override]
        found: Any
        try:
            found = super().authenticate(request)
        except (InvalidToken, exceptions.AuthenticationFailed):
            raise TokenInvalid from None
        if found is None:
            return None
        user, token = found
        acts_as(user, Channel.JWT)
        return user, token

    def get_validated_token(self, raw_token: bytes) -> Token:
        """Raises TokenInvalid for a token that is none of ours, or has run out."""
        try:
            token = _signed_by_us(raw_token, api_settings.SIGNING_KEY)
        except TokenError:
            raise TokenInvalid from None
        if not _is_within(token, api_settings.ACCESS_TOKEN_LIFETIME):
            raise TokenInvalid
        return token

    def get_user(self, validated_token: Token) -> User:  # type: ignore[override]
        return owner(validated_token)


def _is_within(token: Token, lifetime: timedelta) -> bool:
    """Whether a token has not run out. One that a clock dated ahead by more than `lifetime` would last too long."""
    return bool(0 < token["exp"] - time.time() <= 2 * lifetime.total_seconds())


@lru_cache(1024)
def _signed_by_us(raw: bytes, key: str) -> AccessToken:
    """A token's claims. Its signature says the same each time that it comes: only what may change meanwhile is asked again."""
    return AccessToken(raw)  # type: ignore[arg-type]


class KeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer sb_…`: an API key, of somebody active. Whatever else stands there is for the next to read."""

    def authenticate(self, request: Request) -> tuple[User, None] | None:
        scheme, _space, text = request.META.get("HTTP_AUTHORIZATION", "").strip().partition(" ")
        if scheme.lower() != "bearer" or not text.lstrip().startswith(api_keys.PREFIX):
            return None
        user = api_keys.caller(text.strip())
        if user is None:
            raise TokenInvalid
        acts_as(user, Channel.KEY)
        return user, None

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="api"'


class SessionAuthentication(BrowsersSession):
    """The browser's session, with CSRF on writes."""

    def authenticate(self, request: Request) -> tuple[User, None] | None:
        found = super().authenticate(request)
        if found:
            acts_as(found[0], Channel.API)
            undo_stack.attach(request._request)
        return found

    def enforce_csrf(self, request: Request) -> None:
        try:
            super().enforce_csrf(request)
        except exceptions.PermissionDenied:
            raise CsrfFailed from None


def owner(token: Token) -> User:
    """Whose token it is. Raises TokenInvalid for nobody, somebody inactive, a password changed since, or an ended family."""
    user = principals.known(token.get(api_settings.USER_ID_CLAIM), token_family=_family(token))
    if user is None or not hmac.compare_digest(str(token.get(PASSWORD_CLAIM)), _password_digest(user)):
        raise TokenInvalid
    if user.lacks_second_factor:
        raise TokenInvalid
    return user


def new_tokens(user: User, family: str | None = None) -> dict[str, Any]:
    """The contract's answer to a log-in, or to a refresh within the `family` that a log-in began. No token is stored: a copy of
    the database signs nobody in."""
    refresh = RefreshToken()
    refresh[FAMILY_CLAIM] = (family or refresh[api_settings.JTI_CLAIM]).removeprefix(f"{FAMILY_CLAIM}:")
    refresh[api_settings.USER_ID_CLAIM] = str(user.pk)
    refresh[PASSWORD_CLAIM] = _password_digest(user)
    access = refresh.access_token
    return {
        "access": str(access),
        "refresh": str(refresh),
        "token_type": BEARER,
        "expires_in": int(access.lifetime.total_seconds()),
    }


def refreshed(text: str) -> dict[str, Any]:
    """New tokens for a refresh token, which is spent by it. Raises TokenInvalid as `spend` does."""
    user, family = spend(text)
    return new_tokens(user, family)


def spend(text: str) -> tuple[User, str]:
    """End a refresh token, and say whose it was and of which family. Raises TokenInvalid for a spent, a foreign and an old one.

    Of several callers at once one gets through: the database keeps each token's number once. A spent one that comes again was
    copied: its whole family ends, so that neither the thief nor the robbed goes on without a password.
    """
    token = _read(text)
    user, family = owner(token), _family(token)
    if not _end(token[api_settings.JTI_CLAIM], user, token):
        _end(family, user, token)
        raise TokenInvalid
    return user, family


def end_family(text: str) -> None:
    """Sign out: neither this refresh token nor any that came of it is good for anything. Raises TokenInvalid as `spend` does."""
    user, family = spend(text)
    _end(family, user, _read(text))


class _Refresh(RefreshToken):
    """A refresh token whatever became of it since: `spend` has to know a spent one from a forged one."""

    def check_blacklist(self) -> None:
        """Asked later, of the family too."""


def _read(text: str) -> RefreshToken:
    try:
        token = _Refresh(text)  # type: ignore[arg-type]
    except TokenError:
        raise TokenInvalid from None
    if not _is_within(token, api_settings.REFRESH_TOKEN_LIFETIME):
        raise TokenInvalid
    return token


def _family(token: Token) -> str:
    """The number under which a family is kept as ended; tokens of an older release are families of their own."""
    return f"{FAMILY_CLAIM}:{token.get(FAMILY_CLAIM, token[api_settings.JTI_CLAIM])}"


def _end(number: str, user: User, token: Token) -> bool:
    """Whether it had not ended before. What is kept of it may be forgotten when the last of its family has run out."""
    ends = datetime_from_epoch(token["exp"]) + RefreshToken.lifetime
    kept, _created = OutstandingToken.objects.get_or_create(jti=number, defaults={"user": user, "expires_at": ends})
    _entry, first = BlacklistedToken.objects.get_or_create(token=kept)
    return first


def _password_digest(user: User) -> str:
    message = f"stationbook token\0{user.get_session_auth_hash()}".encode()
    return hmac.digest(settings.SECRET_KEY.encode(), message, "sha256").hex()[:32]
