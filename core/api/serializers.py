"""The base of all serializers that parse what callers send."""

from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from typing import Any, Self

from django.http import QueryDict
from django.utils.translation import gettext_lazy as _
from rest_framework import exceptions, serializers

from core.api.fields import RepeatedField


class StrictSerializer(serializers.Serializer[Any]):
    """Parses what callers send: unknown fields are refused, types are not guessed, all faults are named at once."""

    def to_internal_value(self, data: Any) -> Any:
        wrong: dict[str, Any] = {}
        if isinstance(data, Mapping):
            wrong = {str(name)[:100]: [_("There is no such field.")] for name in data if name not in self.fields}
        try:
            values = super().to_internal_value(data)
        except exceptions.ValidationError as error:
            raise exceptions.ValidationError({**wrong, **error.detail}) from None  # type: ignore[dict-item]
        if wrong:
            raise exceptions.ValidationError(wrong)
        return values

    @classmethod
    def parse(cls, data: Any) -> dict[str, Any]:
        """The validated data. Raises REST framework's ValidationError.

        All requests share one reader, as long as what it reads is right. What is wrong is told by another one: REST framework's
        fields go on in the language in which they were first asked to say it.
        """
        with suppress(exceptions.ValidationError):
            return dict(cls._shared().run_validation(data))
        serializer = cls(data=data)
        serializer.is_valid(raise_exception=True)
        return dict(serializer.validated_data)

    @classmethod
    def parse_query(cls, query: QueryDict) -> dict[str, Any]:
        """The validated parameters of a query: each once, but for a RepeatedField; an empty one that may be left out counts as
        left out. Raises REST framework's ValidationError.
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
            raise exceptions.ValidationError({name: [_("Give this once.")] for name in twice})
        return cls.parse(given)

    @classmethod
    @cache
    def _shared(cls) -> Self:
        return cls()
