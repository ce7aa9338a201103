"""Two-factor authentication: codes of an authenticator app (TOTP, RFC 6238), and recovery codes.

The app's secret is stored encrypted, recovery codes as digests. Each code works once, across all processes. Enabling or disabling
two-factor authentication ends the user's other sessions and tokens.
"""

import base64
import hashlib
import io
import re
import secrets
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlencode

import qrcode
from django.conf import settings
from django.core.management import CommandError
from django.db import transaction
from django.utils import timezone
from django.utils.safestring import SafeString, mark_safe
from django_otp.oath import TOTP
from qrcode.image.svg import SvgPathFillImage

from accounts import roles
from accounts.audit import recorder
from accounts.auth import account_emails
from accounts.auth.models import EmailKind
from accounts.models import Authenticator, RecoveryCode, User

SECRET_BYTES: Final = 20
RECOVERY_CODE_COUNT: Final = 10
RECOVERY_BYTES: Final = 10
"""80 random bits cannot be found from a digest by trying."""
TOLERANCE: Final = 1
"""How many steps of 30 seconds a phone's clock may be off."""
DUMMY_SECRET: Final = base64.b32encode(bytes(SECRET_BYTES)).decode()
"""Verified for users without two-factor authentication, so that timing does not tell them apart."""
ISSUER: Final = "Stationbook"


def require_known_groups(**kwargs: Any) -> None:
    """Raises CommandError for unknown groups in SECOND_FACTOR_GROUPS, which would go unnoticed. Runs after each migrate."""
    if fault := roles.describe_unknown_groups(settings.SECOND_FACTOR_GROUPS):
        raise CommandError(f"{fault} Correct SECOND_FACTOR_GROUPS, or make the group first.")


def start_enrolment(user: User) -> str:
    """Create a secret for an app, in base32. Nothing changes until `confirm` receives one of its codes."""
    secret = base64.b32encode(secrets.token_bytes(SECRET_BYTES)).decode()
    Authenticator.objects.update_or_create(user=user, defaults={"pending": secret})
    return secret


def pending_secret(user: User) -> str:
    """The secret whose first code is still awaited; "" for none."""
    found = Authenticator.objects.filter(user=user).first()
    return (found.pending or "") if found else ""


def matches_pending_secret(user: User, code: str) -> bool:
    """Whether this is the current code of the pending secret."""
    secret = pending_secret(user)
    return bool(secret) and _step(secret, code, after=0) is not None


def confirm(user: User, code: str) -> list[str] | None:
    """Enable the app with this code and return new recovery codes; None if the code is wrong. Recorded in the audit log."""
    with transaction.atomic():
        pending = Authenticator.objects.select_for_update().filter(user=user, pending__isnull=False).first()
        step = _step(pending.pending, code, after=0) if pending and pending.pending else None
        if pending is None or step is None:
            return None
        replaces = user.second_factor_at is not None
        pending.secret, pending.pending, pending.last_step = pending.pending, None, step
        pending.save()
        user.second_factor_at = timezone.now()
        user.save(update_fields=["second_factor_at"])
        recorder.record_redacted(user, "second_factor_at", event="factor")
        account_emails.queue(user, EmailKind.AUTHENTICATOR_REPLACED if replaces else EmailKind.TWO_FACTOR_ENABLED)
        return _new_codes(user)


def disable(user: User) -> None:
    """Turn two-factor authentication off if it is on. Recorded in the audit log."""
    if user.second_factor_at is None:
        return
    with transaction.atomic():
        Authenticator.objects.filter(user=user).delete()
        RecoveryCode.objects.filter(user=user).delete()
        user.second_factor_at = None
        user.save(update_fields=["second_factor_at"])
        recorder.record_redacted(user, "second_factor_at", event="factor_gone")
        account_emails.queue(user, EmailKind.TWO_FACTOR_DISABLED)


def renew_recovery_codes(user: User) -> list[str]:
    """Replace the recovery codes. Recorded in the audit log."""
    with transaction.atomic():
        recorder.record_redacted(user, "recovery_codes", event="recovery_codes")
        account_emails.queue(user, EmailKind.RECOVERY_CODES_RENEWED)
        return _new_codes(user)


def _new_codes(user: User) -> list[str]:
    codes = [base64.b32encode(secrets.token_bytes(RECOVERY_BYTES)).decode() for _number in range(RECOVERY_CODE_COUNT)]
    RecoveryCode.objects.filter(user=user).delete()
    RecoveryCode.objects.bulk_create(RecoveryCode(user=user, digest=_digest(code)) for code in codes)
    return ["-".join(re.findall("....", code)) for code in codes]


@dataclass(frozen=True, slots=True)
class Proof:
    """The result of verifying a code: what it matches, and `spend` can use up."""

    authenticator: Authenticator | None = None
    step: int | None = None
    recovery: RecoveryCode | None = None

    @property
    def is_valid(self) -> bool:
        """Whether the code is correct, unless another process spends it first."""
        return self.step is not None or self.recovery is not None

    def spend(self) -> bool:
        """Use the code up. Returns whether it was valid and unused; True for users without two-factor authentication."""
        if self.authenticator is None:
            return True
        if self.step is not None:
            fresh = Authenticator.objects.filter(pk=self.authenticator.pk, last_step__lt=self.step)
            return fresh.update(last_step=self.step) == 1
        return self.recovery is not None and RecoveryCode.objects.filter(pk=self.recovery.pk).delete()[0] == 1


def verify(email: str, code: str) -> Proof:
    """Verify a code for the user with this email. Takes the same time for everyone, with or without an account or a factor."""
    email = User.objects.normalize_email(email)
    found = Authenticator.objects.filter(user__email=email, secret__isnull=False).first()
    recovery = RecoveryCode.objects.filter(user__email=email, digest=_digest(code)).first()
    step = _step((found and found.secret) or DUMMY_SECRET, code, after=found.last_step if found else 0)
    return Proof(found, step, recovery)


def _step(secret: str, code: str, *, after: int) -> int | None:
    """The step, later than `after`, at which the secret has this code; None for none."""
    digits = re.sub(r"\s", "", code)
    totp = TOTP(base64.b32decode(secret))
    is_correct = totp.verify(int(digits) if re.fullmatch("[0-9]{6}", digits) else -1, TOLERANCE, min_t=after + 1)
    return totp.t() if is_correct else None


def _digest(code: str) -> bytes:
    normalized = re.sub(r"[\s-]", "", code).upper()
    return hashlib.sha256(normalized.encode(errors="replace")).digest()


def qr_code(user: User, secret: str) -> SafeString:
    """A QR code of the secret for the app to scan, as SVG without styles."""
    label = quote(f"{ISSUER}:{user.email}")
    uri = f"otpauth://totp/{label}?{urlencode({'secret': secret, 'issuer': ISSUER})}"
    svg = io.BytesIO()
    qrcode.make(uri, image_factory=SvgPathFillImage, border=2).save(svg)
    return mark_safe(svg.getvalue().decode().partition("?>")[2].strip())  # noqa: S308  # nosec B308, B703  # only a path, no user input
