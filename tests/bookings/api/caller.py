"""A test client of the API that validates every response against the OpenAPI document."""

import gzip
import json
import re
from functools import cache
from typing import Any

from django.test import Client
from drf_spectacular.generators import SchemaGenerator
from jsonschema import Draft202012Validator

from accounts.auth.authentication import issue_tokens
from accounts.models import User

JSON = "application/json"
FAILURE = {
    "anyOf": [{"$ref": f"#/components/schemas/{name}"} for name in ("Failure", "NotAcceptableFailure", "StaleFailure")]
}


@cache
def description() -> dict[str, Any]:
    """The OpenAPI document, as served."""
    written = SchemaGenerator().get_schema(public=True)  # type: ignore[no-untyped-call]
    document: dict[str, Any] = json.loads(json.dumps(written, default=str))
    return document


@cache
def _operations() -> list[tuple[re.Pattern[str], dict[str, Any]]]:
    """The pattern and the operations of each path, those with the fewest variables first."""
    paths = sorted(description()["paths"].items(), key=lambda item: item[0].count("{"))
    return [(re.compile(re.sub(r"\{\w+\}", "[^/]+", path).rstrip("/") + "/?"), methods) for path, methods in paths]


def operation(method: str, address: str) -> dict[str, Any] | None:
    """The documented operation of a request; None for a path or a method that is not documented."""
    methods = next((methods for pattern, methods in _operations() if pattern.fullmatch(address)), {})
    found: dict[str, Any] | None = methods.get("get" if method == "HEAD" else method.lower())
    return found


def resolved(shape: dict[str, Any]) -> dict[str, Any]:
    """The part of the document that a `$ref` points to; anything else as it is."""
    found: Any = description()
    for name in shape["$ref"].split("/")[1:] if "$ref" in shape else ():
        found = found[name]
    return found if "$ref" in shape else shape


def without_additional_properties(shape: Any) -> Any:
    """The schema without additional properties: clients accept more keys, but responses must not have undocumented ones."""
    if isinstance(shape, list):
        return [without_additional_properties(part) for part in shape]
    if not isinstance(shape, dict):
        return shape
    found = {name: without_additional_properties(part) for name, part in shape.items()}
    return {"additionalProperties": False, **found} if isinstance(shape.get("properties"), dict) else found


def faults(instance: Any, shape: dict[str, Any]) -> list[str]:
    """The messages of a value's validation against a schema."""
    whole = {
        **without_additional_properties(shape),
        "components": without_additional_properties(description()["components"]),
    }
    validator = Draft202012Validator(whole, format_checker=Draft202012Validator.FORMAT_CHECKER)
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(instance)]


def assert_documented(method: str, address: str, response: Any) -> None:
    """Assert that the status of a response is documented and that its body matches the schema."""
    known = operation(method, address)
    status, kind = str(response.status_code), response.headers.get("Content-Type", "").split(";")[0]
    if known is None:
        assert status in {"401", "403", "404", "405", "406", "429", "500", "503"}, f"{method} {address}: {status}"
        shape = FAILURE
    else:
        assert status in known["responses"], f"{method} {address} answered {status}, which is not documented"
        content = resolved(known["responses"][status]).get("content", {})
        if not content or kind != JSON:
            assert status == "200" or kind == "text/html" or not response.content
            return
        shape = content[kind]["schema"]
    if method != "HEAD" and kind == JSON:
        compressed = response.headers.get("Content-Encoding") == "gzip"
        assert faults(json.loads(gzip.decompress(response.content) if compressed else response.content), shape) == []


class Caller:
    """Sends requests as a user, with a token or with a session; without authentication for None."""

    def __init__(self, user: User | None = None, *, session: bool = False, **client: Any) -> None:
        self.client = Client(**client)
        self.headers: dict[str, str] = {}
        if user and session:
            self.client.force_login(user)
        elif user:
            self.headers["Authorization"] = f"Bearer {issue_tokens(user)['access']}"

    def call(self, method: str, address: str, content: str | bytes = b"", kind: str = JSON, **headers: str) -> Any:
        """Send a request. Names of headers have `_` for `-`."""
        address = address.removeprefix("http://testserver")
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        response = self.client.generic(method, address, content, kind, headers={**self.headers, **named})
        assert_documented(method, address.partition("?")[0], response)
        return response

    def get(self, address: str, **headers: str) -> Any:
        return self.call("GET", address, **headers)

    def post(self, address: str, body: Any, **headers: str) -> Any:
        return self.call("POST", address, json.dumps(body), **headers)

    def patch(self, address: str, body: Any, **headers: str) -> Any:
        return self.call("PATCH", address, json.dumps(body), **headers)


def failure(response: Any) -> dict[str, Any]:
    """The status and the body of an error response, without the request ID, which must be the one in the header."""
    body: dict[str, Any] = response.json()
    assert body.pop("request_id") == response.headers["X-Request-Id"]
    assert body.pop("success") is False
    return {"status": response.status_code, **body}


def status_and_code(response: Any) -> tuple[int, str]:
    """The status and the code of an error response."""
    body = failure(response)
    return body["status"], body["code"]
