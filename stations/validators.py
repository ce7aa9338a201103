"""What any text of the product may hold, and the few shapes that names of things have."""

import re
from zoneinfo import available_timezones

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.utils.translation import gettext_lazy as _

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_CONTROL_BUT_LINES = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_REFUSED = _("Control characters cannot be stored. Please type the text again.")


def plain_line(text: str) -> None:
    """One line without control characters, lone surrogates included: no database stores those."""
    if _CONTROL.search(text):
        raise ValidationError(_REFUSED, code="control_characters")


def plain_text(text: str) -> None:
    """Lines of text: tabs and line breaks are fine, other control characters are not."""
    if _CONTROL_BUT_LINES.search(text):
        raise ValidationError(_REFUSED, code="control_characters")


def time_zone(name: str) -> None:
    if name not in available_timezones():
        raise ValidationError(_("“%(name)s” is no time zone. Choose one such as Europe/Berlin."), params={"name": name})


code = RegexValidator(r"\A[^/\\]+\Z", _("A code may hold anything but slashes."))
country = RegexValidator(r"\A[A-Z]{2}\Z", _("Two capital letters, such as DE."))
currency = RegexValidator(r"\A[A-Z]{3}\Z", _("Three capital letters, such as EUR."))
