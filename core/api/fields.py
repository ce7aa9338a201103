"""Serializer fields that accept one format each, with the error codes documented in docs/api.md."""

import re
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, time
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from core import validators
from core.dates import FIRST_DATE, LAST_DATE

DATE_PATTERN = r"^(19|2[0-9])[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$"
SLOT_PATTERN = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"
LINE_PATTERN = r"^[^\u0000-\u001f\u007f-\u009f]*$"
TEXT_PATTERN = r"^[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]*$"
"""The characters that `core.validators` accepts, for the API documentation."""

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_SLOT = re.compile(SLOT_PATTERN.strip("^$"))
_DATE_TIME = re.compile(
    r"(?P<local>[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,20})?)(?P<offset>[Zz]|[+\- ][0-9]{2}:[0-9]{2})"
)
_UUID = re.compile(r"[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}")


class _FormattedField(serializers.Field[Any, Any, Any, Any]):
    """A string in one format. Everything else, null and numbers included, is rejected with the same code."""

    code = "invalid"

    def validate_empty_values(self, data: Any) -> tuple[bool, Any]:
        if data is None:
            self.fail(self.code)
        return super().validate_empty_values(data)

    def to_internal_value(self, data: Any) -> Any:
        try:
            return self.parse(data) if isinstance(data, str) else self.fail(self.code)
        except ValueError:
            self.fail(self.code)

    def parse(self, text: str) -> Any:
        """Return the value. Raises ValueError for text in another format."""
        raise NotImplementedError


@extend_schema_field({"type": "string", "format": "date", "pattern": DATE_PATTERN})
class DateField(_FormattedField):
    """A date from 1900 to 2999 as `YYYY-MM-DD`, in ASCII digits."""

    code = "invalid_date"
    default_error_messages = {code: _("Invalid date format. Use YYYY-MM-DD")}

    def parse(self, text: str) -> date:
        if not _DATE.fullmatch(text):
            raise ValueError
        day = date.fromisoformat(text)
        if not FIRST_DATE <= day <= LAST_DATE:
            raise ValueError
        return day


@extend_schema_field({"type": "string", "pattern": SLOT_PATTERN, "examples": ["18:00"]})
class SlotField(_FormattedField):
    """A time as `HH:MM`, in ASCII digits."""

    code = "invalid_slot"
    default_error_messages = {code: _("Invalid time slot format. Use HH:MM (e.g., 18:00)")}

    def parse(self, text: str) -> time:
        if not _SLOT.fullmatch(text):
            raise ValueError
        return time.fromisoformat(text)


@extend_schema_field({"type": "string", "format": "uuid"})
class UUIDField(_FormattedField):
    """A UUID with or without hyphens, in either case."""

    default_error_messages = {"invalid": _("Invalid ID. Use one from the API.")}

    def parse(self, text: str) -> UUID:
        return parse_uuid(text)


def parse_uuid(text: str) -> UUID:
    """Parse 32 hexadecimal digits with or without hyphens. Raises ValueError, also for other spellings that `UUID` accepts."""
    if not _UUID.fullmatch(text):
        raise ValueError
    return UUID(text)


@extend_schema_field({"type": "string", "format": "date-time"})
class DateTimeField(_FormattedField):
    """An ISO 8601 date and time with an offset, returned in UTC.

    A space counts as `+`, because that is what an unescaped `+` in a query string becomes.
    """

    default_error_messages = {"invalid": _("Use a date and time with an offset, such as 2031-03-07T17:00:00Z.")}

    def parse(self, text: str) -> datetime:
        match = _DATE_TIME.fullmatch(text)
        if not match:
            raise ValueError
        moment = datetime.fromisoformat(f"{match['local']}{match['offset'].replace(' ', '+').upper()}")
        try:
            return moment.astimezone(UTC)
        except OverflowError:  # within hours of datetime.min or datetime.max
            return moment.replace(tzinfo=UTC)


@extend_schema_field({"type": "boolean"})
class QueryBooleanField(_FormattedField):
    """`true` or `false` in a query string."""

    default_error_messages = {"invalid": _("Use true or false.")}

    def parse(self, text: str) -> bool:
        if text not in ("true", "false"):
            raise ValueError
        return text == "true"


class ChoiceField(serializers.ChoiceField):
    """One of some strings. The error message lists them."""

    default_error_messages = {"invalid_choice": _("Use one of: {words}.")}

    def __init__(self, choices: Iterable[str], **options: Any) -> None:
        super().__init__(choices=[str(choice) for choice in choices], **options)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str) or data not in self.choices:
            self.fail("invalid_choice", words=", ".join(self.choices))
        return data


class IntegerField(serializers.IntegerField):
    """An integer as JSON Schema defines it: 2.0 is one; strings, fractions and booleans are not."""

    def to_internal_value(self, data: Any) -> int:
        is_integer = isinstance(data, int) and not isinstance(data, bool)
        if not is_integer and not (isinstance(data, float) and data.is_integer()):
            self.fail("invalid")
        return int(data)


class QueryIntegerField(IntegerField):
    """A non-negative integer in a query string, in at most nine ASCII digits."""

    def to_internal_value(self, data: Any) -> int:
        is_number = isinstance(data, str) and re.fullmatch("[0-9]{1,9}", data)
        return super().to_internal_value(int(data) if is_number else data)


class RepeatedField(serializers.ListField):
    """A query parameter that may be repeated or, with `commas`, hold several values separated by commas."""

    def __init__(self, child: serializers.Field[Any, Any, Any, Any], *, commas: bool = False, **options: Any) -> None:
        super().__init__(child=child, **options)
        self.commas = commas

    def values_in(self, given: Iterable[str]) -> list[str]:
        """Split the parameter's values. Empty ones are left out."""
        return [part for text in given for part in (text.split(",") if self.commas else [text]) if part]

    def to_internal_value(self, data: Any) -> list[Any]:
        """Return the distinct values in order. Raises ValidationError with the messages of the first invalid one."""
        try:
            return list(dict.fromkeys(super().to_internal_value(data)))
        except serializers.ValidationError as error:
            detail: Any = error.detail
            raise serializers.ValidationError(
                next(iter(detail.values())) if isinstance(detail, dict) else detail
            ) from None


class TextField(serializers.CharField):
    """A string, unchanged, without control characters. With `lines=True` line breaks and tabs are allowed."""

    def __init__(self, *, lines: bool = False, **options: Any) -> None:
        super().__init__(trim_whitespace=False, **options)
        self.pattern = TEXT_PATTERN if lines else LINE_PATTERN
        self.validators.append(_as_serializer_validator(validators.plain_text if lines else validators.plain_line))

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return data


def _as_serializer_validator(validator: Callable[[str], None]) -> Callable[[str], None]:
    """Wrap a Django validator so that it raises REST framework's ValidationError with the code `invalid`."""

    def validate(text: str) -> None:
        try:
            validator(text)
        except ValidationError as error:
            raise serializers.ValidationError(error.messages, code="invalid") from None

    return validate
