"""Base class of all serializers that parse requests."""

from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from typing import Any, Self

from django.http import QueryDict
from django.utils.translation import gettext_lazy as _
from rest_framework import exceptions, serializers

from core.api.fields import RepeatedField


class StrictSerializer(serializers.Serializer[Any]):
    """Rejects unknown fields, does not coerce types, and reports all errors at once."""

    def to_internal_value(self, data: Any) -> Any:
        wrong: dict[str, Any] = {}
        if isinstance(data, Mapping):
            wrong = {str(name)[:100]: [_("Unknown field.")] for name in data if name not in self.fields}
        try:
            values = super().to_internal_value(data)
        except exceptions.ValidationError as error:
            raise exceptions.ValidationError({**wrong, **error.detail}) from None  # type: ignore[dict-item]
        if wrong:
            raise exceptions.ValidationError(wrong)
        return values

    @classmethod
    def parse(cls, data: Any) -> dict[str, Any]:
        """Return the validated data. Raises REST framework's ValidationError.

        Valid data is parsed by one shared instance. Errors come from a new instance, because REST framework's fields keep
        their messages in the language of the first error.
        """
        with suppress(exceptions.ValidationError):
            return dict(cls._shared().run_validation(data))
        serializer = cls(data=data)
        serializer.is_valid(raise_exception=True)
        return dict(serializer.validated_data)

    @classmethod
    def parse_query(cls, query: QueryDict) -> dict[str, Any]:
        """Return the validated query parameters. An empty value of an optional field counts as missing.

        Raises REST framework's ValidationError, also for a parameter given twice that is no RepeatedField.
        """
        fields, given, twice = cls._shared().fields, dict[str, Any](), list[str]()
        for name, values in query.lists():
            field = fields.get(name)
            if isinstance(field, RepeatedField):
                values = field.values_in(values)
                given |= {name: values} if values else {}
            elif len(values) > 1:
                twice.append(name[:100])
            elif values[0] or field is None or field.required:
                given[name] = values[0]
        if twice:
            raise exceptions.ValidationError({name: [_("Use this parameter only once.")] for name in twice})
        return cls.parse(given)

    @classmethod
    @cache
    def _shared(cls) -> Self:
        return cls()
