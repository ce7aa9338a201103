"""Validators for texts, dates, times, time zones and codes."""

import re
from datetime import date, time
from typing import Final
from zoneinfo import available_timezones

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.utils.translation import gettext_lazy as _

from core.dates import FIRST_DATE, LAST_DATE

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_CONTROL_BUT_LINES = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_REFUSED = _("Control characters cannot be stored. Please type the text again.")


def plain_line(text: str) -> None:
    """Refuse control characters, line breaks and lone surrogates, which databases cannot store."""
    if _CONTROL.search(text):
        raise ValidationError(_REFUSED, code="control_characters")


def plain_text(text: str) -> None:
    """Refuse control characters other than tabs and line breaks."""
    if _CONTROL_BUT_LINES.search(text):
        raise ValidationError(_REFUSED, code="control_characters")


def known_date(day: date) -> None:
    if not FIRST_DATE <= day <= LAST_DATE:
        raise ValidationError(_("Choose a date between 1900 and 2999."))


def whole_minute(start: time) -> None:
    """Refuse seconds: URLs and the API identify slots by `HH:MM`."""
    if start.second or start.microsecond:
        raise ValidationError(_("A slot starts on a whole minute."))


NOT_ZONES: Final = {"localtime", "Factory"}
"""Entries of the time zone database that are the machine's own zone, or none."""


def time_zone(name: str) -> None:
    if name not in available_timezones() - NOT_ZONES:
        raise ValidationError(
            _("“%(name)s” is not a time zone. Choose one such as Europe/Berlin."), params={"name": name}
        )


code = RegexValidator(r"\A[^/\\]+\Z", _("A code can contain anything except slashes."))
country = RegexValidator(r"\A[A-Z]{2}\Z", _("Two capital letters, such as DE."))
currency = RegexValidator(r"\A[A-Z]{3}\Z", _("Three capital letters, such as EUR."))
