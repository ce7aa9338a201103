"""Calls made up from the API's description: none crashes, and each answer is one that the description names."""

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi import checks

from accounts.authentication import new_tokens
from accounts.models import User
from config.wsgi import application
from tests.api.caller import description

schema = schemathesis.openapi.from_dict(description())
schema.app = application
CHECKS = [
    schemathesis.checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.response_headers_conformance,
    checks.unsupported_method,
]


@pytest.mark.django_db(transaction=True)
@schema.parametrize()
@settings(max_examples=10, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_described_is_what_is_answered(case: Any, staff: User) -> None:
    case.call_and_validate(headers={"Authorization": f"Bearer {new_tokens(staff)['access']}"}, checks=CHECKS)
