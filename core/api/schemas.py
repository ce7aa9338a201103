"""JSON Schemas of responses, used in the API documentation and to validate responses in tests."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from core.api.fields import DATE_PATTERN, SLOT_PATTERN

Schema = Mapping[str, Any]

UUID: Final = {"type": "string", "format": "uuid"}
DATE: Final = {"type": "string", "format": "date", "pattern": DATE_PATTERN}
SLOT: Final = {"type": "string", "pattern": SLOT_PATTERN}
DATE_TIME: Final = {"type": "string", "format": "date-time"}
COUNT: Final = {"type": "integer", "minimum": 0}
TEXT: Final = {"type": "string"}
BOOLEAN: Final = {"type": "boolean"}


def record(properties: Schema, *, optional: Iterable[str] = ()) -> dict[str, Any]:
    """Schema of an object with at least these keys. Others may be added later, which clients ignore."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": [name for name in properties if name not in set(optional)],
    }


def reference(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def envelope(name: str, data: Schema, **more: Schema) -> dict[str, str]:
    """Register the schema of a successful response under `name`, which generated clients use for their types."""
    ENVELOPES[name] = record({"success": {**BOOLEAN, "description": "true"}, "data": data, **more})
    return reference(name)


ENVELOPES: Final[dict[str, dict[str, Any]]] = {}


def failure(data: str = "") -> dict[str, Any]:
    """Schema of an error response; `data` is the name of the component for its `data`, if it has any."""
    return record(
        {
            "success": {**BOOLEAN, "description": "false"},
            "error": {**TEXT, "description": "A sentence for a person, in the language of Accept-Language"},
            "code": {**TEXT, "description": "A word for a program"},
            "errors": {"type": "object", "additionalProperties": {"type": "array", "items": TEXT}},
            **({"data": reference(data)} if data else {}),
            "request_id": TEXT,
        },
        optional=("errors", "data"),
    )


def nullable(schema: Schema) -> dict[str, Any]:
    return {"oneOf": [schema, {"type": "null"}]}
