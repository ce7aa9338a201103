"""The OpenAPI document: valid, complete and correct."""

import json
import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from django.conf import LazySettings
from drf_spectacular.generators import SchemaGenerator
from openapi_spec_validator import OpenAPIV31SpecValidator

from accounts.models import User
from config import api_schema, api_urls
from core.api.fields import DATE_PATTERN
from core.api.openapi import FAILURES
from core.api.responses import CODES
from core.errors import DomainError, http_status
from core.version import VERSION
from tests.bookings.api.caller import Caller, description, faults, resolved

pytestmark = pytest.mark.looks

SCHEMA = "/api/schema/"
CALLS = [
    (path, method, operation)
    for path, methods in description()["paths"].items()
    for method, operation in methods.items()
]


@pytest.fixture(autouse=True)
def fresh_documents() -> None:
    """Neither document is one that a test with other settings caused, or that a tool which reads it has changed."""
    api_schema.document_at.cache_clear()
    description.cache_clear()


def named(calls: list[tuple[str, str, Any]]) -> list[str]:
    return [f"{method} {path}" for path, method, _operation in calls]


def test_description_is_valid_openapi_31(api: Caller) -> None:
    document = api.get(SCHEMA).json()

    OpenAPIV31SpecValidator(document).validate()
    assert document["openapi"].startswith("3.1")
    assert document == description()


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("*/*", "application/vnd.oai.openapi+json"),
        ("application/vnd.oai.openapi+json", "application/vnd.oai.openapi+json"),
        ("application/json", "application/json"),
        ("application/yaml", "application/yaml"),
        ("application/vnd.oai.openapi", "application/vnd.oai.openapi"),
    ],
)
def test_description_is_the_same_as_json_and_as_yaml(api: Caller, accept: str, kind: str) -> None:
    answer = api.get(SCHEMA, Accept=accept)

    assert answer.headers["Content-Type"].split(";")[0] == kind
    assert yaml.safe_load(answer.content) == description()


def test_description_comes_without_a_warning(caplog: pytest.LogCaptureFixture, capsys: Any) -> None:
    with caplog.at_level(logging.WARNING):
        SchemaGenerator().get_schema(public=True)  # type: ignore[no-untyped-call]

    assert (caplog.records, capsys.readouterr().err) == ([], "")


def test_description_has_every_address_of_the_api_in_full() -> None:
    written = {f"/api/{one.pattern}".replace("<str:", "{").replace(">", "}") for one in api_urls.urlpatterns}

    assert written - {"/api/^"} == set(description()["paths"])


@pytest.mark.parametrize(("path", "method", "operation"), CALLS, ids=named(CALLS))
def test_description_names_every_status_of_a_call(path: str, method: str, operation: Any) -> None:
    writes, signed_in = "requestBody" in operation, bool(operation["security"])
    expected = {"400", "401", "406", "429", "500", "503"} | ({"413", "415"} if writes else set())
    expected |= ({"403"} if signed_in else set()) | ({"404"} if "{" in path else set())

    assert expected <= set(operation["responses"])
    assert {status for status in operation["responses"] if status < "300"}


@pytest.mark.parametrize(("path", "method", "operation"), CALLS, ids=named(CALLS))
def test_description_has_examples_that_fit_their_shapes(path: str, method: str, operation: Any) -> None:
    bodies = [operation["requestBody"], *operation["responses"].values()] if "requestBody" in operation else []
    bodies = [resolved(body) for body in bodies or operation["responses"].values()]
    found = [
        (content["schema"], example["value"])
        for body in bodies
        for content in body.get("content", {}).values()
        for example in content.get("examples", {}).values()
    ]

    assert found
    assert [fault for shape, value in found for fault in faults(value, shape)] == []


WRITES = [call for call in CALLS if "requestBody" in call[2]]


@pytest.mark.parametrize(("path", "method", "operation"), WRITES, ids=named(WRITES))
def test_description_shows_a_body_and_takes_no_other_fields(path: str, method: str, operation: Any) -> None:
    content = operation["requestBody"]["content"]

    assert set(content) == {"application/json"}
    assert content["application/json"]["examples"]
    assert resolved(content["application/json"]["schema"])["additionalProperties"] is False


def test_description_wants_date_and_slot_to_reschedule() -> None:
    body = description()["components"]["schemas"]["RescheduleBody"]

    assert (body["required"], list(body["properties"])) == (["date", "slot"], ["date", "slot", "station"])


def test_description_gives_parameters_their_patterns() -> None:
    parameters = {one["name"]: one for one in description()["paths"]["/api/bookings/admin/weekly"]["get"]["parameters"]}

    assert set(parameters) == {"date_from", "date_to", "status", "station", "If-None-Match"}
    assert parameters["date_from"]["required"]
    assert parameters["date_from"]["schema"]["pattern"] == DATE_PATTERN


def test_description_knows_every_way_to_sign_in() -> None:
    assert description()["components"]["securitySchemes"] == {
        "key": {"type": "http", "scheme": "bearer", "bearerFormat": "sb_…"},
        "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
        "session": {"type": "apiKey", "in": "cookie", "name": "stationbook_session"},
    }
    assert description()["paths"]["/api/stations/"]["get"]["security"] == [
        {"key": []},
        {"token": []},
        {"session": []},
    ]


def kinds(of: type[DomainError]) -> set[type[DomainError]]:
    return {of}.union(*(kinds(one) for one in of.__subclasses__()))


