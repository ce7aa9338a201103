"""Base classes of domain errors, which have a code for programs and a sentence for people, and the HTTP status of each code."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Sentence = str | Promise

STATUS_BY_CODE: Final = {
    "not_authenticated": 401,
    "permission_denied": 403,
    "csrf_failed": 403,
    "second_factor_demanded": 403,
    "not_found": 404,
    "request_timeout": 408,
    "duplicate": 409,
    "not_last": 409,
    "stale": 412,
    "too_large": 413,
    "throttled": 429,
    "server_error": 500,
    "unavailable": 503,
}
"""HTTP statuses of error codes, for pages and API alike. Codes that are not listed have 400."""


def http_status(code: str) -> int:
    return STATUS_BY_CODE.get(code, 400)


def page_status(code: str) -> int:
    """Like `http_status`, but 409 for 412: forms send the version in a field, so no precondition header has failed."""
    status = http_status(code)
    return 409 if status == 412 else status


class DomainError(Exception):
    """A rule that was broken: `code` is for programs, `sentence` for people, `fields` has sentences by invalid field.

    `data` helps the caller to go on, such as the current state of a stale booking.
    """

    code = "invalid"
    sentence: Sentence = _("That is not possible.")

    def __init__(
        self,
        sentence: Sentence | None = None,
        *,
        fields: Mapping[str, Sequence[Sentence]] | None = None,
        data: Any = None,
    ) -> None:
        if sentence is not None:
            self.sentence = sentence
        self.fields = dict(fields or {})
        self.data = data
        super().__init__(self.code)

    def __str__(self) -> str:
        return str(self.sentence)


class NotFound(DomainError):
    """The object does not exist or belongs to a station that the person may not see; both look the same."""

    code = "not_found"
    sentence = _("Not found.")


class NotPermitted(DomainError):
    """None of the person's groups has this permission."""

    code = "permission_denied"
    sentence = _("You don't have permission to do this. Ask a manager.")


class Invalid(DomainError):
    """Input that is out of range or contradicts itself."""

    code = "invalid"
    sentence = _("Please correct the errors below.")
