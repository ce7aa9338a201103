"""What the domain says no with: one exception for each sentence, raised by services and pure rules alike.

They know nothing of HTTP. `config/api.py` gives each its status for JSON, `bookings/views.py` shows its sentence on a page,
the admin puts it on its form.
"""

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
    sentence = _("There is no such thing here.")


class NotPermitted(DomainError):
    """The person holds no group with this right."""

    code = "permission_denied"
    sentence = _("Your groups do not allow this. Ask a manager for the right.")


class Invalid(DomainError):
    """Input that no rule needs to look at: out of range, or at odds with itself."""

    code = "invalid"
    sentence = _("Please correct what is marked.")


class Stale(DomainError):
    """Somebody changed it since the version that the caller has seen. `data` is the thing as it is now."""

    code = "stale"
    sentence = _("Someone changed this meanwhile. Look at it again before you change it.")


class DoubleException(Invalid):
    sentence = _("There are two exceptions for the same day or slot. Keep one of them.")


class NoSuchSlot(DomainError):
    code = "no_such_slot"
    sentence = _("The station has no such slot on that day. Choose another slot.")


class SlotClosed(DomainError):
    """`data` is the reason that was given, if any."""

    code = "slot_closed"
    sentence = _("That slot is closed. Choose another slot.")
