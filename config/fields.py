"""The shapes of words that come in by the API: each takes one spelling and no other, each refusal has the contract's code."""

import re
from collections.abc import Callable
from datetime import date, time
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from stations import validators

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_SLOT = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]")


@extend_schema_field({"type": "string", "format": "date", "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"})
class DateField(serializers.Field[date, str, str, Any]):
    """`YYYY-MM-DD` in ASCII digits and nothing else."""

    default_error_messages = {"invalid_date": _("Invalid date format. Use YYYY-MM-DD")}

    def to_internal_value(self, data: Any) -> date:
        if not isinstance(data, str) or not _DATE.fullmatch(data):
            self.fail("invalid_date")
        try:
            return date.fromisoformat(data)
        except ValueError:
            self.fail("invalid_date")

    def to_representation(self, value: date) -> str:
        return value.isoformat()


@extend_schema_field({"type": "string", "pattern": r"^([01][0-9]|2[0-3]):[0-5][0-9]$", "example": "18:00"})
class SlotField(serializers.Field[time, str, str, Any]):
    """`HH:MM` in ASCII digits and nothing else."""

    default_error_messages = {"invalid_slot": _("Invalid time slot format. Use HH:MM (e.g., 18:00)")}

    def to_internal_value(self, data: Any) -> time:
        if not isinstance(data, str) or not _SLOT.fullmatch(data):
            self.fail("invalid_slot")
        return time.fromisoformat(data)

    def to_representation(self, value: time) -> str:
        return f"{value:%H:%M}"


class NumberField(serializers.IntegerField):
    """A JSON integer: no text, no fraction, no boolean."""

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("invalid")
        return data


class TextField(serializers.CharField):
    """A JSON string, kept as it is, without control characters; `lines=True` allows line breaks and tabs."""

    def __init__(self, *, lines: bool = False, **options: Any) -> None:
        super().__init__(trim_whitespace=False, **options)
        self.validators.append(_checked(validators.plain_text if lines else validators.plain_line))

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return data


def _checked(check: Callable[[str], None]) -> Callable[[str], None]:
    """Django's validator with REST framework's error."""

    def validate(text: str) -> None:
        try:
            check(text)
        except ValidationError as error:
            raise serializers.ValidationError(error.messages, code="invalid") from None

    return validate
