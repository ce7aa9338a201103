"""Private names of Django that the product depends on: an upgrade that removes one fails here by name."""

from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpResponse


def test_response_has_the_list_of_what_is_closed_with_it() -> None:
    """`accounts.api.base` and `config.observability.request_log` add to `_resource_closers`."""
    assert getattr(HttpResponse(), "_resource_closers", None) == []


def test_session_has_the_method_that_reads_its_data() -> None:
    """`accounts.auth.session_store` calls `_get_session`."""
    assert callable(getattr(SessionBase, "_get_session", None))
