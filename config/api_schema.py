"""The OpenAPI document of the whole API."""

from functools import cache
from typing import Any, Final

from django.conf import settings
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema

from bookings.api.schemas import COMPONENTS
from core.api.fields import ChoiceField, TextField
from core.api.openapi import FAILURES
from core.api.schemas import ENVELOPES, reference

INTRODUCTION: Final = """\
Bookings, stations and customers for other systems.

**Authentication.** Sign in with `POST /api/auth/login` and send `Authorization: Bearer …` with every other request, or make
an API key on your account page and send that.

**Responses.** A success is `{"success": true, "data": …}`, an error `{"success": false, "error", "code", "request_id"}`, with
`errors` by field for invalid input. Responses may gain keys: ignore those that you do not know.

**Values.** Dates and slots are in the station's time zone. Instants have an offset. Money is in the smallest unit of the
station's currency.
"""

SHARED_STATUSES: Final = {str(status) for status in FAILURES} - {"400", "401"}
"""Statuses whose error responses are the same for all operations, and therefore documented once."""


def document() -> dict[str, Any]:
    """The OpenAPI document. It depends only on the code and PUBLIC_URL."""
    return document_at(settings.PUBLIC_URL)


@cache
def document_at(_public_url: str) -> dict[str, Any]:
    schema: dict[str, Any] = SchemaGenerator().get_schema(public=True)  # type: ignore[no-untyped-call]
    return schema


def add_components(result: dict[str, Any], **_options: Any) -> dict[str, Any]:
    """Postprocessing hook that adds the response schemas, shares error responses, and marks operations without authentication."""
    components = result.setdefault("components", {})
    components.setdefault("schemas", {}).update(COMPONENTS | ENVELOPES)
    result["info"]["description"] = INTRODUCTION
    result["security"] = [{"token": []}, {"key": []}, {"session": []}]
    result["servers"] = [{"url": settings.PUBLIC_URL or "/"}]
    for operation in (operation for methods in result["paths"].values() for operation in methods.values()):
        operation.setdefault("security", [])
        for status in SHARED_STATUSES & set(operation["responses"]):
            name = next(iter(FAILURES[int(status)][1]))
            components.setdefault("responses", {})[name] = operation["responses"][status]
            operation["responses"][status] = {"$ref": f"#/components/responses/{name}"}
    return result


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "accounts.auth.authentication.BearerAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}


class KeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "accounts.auth.authentication.KeyAuthentication"
    name = "key"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "sb_…"}


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "accounts.auth.authentication.SessionAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        return {"type": "apiKey", "in": "cookie", "name": settings.SESSION_COOKIE_NAME}


class OperationSchema(AutoSchema):
    """Describes operations: grouped by the first part of their path, and with bodies that reject unknown fields."""

    def get_tags(self) -> list[str]:
        parts = self.path.strip("/").split("/")
        return [parts[1] if len(parts) > 1 else "root"]

    def _is_list_view(self, serializer: Any = None) -> bool:
        return False  # responses are documented in their envelope, which is never an array

    def _map_serializer_field(self, field: Any, direction: str, bypass_extensions: bool = False) -> Any:
        if isinstance(field, ChoiceField):
            choices = list(field.choices)
            is_status = choices == COMPONENTS["BookingStatus"]["enum"]
            return reference("BookingStatus") if is_status else {"type": "string", "enum": choices}
        schema: dict[str, Any] = super()._map_serializer_field(field, direction, bypass_extensions)  # type: ignore[no-untyped-call]
        if isinstance(field, TextField):
            schema |= {"pattern": field.pattern} | ({} if field.allow_blank else {"minLength": 1})
        return schema

    def _insert_field_validators(self, field: Any, schema: dict[str, Any]) -> None:
        super()._insert_field_validators(field, schema)  # type: ignore[no-untyped-call]
        if isinstance(field, TextField) and "oneOf" in schema:
            # A choice of text or blank text. The pattern allows both, and client generators would make a type of the choice.
            [text, _blank] = schema.pop("oneOf")
            schema.update(text)

    def _map_basic_serializer(self, serializer: Any, direction: str) -> dict[str, Any]:
        mapped = super()._map_basic_serializer(serializer, direction)  # type: ignore[no-untyped-call]
        schema = {**mapped, "additionalProperties": False}
        has_docstring = type(serializer).__dict__.get("__doc__")  # and does not inherit that of its base class
        return schema if has_docstring else {name: value for name, value in schema.items() if name != "description"}
