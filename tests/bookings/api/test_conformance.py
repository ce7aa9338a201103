"""Generated requests, single and in sequences, whose responses must match the OpenAPI document."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import orjson
import pytest
import schemathesis
from django.core.servers.basehttp import WSGIRequestHandler
from django.db import connection
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema
from schemathesis.engine.recorder import ScenarioRecorder

from accounts import roles
from accounts.auth import api_keys
from accounts.auth.authentication import issue_tokens
from bookings.models.status import Status
from stations.models import Station
from tests import factories
from tests.bookings.api.caller import description

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

GROUPS: Final = {
    "viewer": roles.VIEWERS,
    "staff": roles.STAFF,
    "manager": roles.MANAGERS,
    "integrator": roles.INTEGRATORS,
}
CALLERS: Final = (*GROUPS, "key")
ON_BOTH: Final = ("staff", "manager")
"""On both databases; with the others' rights, the databases are asked the same."""

RULES: Final = {
    "invalid_range",
    "invalid_step",
    "no_such_slot",
    "not_reschedulable",
    "past",
    "slot_closed",
    "slot_full",
    "stale",
    "too_early",
}
"""Refusals of calls that are well-formed: no JSON Schema says what is free on a Friday."""
BETWEEN_FIELDS: Final = {
    "cursor": "Use the cursor from `next` or `previous` of a response to the same query.",
    "customer.email": "Enter a valid email address.",
    "customer.phone": "This is not a phone number. Enter it with its country code, such as +1 202 555 0143.",
    "customer_id": "Give either a customer or a customer_id.",
    "deposit_due_cents": "The deposit cannot be more than the total.",
    "party_adults": "A party has at least one guest.",
    "If-Match": 'Name one version in quotes, such as "3", or * for any.',
}
"""And those of fields that fit their shapes, but not each other or the world; and an If-Match of `0`, which schemathesis takes
to fit its pattern."""


class Fault(NamedTuple):
    check: str
    call: str
    said: str
    status: int
    answer: str


def token_of(caller: str, station: Station) -> str:
    if caller in GROUPS:
        return str(issue_tokens(factories.person(GROUPS[caller], station))["access"])
    owner = factories.person(roles.INTEGRATORS, station)
    rights = [roles.VIEW, roles.PII, roles.CHANGE]
    _key, text = api_keys.create(name="Shop", stations=[station], rights=rights, expires_on=None, by=owner)
    return text


def engine(address: str, token: str, *, examples: int, steps: int, coverage: bool) -> Any:
    """schemathesis as its command line runs it: every check, every phase; its calls are the same each time.

    A line that was kept open would keep its thread of the server, and the thread its connection to the database.
    """
    config = SchemathesisConfig.from_dict(
        {
            "seed": 1,
            "workers": 1,
            "base-url": address,
            "headers": {"Authorization": f"Bearer {token}", "Connection": "close"},
            "generation": {"max-examples": examples, "deterministic": True, "database": "none", "no-shrink": True},
            "phases": {"coverage": {"enabled": coverage}, "stateful": {"max-steps": steps}},
        }
    )
    return from_schema(schemathesis.openapi.from_dict(description(), config=config))


def faults_in(recorder: ScenarioRecorder) -> Iterator[Fault]:
    for case_id, checks in recorder.checks.items():
        for check in (one for one in checks if one.failure_info):
            assert check.failure_info
            exchange = recorder.interactions[case_id]
            assert exchange.response
            yield Fault(
                check=check.name,
                call=f"{exchange.request.method} {exchange.request.uri} {exchange.request.body!r}",
                said=check.failure_info.failure.message,
                status=exchange.response.status_code,
                answer=exchange.response.content.decode(),
            )


def is_of_a_rule(fault: Fault) -> bool:
    """Whether a well-formed call was refused for what no description of shapes can say; or one was taken whose parameter is
    empty, as forms send what was left out.
    """
    if fault.check == "negative_data_rejection":
        return re.search(r"[?&]\w+=(&| )", fault.call) is not None
    if fault.check != "positive_data_acceptance":
        return False
    answer = orjson.loads(fault.answer)
    between = {name: [BETWEEN_FIELDS.get(name)] for name in answer.get("errors", {})}
    return answer["code"] in RULES or (answer["code"] == "invalid" and answer["errors"] == between)


class Run(NamedTuple):
    faults: list[Fault]
    troubles: list[Any]
    """What kept schemathesis itself from its work."""
    calls: Counter[str]
    """By phase."""
    answered: set[int]


def run(engine: Any) -> Run:
    found = Run([], [], Counter(), set())
    for event in engine.execute():
        if isinstance(event, events.NonFatalError):
            found.troubles.append(event.value)
        elif isinstance(event, events.FatalError):
            found.troubles.append(event.exception)
        elif isinstance(event, events.ScenarioFinished):
            exchanges = event.recorder.interactions.values()
            found.calls[event.phase.value] += len(exchanges)
            found.answered.update(one.response.status_code for one in exchanges if one.response)
            found.faults.extend(fault for fault in faults_in(event.recorder) if not is_of_a_rule(fault))
    return found


@pytest.fixture
def address(station: Station, live_server: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    """A server with a few bookings to find. Its answers are small: held back to be sent together, each would wait 40 ms."""
    monkeypatch.setattr(WSGIRequestHandler, "disable_nagle_algorithm", True)
    for status in (Status.PENDING, Status.CONFIRMED):
        factories.booking(station, status=status)
    found: str = live_server.url
    return found


@pytest.mark.parametrize(
    "caller", [pytest.param(one, marks=() if one in ON_BOTH else pytest.mark.looks) for one in CALLERS]
)
def test_what_is_described_is_what_is_answered(caller: str, station: Station, address: str) -> None:
    coverage = caller == "manager" and connection.vendor == "postgresql"
    found = run(engine(address, token_of(caller, station), examples=4, steps=5, coverage=coverage))

    assert (found.faults, found.troubles) == ([], [])
    assert {"examples", "fuzzing", "stateful"} <= set(found.calls)
    assert {200, 404} <= found.answered


@pytest.mark.long
@pytest.mark.parametrize("caller", CALLERS)
def test_what_is_described_is_what_is_answered_to_thousands_of_calls(
    caller: str, station: Station, address: str
) -> None:
    found = run(engine(address, token_of(caller, station), examples=150, steps=10, coverage=True))

    assert (found.faults, found.troubles) == ([], [])
    assert sum(found.calls.values()) > 2000