def test_description_has_an_example_of_every_refusal_of_the_rules() -> None:
    """A new rule needs its code in the description; those of timetables, mails, erasing and undo never come out by the API, and
    those of commands stand beside these, in no `errors.py`.
    """
    inside = {"would_displace", "would_retime", "too_late", "still_ahead"}
    inside |= {"nothing_to_undo", "nothing_to_redo", "not_last"}
    codes = {one.code for one in kinds(DomainError) if one.__module__.endswith(".errors")} - inside

    described = {code: status for status, (_text, sentences) in FAILURES.items() for code in sentences}

    assert {code: described[code] for code in codes} == {code: http_status(code) for code in codes}
    assert set(CODES) <= set(described)


def test_description_stays_of_a_size(api: Caller) -> None:
    assert len(api.get(SCHEMA).content) < 300_000


def test_docs_are_a_page_of_our_own_files(staff: User) -> None:
    answer = Caller(staff, session=True).get("/api/docs/", Accept="text/html")

    page = answer.content.decode()
    assert answer.status_code == 200
    assert 'data-schema="/api/schema/"' in page
    assert "//" not in page.replace("<!doctype html>", "")
    assert "unsafe" not in answer.headers["Content-Security-Policy"]


def test_docs_are_no_json(api: Caller) -> None:
    assert api.get("/api/docs/", Accept="application/json").status_code == 406


def test_failures_of_documents_speak_the_envelope(db: None) -> None:
    answer = Caller().call("POST", SCHEMA, Accept="application/yaml")

    assert answer.headers["Content-Type"] == "application/json"
    assert json.loads(answer.content)["code"] == "method_not_allowed"


@pytest.mark.parametrize("address", [SCHEMA, "/api/docs/"])
def test_documents_need_no_sign_in_and_no_valid_token(db: None, address: str) -> None:
    answers = [Caller().get(address), Caller().get(address, Authorization="Bearer none")]

    assert [answer.status_code for answer in answers] == [200, 200]


@pytest.mark.parametrize("accept", ["application/json", "application/yaml"])
def test_description_is_rendered_once(db: None, accept: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first = Caller().get(SCHEMA, Accept=accept).content
    monkeypatch.setattr("drf_spectacular.renderers.OpenApiYamlRenderer.render", None)
    monkeypatch.setattr("drf_spectacular.renderers.OpenApiJsonRenderer.render", None)

    assert Caller().get(SCHEMA, Accept=accept).content == first


# --- what generators of clients need -------------------------------------------------------------------------------------

KEYWORDS = {"class", "default", "enum", "import", "interface", "new", "object", "package", "public", "return", "void"}


def shapes_in(node: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Each schema of the description, with where it stands."""
    if isinstance(node, list):
        for number, part in enumerate(node):
            yield from shapes_in(part, f"{path}/{number}")
    if isinstance(node, dict):
        if {"type", "oneOf", "anyOf", "properties"} & set(node) and not isinstance(node.get("type"), dict):
            yield path, node
        for name, part in node.items():
            if name not in ("examples", "example"):
                yield from shapes_in(part, f"{path}/{name}")


SHAPES = list(shapes_in({"paths": description()["paths"], "schemas": description()["components"]["schemas"]}))


def test_description_names_each_call_by_a_word_of_its_own() -> None:
    names = [operation["operationId"] for _path, _method, operation in CALLS]

    assert len(set(names)) == len(names)
    assert [name for name in names if not re.fullmatch(r"[a-z]+([A-Z][a-z]+)*", name)] == []


def test_description_names_every_object() -> None:
    """Of an object that stands in the middle of another, each generator makes a type of a name of its own."""
    found = [path for path, shape in SHAPES if "properties" in shape and not re.fullmatch(r"/schemas/\w+", path)]

    assert found == []


def test_description_names_objects_by_plain_words() -> None:
    names = description()["components"]["schemas"]

    assert [name for name in names if not re.fullmatch(r"([A-Z][a-z]+)+", name) or name.lower() in KEYWORDS] == []


def test_description_has_no_shape_that_generators_stumble_over() -> None:
    """A constant, a null alone, and a choice of anything but one shape or null."""
    alone = [path for path, shape in SHAPES if "const" in shape or shape.get("type") in ("null", ["null"])]
    choices = [(path, shape[kind]) for path, shape in SHAPES for kind in ("oneOf", "anyOf") if kind in shape]

    assert [path for path in alone if not path.endswith("/oneOf/1")] == []
    assert [path for path, parts in choices if len(parts) != 2 or parts[1] != {"type": "null"}] == []


def test_description_forbids_no_key_in_answers() -> None:
    bodies = {resolved_name(operation["requestBody"]) for _path, _method, operation in WRITES} | {"ContactBody"}
    closed = [
        name
        for name, shape in description()["components"]["schemas"].items()
        if shape.get("additionalProperties") is False
    ]

    assert set(closed) == bodies


def resolved_name(body: dict[str, Any]) -> str:
    return str(body["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2])


def test_description_says_where_the_api_is_and_what_it_is_for(settings: LazySettings) -> None:
    document = description()
    settings.PUBLIC_URL = "https://book.example.com"
    public = SchemaGenerator().get_schema(public=True)  # type: ignore[no-untyped-call]

    assert (document["servers"], public["servers"]) == ([{"url": "/"}], [{"url": "https://book.example.com"}])
    assert document["security"] == [{"token": []}, {"key": []}, {"session": []}]
    assert document["info"]["description"].startswith("Bookings, stations and customers for other systems.")


def test_description_is_of_this_release(api: Caller) -> None:
    assert api.get(SCHEMA).json()["info"]["version"] == VERSION


@pytest.mark.parametrize(("path", "method", "operation"), CALLS, ids=named(CALLS))
def test_description_says_which_calls_need_a_sign_in(path: str, method: str, operation: Any) -> None:
    is_open = path.startswith("/api/auth/") or path in ("/api/schema/", "/api/docs/")

    assert bool(operation["security"]) is not is_open
