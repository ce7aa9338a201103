"""Domain errors of stations and timetables, raised by services and pure rules."""

from django.utils.translation import gettext_lazy as _

from core.errors import DomainError, Invalid


class Stale(DomainError):
    """The object was changed since the version that the caller has seen. `data` is its current state."""

    code = "stale"
    sentence = _("Someone else has changed this. Check it before you change it.")


class DoubleException(Invalid):
    sentence = _("There are two closures for the same day or slot. Keep one of them.")


class NoSuchSlot(DomainError):
    code = "no_such_slot"
    sentence = _("The station has no such slot on that day. Choose another slot.")


class SlotClosed(DomainError):
    """`data` is the reason for the closure, if one was given."""

    code = "slot_closed"
    sentence = _("That slot is closed. Choose another slot.")
