"""The shapes of answers, as JSON Schema: what the API's description says, and its tests hold every answer against."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from core.api.fields import DATE_PATTERN, SLOT_PATTERN

Shape = Mapping[str, Any]

UUID: Final = {"type": "string", "format": "uuid"}
DATE: Final = {"type": "string", "format": "date", "pattern": DATE_PATTERN}
SLOT: Final = {"type": "string", "pattern": SLOT_PATTERN}
INSTANT: Final = {"type": "string", "format": "date-time"}
COUNT: Final = {"type": "integer", "minimum": 0}
TEXT: Final = {"type": "string"}
FLAG: Final = {"type": "boolean"}


def record(properties: Shape, *, optional: Iterable[str] = ()) -> dict[str, Any]:
    """An object with at least these keys: answers may gain keys, and callers ignore those that they do not know."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": [name for name in properties if name not in set(optional)],
    }


def reference(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def envelope(name: str, data: Shape, **more: Shape) -> dict[str, str]:
    """What stands around a success, as a component of this name: generated clients name their types by it."""
    ENVELOPES[name] = record({"success": {**FLAG, "description": "true"}, "data": data, **more})
    return reference(name)


ENVELOPES: Final[dict[str, dict[str, Any]]] = {}


def failure(data: str = "") -> dict[str, Any]:
    """What every failure says; `data` names the component of what helps to go on, where there is such."""
    return record(
        {
            "success": {**FLAG, "description": "false"},
            "error": {**TEXT, "description": "A sentence for a person, in the language of Accept-Language"},
            "code": {**TEXT, "description": "A word for a program"},
            "errors": {"type": "object", "additionalProperties": {"type": "array", "items": TEXT}},
            **({"data": reference(data)} if data else {}),
            "request_id": TEXT,
        },
        optional=("errors", "data"),
    )


def or_null(shape: Shape) -> dict[str, Any]:
    return {"oneOf": [shape, {"type": "null"}]}
