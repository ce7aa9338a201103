"""Forms of buttons, into which nothing is typed. They only parse and validate types; the services check the rules."""

import re
from typing import Any, Final

from django import forms
from django.utils.translation import gettext_lazy as _

from bookings.models.status import Status
from core.limits import MAX_PLACES

_DOOR_CHANGE: Final = re.compile(rf"(?:({'|'.join(Status)})|guests ([0-9]{{1,4}})) ([0-9]{{1,9}})")


class StatusForm(forms.Form):
    status = forms.ChoiceField(choices=Status.choices)
    version = forms.IntegerField(min_value=1, max_value=10**9)


class GuestsForm(forms.Form):
    """How many guests a booking is for, children included, and the version of the booking that was seen."""

    guests = forms.IntegerField(min_value=1, max_value=MAX_PLACES)
    version = forms.IntegerField(min_value=1, max_value=10**9)


class DoorChangeField(forms.Field):
    """What a button of the door does: `arrived 3` or `guests 4 3`, the last number being the version that was seen."""

    def to_python(self, value: Any) -> tuple[Status | None, int, int]:
        """Return the new status or None, the new number of guests or 0, and the version."""
        found = _DOOR_CHANGE.fullmatch(value or "")
        if found is None:
            raise forms.ValidationError(_("Something went wrong. Please try again."))
        status, guests, version = found.groups()
        return Status(status) if status else None, int(guests or 0), int(version)


class DoorChangeForm(forms.Form):
    change = DoorChangeField()


class WalkInForm(forms.Form):
    """Guests at the door."""

    station = forms.CharField(max_length=64)
    guests = forms.IntegerField(min_value=1, max_value=MAX_PLACES)


class GivenContactForm(forms.Form):
    """The decision about an email or phone that came with a booking, with the versions of booking and customer that were seen."""

    do = forms.ChoiceField(choices=[("use", ""), ("dismiss", "")])
    field = forms.ChoiceField(choices=[("email", ""), ("phone", "")])
    version = forms.IntegerField(min_value=1, max_value=10**9)
    customer_version = forms.IntegerField(required=False, min_value=1, max_value=10**9)

    def seen(self) -> dict[str, int | None]:
        """The versions, as arguments of a service."""
        return {
            "seen_version": self.cleaned_data["version"],
            "seen_customer": self.cleaned_data["customer_version"],
        }


class AdminGivenContactForm(GivenContactForm):
    """The form on a customer's page, where contacts of several bookings may wait for a decision."""

    booking = forms.UUIDField()
