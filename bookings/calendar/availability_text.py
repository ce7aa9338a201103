"""What is left of a slot, in words."""

from django.utils.translation import gettext as _

from bookings.calendar.read_model import SlotAvailability
from core.bidi import isolate


def describe_availability(availability: SlotAvailability) -> str:
    """Return a text such as “2 of 3 free”, “full” or “closed: stocktaking”."""
    slot, left = availability.slot, availability.parties_left
    if slot.closed:
        return f"{_('closed')}: {isolate(slot.reason)}" if slot.reason else _("closed")
    return _("%(left)d of %(capacity)d free") % {"left": left, "capacity": slot.capacity} if left else _("full")
