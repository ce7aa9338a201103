"""Base classes of domain errors: each has a code for programs and a sentence for people."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Sentence = str | Promise


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
