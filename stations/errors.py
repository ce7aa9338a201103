"""What the domain says no with: one exception for each sentence, raised by services and pure rules alike.

They know nothing of HTTP. `core/api/responses.py` gives each its status for JSON, `bookings/views.py` shows its sentence on
a page, the admin puts it on its form.
"""

from django.utils.translation import gettext_lazy as _

from core.errors import DomainError, Invalid


class Stale(DomainError):
    """Somebody changed it since the version that the caller has seen. `data` is the thing as it is now."""

    code = "stale"
    sentence = _("Someone else has changed this. Check it before you change it.")


class DoubleException(Invalid):
    sentence = _("There are two closures for the same day or slot. Keep one of them.")


class NoSuchSlot(DomainError):
    code = "no_such_slot"
    sentence = _("The station has no such slot on that day. Choose another slot.")


class SlotClosed(DomainError):
    """`data` is the reason that was given, if any."""

    code = "slot_closed"
    sentence = _("That slot is closed. Choose another slot.")
