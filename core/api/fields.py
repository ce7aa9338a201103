"""The shapes of words that come in by the API: each takes one spelling and no other, each refusal has the contract's code."""

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
"""As `core.validators` reads them, for the API's description."""

_INSTANT = re.compile(
    r"(?P<local>[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,20})?)(?P<offset>[Zz]|[+\- ][0-9]{2}:[0-9]{2})"
)
_ID = re.compile(r"[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}")


class _ShapeField(serializers.Field[Any, Any, Any, Any]):
    """Text of one shape; null, numbers and the like are as wrong as text of another."""

    code = "invalid"

    def validate_empty_values(self, data: Any) -> tuple[bool, Any]:
        if data is None:
            self.fail(self.code)
        return super().validate_empty_values(data)

    def to_internal_value(self, data: Any) -> Any:
        try:
            return self.read(data) if isinstance(data, str) else self.fail(self.code)
        except ValueError:
            self.fail(self.code)

    def read(self, text: str) -> Any:
        """The value. Raises ValueError for text of another shape."""
        raise NotImplementedError


@extend_schema_field({"type": "string", "format": "date", "pattern": DATE_PATTERN})
class DateField(_ShapeField):
    """`YYYY-MM-DD` in ASCII digits and nothing else, from 1900 to 2999."""

    code = "invalid_date"
    default_error_messages = {code: _("Invalid date format. Use YYYY-MM-DD")}

    def read(self, text: str) -> date:
        if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
            raise ValueError
        day = date.fromisoformat(text)
        if not FIRST_DATE <= day <= LAST_DATE:
            raise ValueError
        return day


@extend_schema_field({"type": "string", "pattern": SLOT_PATTERN, "examples": ["18:00"]})
class SlotField(_ShapeField):
    """`HH:MM` in ASCII digits and nothing else."""

    code = "invalid_slot"
    default_error_messages = {code: _("Invalid time slot format. Use HH:MM (e.g., 18:00)")}

    def read(self, text: str) -> time:
        if not re.fullmatch(SLOT_PATTERN.strip("^$"), text):
            raise ValueError
        return time.fromisoformat(text)


@extend_schema_field({"type": "string", "format": "uuid"})
class IdField(_ShapeField):
    """A UUID, with or without hyphens, in either case."""

    default_error_messages = {"invalid": _("Invalid ID. Use one from the API.")}

    def read(self, text: str) -> UUID:
        return known_uuid(text)


def known_uuid(text: str) -> UUID:
    """Raises ValueError for anything but a UUID's 32 hexadecimal digits, with their hyphens or without."""
    if not _ID.fullmatch(text):
        raise ValueError
    return UUID(text)


@extend_schema_field({"type": "string", "format": "date-time"})
class InstantField(_ShapeField):
    """A moment as ISO 8601 writes it, with its offset. An offset's + that was not encoded arrives as a blank, and counts."""

    default_error_messages = {"invalid": _("Give a date and time with its offset, such as 2031-03-07T17:00:00Z.")}

    def read(self, text: str) -> datetime:
        found = _INSTANT.fullmatch(text)
        if not found:
            raise ValueError
        moment = datetime.fromisoformat(f"{found['local']}{found['offset'].replace(' ', '+').upper()}")
        try:
            return moment.astimezone(UTC)
        except OverflowError:  # a few hours before the first moment that there is, or after the last
            return moment.replace(tzinfo=UTC)


@extend_schema_field({"type": "boolean"})
class QueryFlagField(_ShapeField):
    """`true` or `false` in a query."""

    default_error_messages = {"invalid": _("Use true or false.")}

    def read(self, text: str) -> bool:
        if text not in ("true", "false"):
            raise ValueError
        return text == "true"


class WordField(serializers.ChoiceField):
    """One of a few words."""

    default_error_messages = {"invalid_choice": _("Use one of: {words}.")}

    def __init__(self, words: Iterable[str], **options: Any) -> None:
        super().__init__(choices=[str(word) for word in words], **options)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str) or data not in self.choices:
            self.fail("invalid_choice", words=", ".join(self.choices))
        return data


class NumberField(serializers.IntegerField):
    """An integer as JSON Schema knows it, for which 2.0 is one: no text, no fraction, no boolean."""

    def to_internal_value(self, data: Any) -> int:
        whole = isinstance(data, int) and not isinstance(data, bool)
        if not whole and not (isinstance(data, float) and data.is_integer()):
            self.fail("invalid")
        return int(data)


class QueryNumberField(NumberField):
    """A number in a query: ASCII digits and nothing else."""

    def to_internal_value(self, data: Any) -> int:
        digits = isinstance(data, str) and re.fullmatch("[0-9]{1,9}", data)
        return super().to_internal_value(int(data) if digits else data)


class RepeatedField(serializers.ListField):
    """A parameter of a query that may be given several times, or, with `commas`, several values in one."""

    def __init__(self, child: serializers.Field[Any, Any, Any, Any], *, commas: bool = False, **options: Any) -> None:
        super().__init__(child=child, **options)
        self.commas = commas

    def values_in(self, given: Iterable[str]) -> list[str]:
        """What is asked for; what is empty counts as left out."""
        return [part for text in given for part in (text.split(",") if self.commas else [text]) if part]

    def to_internal_value(self, data: Any) -> list[Any]:
        """Each value once. Raises ValidationError with what is wrong with the first that is wrong."""
        try:
            return list(dict.fromkeys(super().to_internal_value(data)))
        except serializers.ValidationError as error:
            found: Any = error.detail
            raise serializers.ValidationError(
                next(iter(found.values())) if isinstance(found, dict) else found
            ) from None


class TextField(serializers.CharField):
    """A JSON string, kept as it is, without control characters; `lines=True` allows line breaks and tabs."""

    def __init__(self, *, lines: bool = False, **options: Any) -> None:
        super().__init__(trim_whitespace=False, **options)
        self.pattern = TEXT_PATTERN if lines else LINE_PATTERN
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
