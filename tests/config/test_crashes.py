"""A crash over somebody's data, searched byte by byte in all that it leaves behind: log, Sentry, OpenTelemetry."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from config.observability import logging
from stations.models import Station
from tests import captured_log, recording_server
from tests.factories import open_station, staff
from tests.personal_data import NAME, fragments_in
from tests.recording_server import RecordingServer

SECRET = "k3Jx9vQp7Lw2Zt5Rb8Nc1Ym6Hd4Fs0Ga-uEoIiTqXjV"


@dataclass
class Aftermath:
    printed: list[str]
    log: str
    server: RecordingServer
    cookie: str

    def lines(self, event: str) -> list[dict[str, Any]]:
        return [line for line in map(json.loads, self.log.splitlines()) if line["event"] == event]


@pytest.fixture(scope="module")
def kept() -> dict[str, Aftermath]:
    return {}


@pytest.fixture
def aftermath(kept: dict[str, Aftermath], transactional_db: None, database_url: str) -> Aftermath:
    """Of one run for all tests here: neither log nor server changes any more."""
    if "run" not in kept:
        kept["run"] = crash(database_url)
    return kept["run"]


def crash(database_url: str) -> Aftermath:
    kitchen: Station = open_station(code="kitchen")
    client = Client()
    client.force_login(staff(kitchen))
    cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
    with recording_server.recording_server() as took:
        variables = {
            **os.environ,
            "DATABASE_URL": database_url,
            "ALLOWED_HOSTS": "testserver",
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "LOG_LEVEL": "DEBUG",
            "SENTRY_DSN": f"http://public@127.0.0.1:{took.port}/7",
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{took.port}",
        }
        command = [sys.executable, "-m", "tests.config.crasher", SECRET, cookie]
        run = subprocess.run(command, env=variables, cwd=settings.BASE_DIR, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return Aftermath(run.stdout.split(), run.stderr, took, cookie)


def spans(took: RecordingServer) -> list[Any]:
    found = []
    for body in took.bodies("/v1/traces"):
        sent = ExportTraceServiceRequest.FromString(body)
        found += [span for one in sent.resource_spans for scope in one.scope_spans for span in scope.spans]
    return found


def events(took: RecordingServer) -> list[dict[str, Any]]:
    """What Sentry was told: the third line of each envelope."""
    return [json.loads(body.splitlines()[2]) for body in took.bodies("/api/7/envelope/")]


@pytest.mark.slow
def test_crash_is_answered_and_told_everywhere(aftermath: Aftermath) -> None:
    assert aftermath.printed == ["500", "500", "ResponseInterrupted"]
    assert len(aftermath.lines("Internal Server Error")) == 2
    assert len(events(aftermath.server)) == 3
    assert {"POST /crash/<str:secret>/", "GET /broken/"} <= {span.name for span in spans(aftermath.server)}


@pytest.mark.slow
def test_crash_leaves_nobody_s_data_anywhere(aftermath: Aftermath) -> None:
    left = [aftermath.log, aftermath.server.everything.decode("utf-8", "replace")]

    assert [fragments_in(text) for text in left] == [[], []]
    assert [secret for secret in (SECRET, aftermath.cookie) for text in left if secret in text] == []


@pytest.mark.slow
def test_crash_is_logged_by_kind_and_way(aftermath: Aftermath) -> None:
    told = aftermath.lines("Internal Server Error")[0]["error"]

    assert (told["kind"], told["after"]["kind"]) == ("RuntimeError", "django.db.utils.IntegrityError")
    assert told["way"][-1].startswith("tests/config/crasher.py:")


@pytest.mark.slow
def test_sentry_is_told_what_is_known_to_be_harmless(aftermath: Aftermath) -> None:
    first = events(aftermath.server)[0]

    request = aftermath.lines("request")[0]["request"]
    assert first["tags"] == {"request": request, "route": "/crash/<str:secret>/", "method": "POST"}
    assert [one["type"] for one in first["exception"]["values"]] == ["IntegrityError", "RuntimeError"]
    assert {*first} <= {"event_id", "timestamp", "platform", "level", "environment", "tags", "exception"}
    of_errors = {name for one in first["exception"]["values"] for name in one}
    of_frames = {
        name for one in first["exception"]["values"] for frame in one["stacktrace"]["frames"] for name in frame
    }
    assert of_errors == {"type", "module", "stacktrace"}
    assert of_frames <= {"filename", "function", "module", "lineno", "in_app"}


def test_traces_hold_statements_without_values(aftermath: Aftermath) -> None:
    found = spans(aftermath.server)

    told = {attribute.key for span in found for attribute in span.attributes}
    statements = [a.value.string_value for span in found for a in span.attributes if a.key == "db.query.text"]
    assert told == {
        "http.request.method",
        "http.route",
        "http.response.status_code",
        "stationbook.request",
        "db.system.name",
        "db.query.text",
    }
    assert any("%s" in text and "accounts_user" in text for text in statements)
    assert [span.name for span in found if span.events] == []


def test_statements_belong_to_their_request(aftermath: Aftermath) -> None:
    found = spans(aftermath.server)

    [request] = [span for span in found if span.name == "POST /crash/<str:secret>/"]
    mine = [span for span in found if span.trace_id == request.trace_id and span != request]
    assert len(mine) == aftermath.lines("request")[0]["queries"] > 0
    assert not any(span.parent_span_id == b"" for span in mine)


def test_command_that_breaks_off_says_none_of_the_error_s_words() -> None:
    with captured_log.capture_log() as book:
        try:
            raise RuntimeError(NAME)
        except RuntimeError as error:
            logging.log_unhandled(RuntimeError, error, error.__traceback__)

    [line] = book.lines
    assert (line["event"], line["error"]["kind"], fragments_in(book.text)) == (
        "The command failed.",
        "RuntimeError",
        [],
    )


@pytest.mark.looks
def test_nothing_of_it_is_loaded_unless_it_is_wanted() -> None:
    """In a process of its own: what was imported once stays."""
    asked = (
        "import sys, django, tests.settings; django.setup(); from django.test import Client; import config.wsgi;"
        "print([name for name in sys.modules if name.startswith(('sentry_sdk', 'opentelemetry'))])"
    )
    variables = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    run = subprocess.run(
        [sys.executable, "-c", asked], env=variables, cwd=settings.BASE_DIR, capture_output=True, text=True
    )

    assert (run.stdout, run.stderr) == ("[]\n", "")
