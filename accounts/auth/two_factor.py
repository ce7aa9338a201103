"""Two-factor authentication: codes of an authenticator app (TOTP, RFC 6238), and recovery codes for when it is lost.

The app's secret rests encrypted; of a recovery code only a digest is kept. Every code is good once, over all processes: whoever
spends it first has it. With a factor set up or taken away, all sessions and tokens of before are over.
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
from accounts.audit import recording
from accounts.auth import account_emails
from accounts.auth.models import EmailKind
from accounts.models import Authenticator, RecoveryCode, User

SECRET_BYTES: Final = 20
RECOVERY_CODES: Final = 10
RECOVERY_BYTES: Final = 10
"""80 random bits: nobody finds one by its digest."""
TOLERANCE: Final = 1
"""Steps of 30 seconds that a phone's clock may be off."""
NOBODYS: Final = base64.b32encode(bytes(SECRET_BYTES)).decode()
ISSUER: Final = "Stationbook"


def require_known_groups(**kwargs: Any) -> None:
    """After each migrate: a group that is not there demands of nobody, and nobody would notice. Raises CommandError."""
    if fault := roles.no_such_group(settings.SECOND_FACTOR_GROUPS):
        raise CommandError(f"{fault} Correct SECOND_FACTOR_GROUPS, or make the group first.")


def begin(user: User) -> str:
    """A new secret for an app, in base32. Nothing changes until `confirm` is told one of its codes."""
    secret = base64.b32encode(secrets.token_bytes(SECRET_BYTES)).decode()
    Authenticator.objects.update_or_create(user=user, defaults={"pending": secret})
    return secret


def begun(user: User) -> str:
    """The secret that waits for its first code; "" for none."""
    found = Authenticator.objects.filter(user=user).first()
    return (found.pending or "") if found else ""


def is_shown(user: User, code: str) -> bool:
    """Whether the app that waits for its first code shows this one."""
    secret = begun(user)
    return bool(secret) and _step(secret, code, after=0) is not None


def confirm(user: User, code: str) -> list[str] | None:
    """Take the app with this code into use, and return new recovery codes; None where the code is not the app's. Recorded."""
    with transaction.atomic():
        waiting = Authenticator.objects.select_for_update().filter(user=user, pending__isnull=False).first()
        step = _step(waiting.pending, code, after=0) if waiting and waiting.pending else None
        if waiting is None or step is None:
            return None
        replaces = user.second_factor_at is not None
        waiting.secret, waiting.pending, waiting.last_step = waiting.pending, None, step
        waiting.save()
        user.second_factor_at = timezone.now()
        user.save(update_fields=["second_factor_at"])
        recording.record_hidden(user, "second_factor_at", event="factor")
        account_emails.queue(user, EmailKind.AUTHENTICATOR_REPLACED if replaces else EmailKind.TWO_FACTOR_ENABLED)
        return _new_codes(user)


def take_away(user: User) -> None:
    """From now on the password is enough. Recorded. Without two-factor authentication nothing is done."""
    if user.second_factor_at is None:
        return
    with transaction.atomic():
        Authenticator.objects.filter(user=user).delete()
        RecoveryCode.objects.filter(user=user).delete()
        user.second_factor_at = None
        user.save(update_fields=["second_factor_at"])
        recording.record_hidden(user, "second_factor_at", event="factor_gone")
        account_emails.queue(user, EmailKind.TWO_FACTOR_DISABLED)


def renew_codes(user: User) -> list[str]:
    """Other recovery codes; those of before are good for nothing. Recorded."""
    with transaction.atomic():
        recording.record_hidden(user, "recovery_codes", event="recovery_codes")
        account_emails.queue(user, EmailKind.RECOVERY_CODES_RENEWED)
        return _new_codes(user)


def _new_codes(user: User) -> list[str]:
    codes = [base64.b32encode(secrets.token_bytes(RECOVERY_BYTES)).decode() for _number in range(RECOVERY_CODES)]
    RecoveryCode.objects.filter(user=user).delete()
    RecoveryCode.objects.bulk_create(RecoveryCode(user=user, digest=_digest(code)) for code in codes)
    return ["-".join(re.findall("....", code)) for code in codes]


@dataclass(frozen=True, slots=True)
class Proof:
    """What a code that came with a log-in is worth: nothing, or what `spend` takes."""

    authenticator: Authenticator | None = None
    step: int | None = None
    recovery: RecoveryCode | None = None

    @property
    def is_good(self) -> bool:
        """Whether the code is right, so far as nobody else spends it first."""
        return self.step is not None or self.recovery is not None

    def spend(self) -> bool:
        """Whether it was good, and nobody else had spent it. Without a factor there is nothing to spend."""
        if self.authenticator is None:
            return True
        if self.step is not None:
            fresh = Authenticator.objects.filter(pk=self.authenticator.pk, last_step__lt=self.step)
            return fresh.update(last_step=self.step) == 1
        return self.recovery is not None and RecoveryCode.objects.filter(pk=self.recovery.pk).delete()[0] == 1


def look(email: str, code: str) -> Proof:
    """What a code is worth for whoever has this email. At the same cost for everybody, whether they exist or have a factor."""
    whose = User.objects.normalize_email(email)
    found = Authenticator.objects.filter(user__email=whose, secret__isnull=False).first()
    recovery = RecoveryCode.objects.filter(user__email=whose, digest=_digest(code)).first()
    step = _step((found and found.secret) or NOBODYS, code, after=found.last_step if found else 0)
    return Proof(found, step, recovery)


def _step(secret: str, code: str, *, after: int) -> int | None:
    """At which step, later than `after`, the secret has this code; None for none."""
    digits = re.sub(r"\s", "", code)
    totp = TOTP(base64.b32decode(secret))
    right = totp.verify(int(digits) if re.fullmatch("[0-9]{6}", digits) else -1, TOLERANCE, min_t=after + 1)
    return totp.t() if right else None


def _digest(code: str) -> bytes:
    plain = re.sub(r"[\s-]", "", code).upper()
    return hashlib.sha256(plain.encode(errors="replace")).digest()


def picture(user: User, secret: str) -> SafeString:
    """The secret as a QR code that an app reads: SVG, without any style of its own."""
    label = quote(f"{ISSUER}:{user.email}")
    address = f"otpauth://totp/{label}?{urlencode({'secret': secret, 'issuer': ISSUER})}"
    drawn = io.BytesIO()
    qrcode.make(address, image_factory=SvgPathFillImage, border=2).save(drawn)
    return mark_safe(drawn.getvalue().decode().partition("?>")[2].strip())  # noqa: S308  # nosec B308, B703  # a path; no text of anybody's
