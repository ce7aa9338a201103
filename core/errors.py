"""What the domain refuses with, whatever it is about: one exception for each code, with a sentence for people."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Sentence = str | Promise


class DomainError(Exception):
    """A refusal: `code` is for machines, `sentence` for the person, `fields` names what is at fault.

    `data` is whatever the refused may be shown to go on from, such as the current state of a stale booking.
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
    """No such thing, or one of a station that the person may not see: the two look alike."""

    code = "not_found"
    sentence = _("Not found.")


class NotPermitted(DomainError):
    """The person holds no group with this right."""

    code = "permission_denied"
    sentence = _("You don't have permission to do this. Ask a manager.")


class Invalid(DomainError):
    """Input that no rule needs to look at: out of range, or at odds with itself."""

    code = "invalid"
    sentence = _("Please correct the errors below.")
