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

Sign in with `POST /api/auth/login` and send `Authorization: Bearer …` with every other call, or make an API key on your
account page and send that. A success is `{"success": true, "data": …}`, a failure `{"success": false, "error", "code",
"request_id"}`, with `errors` by field where fields are at fault. Dates and slots are the station's local time; instants
carry their offset; money is in the smallest unit of the station's currency. Answers may gain keys: ignore those that you
do not know.
"""

ALIKE: Final = {str(status) for status in FAILURES} - {"400", "401"}
"""The statuses whose failures are described once for all addresses."""


def document() -> dict[str, Any]:
    """The whole description: it changes with the code and the product's own address, and with nothing else."""
    return document_at(settings.PUBLIC_URL)


@cache
def document_at(_public_url: str) -> dict[str, Any]:
    written: dict[str, Any] = SchemaGenerator().get_schema(public=True)  # type: ignore[no-untyped-call]
    return written


def with_components(result: dict[str, Any], **_more: Any) -> dict[str, Any]:
    """The shapes of answers beside those that serializers bring, each failure that is alike everywhere only once, and for each
    call whether it needs a sign-in."""
    components = result.setdefault("components", {})
    components.setdefault("schemas", {}).update(COMPONENTS | ENVELOPES)
    result["info"]["description"] = INTRODUCTION
    result["security"] = [{"token": []}, {"key": []}, {"session": []}]
    result["servers"] = [{"url": settings.PUBLIC_URL or "/"}]
    for operation in (one for methods in result["paths"].values() for one in methods.values()):
        operation.setdefault("security", [])
        for status in ALIKE & set(operation["responses"]):
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


class Schema(AutoSchema):
    """Full addresses, grouped by what they are about; bodies take no field that is not named."""

    def get_tags(self) -> list[str]:
        parts = self.path.strip("/").split("/")
        return [parts[1] if len(parts) > 1 else "root"]

    def _is_list_view(self, serializer: Any = None) -> bool:
        return False  # responses are documented in their envelope, which is never an array

    def _map_serializer_field(self, field: Any, direction: str, bypass_extensions: bool = False) -> Any:
        if isinstance(field, ChoiceField):
            words = list(field.choices)
            known = words == COMPONENTS["BookingStatus"]["enum"]
            return reference("BookingStatus") if known else {"type": "string", "enum": words}
        shape = super()._map_serializer_field(field, direction, bypass_extensions)  # type: ignore[no-untyped-call]
        if isinstance(field, TextField):
            shape |= {"pattern": field.pattern} | ({} if field.allow_blank else {"minLength": 1})
        return shape

    def _insert_field_validators(self, field: Any, schema: dict[str, Any]) -> None:
        super()._insert_field_validators(field, schema)  # type: ignore[no-untyped-call]
        if isinstance(field, TextField) and "oneOf" in schema:
            # Either text or blank: the pattern takes both, and generators would make a type of its own of the choice.
            [text, _blank] = schema.pop("oneOf")
            schema.update(text)

    def _map_basic_serializer(self, serializer: Any, direction: str) -> dict[str, Any]:
        mapped = super()._map_basic_serializer(serializer, direction)  # type: ignore[no-untyped-call]
        shape = {**mapped, "additionalProperties": False}
        own_words = type(serializer).__dict__.get("__doc__")
        return shape if own_words else {name: value for name, value in shape.items() if name != "description"}
