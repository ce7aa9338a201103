"""The forms of a station's opening hours: a painted week, and the rule that builds one."""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from bookings.forms import IsoDateField, SlotField
from core.dates import DAYS_A_WEEK, MINUTES_A_DAY
from core.limits import MAX_PLACES
from core.web.redisplay import RedisplayMixin
from stations.models import Weekday
from stations.opening_hours import WeeklySlot
from stations.week_builder import Week


class TimetableForm(RedisplayMixin, forms.Form):
    """A form about a timetable, with the version of it that the manager has seen."""

    timetable_version = forms.IntegerField(required=False, max_value=10**9, widget=forms.HiddenInput)
    latest_entry = forms.IntegerField(required=False, max_value=10**18, widget=forms.HiddenInput)
    """The newest audit entry when the page was opened."""

    def refill(self, posted: QueryDict, timetable_version: int, latest_entry: int, **changed: str) -> None:
        """Fill the form with the posted values, except those `changed`, and the current versions."""
        self.data = data = posted.copy()
        data["timetable_version"], data["latest_entry"] = str(timetable_version), str(latest_entry)
        for name, value in changed.items():
            data[name] = value


class WeekForm(TimetableForm):
    """“Every 30 minutes from 08:00 to 20:00, Monday to Friday, capacity 2.”"""

    weekdays = forms.TypedMultipleChoiceField(
        label=_("Days"), coerce=int, choices=Weekday.choices, widget=forms.CheckboxSelectMultiple
    )
    start = SlotField(label=_("From"), widget=forms.TimeInput(attrs={"type": "time"}))
    end = SlotField(label=_("To"), widget=forms.TimeInput(attrs={"type": "time"}))
    minutes = forms.IntegerField(label=_("Every … minutes"), min_value=5, max_value=MINUTES_A_DAY, initial=60)
    capacity = forms.IntegerField(label=_("Capacity, in parties"), min_value=1, max_value=MAX_PLACES, initial=1)
    guest_capacity = forms.IntegerField(
        label=_("Capacity, in guests"),
        min_value=1,
        max_value=MAX_PLACES,
        required=False,
        help_text=_("Leave empty for no limit."),
    )
    first_date = IsoDateField(label=_("First date"))
    last_date = IsoDateField(label=_("Last date"), required=False, help_text=_("Leave empty for no end date."))
    replace = forms.BooleanField(
        label=_("Replace the opening hours of these days"),
        required=False,
        initial=True,
        help_text=_("From the first date on. Earlier dates stay as they are."),
    )
    displace = forms.BooleanField(label=_("Displace bookings that no longer fit"), required=False)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        first, last = data.get("first_date"), data.get("last_date")
        if first and last and last < first:
            self.add_error("last_date", gettext("The last date is before the first."))
        return data

    def week(self) -> Week:
        others = ("displace", "timetable_version", "latest_entry")
        return Week(**{name: value for name, value in self.cleaned_data.items() if name not in others})


Slots = frozenset[WeeklySlot]
MAX_SLOTS_A_WEEK: Final = 7 * 288
"""One every five minutes."""


class WeeklySlotsField(forms.CharField):
    """The slots of a week as the page's script sends them: `[[weekday, "HH:MM", minutes, parties, guests or null], …]`."""

    widget = forms.HiddenInput

    def to_python(self, value: Any) -> Slots:  # type: ignore[override]
        try:
            rows = json.loads(value)
            if not isinstance(rows, list):
                raise TypeError
            slots = frozenset(_weekly_slot(*row) for row in rows)
        except (ValueError, TypeError, RecursionError):
            raise forms.ValidationError(_("Something went wrong. Please try again.")) from None
        if len(slots) > MAX_SLOTS_A_WEEK:
            raise forms.ValidationError(_("Something went wrong. Please try again."))
        return slots

    def prepare_value(self, value: Any) -> Any:
        return to_json(value) if isinstance(value, frozenset) else value

    def validate(self, value: Any) -> None:
        """An empty week is a week without opening hours."""

    def run_validators(self, value: Any) -> None:
        """Those of text do not apply."""


def _weekly_slot(weekday: Any, start: Any, minutes: Any, capacity: Any, guests: Any) -> WeeklySlot:
    """Raises ValueError for values out of range."""
    limits = [(weekday, 0, DAYS_A_WEEK - 1), (minutes, 1, MINUTES_A_DAY), (capacity, 1, MAX_PLACES)]
    limits += [] if guests is None else [(guests, 1, MAX_PLACES)]
    if any(type(number) is not int or not least <= number <= most for number, least, most in limits):
        raise ValueError
    return WeeklySlot(weekday, datetime.strptime(start, "%H:%M").time(), minutes, capacity, guests)


def to_json(slots: Iterable[WeeklySlot]) -> str:
    rows = sorted(slots, key=lambda slot: (slot.weekday, slot.start))
    return json.dumps(
        [[one.weekday, f"{one.start:%H:%M}", one.minutes, one.capacity, one.guest_capacity] for one in rows]
    )


class FromDateForm(forms.Form):
    """The date from which opening hours are shown and changed."""

    first_date = IsoDateField(label=_("Opening hours from"))


class HoursForm(TimetableForm):
    """The week as painted, and as it was when the page was opened (`loaded`)."""

    first_date = IsoDateField(widget=forms.HiddenInput)
    slots = WeeklySlotsField(required=False)
    loaded = WeeklySlotsField(required=False)
    displace = forms.BooleanField(label=_("Displace bookings that no longer fit"), required=False)

    def rebase(self, posted: QueryDict, current: Slots, timetable_version: int, latest_entry: int) -> None:
        """Apply what was painted to the current opening hours, and go on from these."""
        loaded, painted = self.cleaned_data["loaded"], self.cleaned_data["slots"]
        current_and_painted = current - (loaded - painted) | (painted - loaded)
        slots = {"slots": to_json(current_and_painted), "loaded": to_json(current)}
        self.refill(posted, timetable_version, latest_entry, **slots)
