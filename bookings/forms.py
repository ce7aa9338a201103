"""Forms of the pages. They only parse and validate types; the services check the rules."""

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import time
from typing import Any, ClassVar, Final
from uuid import UUID

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts import roles
from accounts.forms import LineField, LinesField
from accounts.models import User
from bookings.calendar.availability_text import describe_availability
from bookings.calendar.layout import MONTH_DAYS
from bookings.calendar.read_model import SlotAvailability
from bookings.contact_forms import ContactForm, KnownContactForm
from bookings.models import Booking
from bookings.models.status import NEW, Status
from bookings.services.slot_offers import SlotOffer
from core import formats, money, validators
from core.limits import (
    MAX_CENTS,
    MAX_NOTES,
    MAX_PLACES,
    MAX_REFERENCE,
    MAX_SLOTS,
    MAX_SOURCE,
    PARTY_SIZES,
)
from core.web.inputs import DateInput
from core.web.redisplay import RedisplayMixin
from stations.models import Station
from stations.timetable import Slot

_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class IsoDateField(forms.DateField):
    """A date as browsers send it, `YYYY-MM-DD`."""

    widget = DateInput
    input_formats = ("%Y-%m-%d",)
    default_validators = [validators.known_date]


class SlotField(forms.TimeField):
    """The start of a slot, `HH:MM`."""

    input_formats = ("%H:%M",)


class AmountField(forms.Field):
    """An amount of money, parsed into minor units of the station's currency. Empty means 0."""

    # A text field, for in a number field a browser drops a comma if its own decimal mark is another one.

    widget = forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"})
    station: Station
    """Set by the form."""

    def __init__(self, **options: Any) -> None:
        super().__init__(required=False, initial=0, **options)

    def to_python(self, value: Any) -> int:
        if value in self.empty_values:
            return 0
        try:
            found = money.minor_units(str(value), self.station.currency, decimal_mark=self._decimal_mark())
        except ValueError as refusal:
            raise forms.ValidationError(str(refusal)) from None
        if found > MAX_CENTS:
            raise forms.ValidationError(_("This amount is too large."))
        return found

    def prepare_value(self, value: Any) -> Any:
        return (
            formats.format_amount(value, self.station.currency, self.station.country)
            if isinstance(value, int)
            else value
        )

    def _decimal_mark(self) -> str:
        # With three decimals “1,234” and “1.234” are ambiguous, so the station's own mark decides.
        return formats.decimal_mark(self.station.country) if money.exponent(self.station.currency) > 2 else ""


class SlotSelect(forms.Select):
    """The slots of a day, with full and closed ones disabled."""

    disabled_values: Collection[str] = ()

    def create_option(self, name: str, value: Any, *args: Any, **options: Any) -> dict[str, Any]:
        option = super().create_option(name, value, *args, **options)
        if value in self.disabled_values:
            option["attrs"]["disabled"] = True
        return option


class PartySizeInput(forms.NumberInput):
    """Chips for the usual sizes of a party, and a number (`…_more`) for others; see `templates/bookings/_party_size.html`."""

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        return data.get(f"{name}_more") or data.get(name)


class UUIDsField(forms.Field):
    """Any number of hidden fields with the IDs of objects. Invalid ones are ignored."""

    widget = forms.MultipleHiddenInput

    def to_python(self, value: Any) -> list[UUID]:
        return [UUID(one) for one in value or [] if _UUID.fullmatch(one)]


class CalendarForm(forms.Form):
    """The query of a calendar page."""

    ALL: ClassVar = "all"
    """As a status: cancelled bookings, too, which are hidden otherwise."""

    station = forms.CharField(required=False)
    date = IsoDateField(required=False)
    status = forms.ChoiceField(
        choices=[("", _("Without cancelled")), (ALL, _("All statuses")), *Status.choices], required=False
    )
    customer = forms.UUIDField(required=False)
    booking = forms.UUIDField(required=False)


class SearchForm(forms.Form):
    q = forms.CharField(max_length=300)
    station = forms.CharField(required=False)


class MoveForm(forms.Form):
    """The slot to move a booking to. `version` is the one that the person has seen."""

    station = forms.CharField(required=False)
    date = IsoDateField(label=_("Date"))
    slot = SlotField(label=_("Slot"))
    version = forms.IntegerField(required=False, min_value=1, max_value=10**9)
    next = forms.CharField(required=False)


class BookingCheckForm(forms.Form):
    """The slots for which the form of a new booking asks what the customer has booked."""

    date = IsoDateField()
    slot = SlotField()
    slots = forms.IntegerField(required=False, min_value=1, max_value=MAX_SLOTS)


class MoveOptionsForm(forms.Form):
    """The part of a calendar to preview a move for."""

    station = forms.CharField(required=False)
    first = IsoDateField()
    last = IsoDateField()

    def clean(self) -> dict[str, Any]:
        """Refuse more days than a month view shows."""
        data = super().clean() or {}
        first, last = data.get("first"), data.get("last")
        if first and last and not 0 <= (last - first).days < MONTH_DAYS:
            raise forms.ValidationError(_("Request 1 to 42 days."))
        return data


class PartyForm(forms.Form):
    """The fields of a booking except its slot and its customer."""

    party_adults = forms.IntegerField(label=_("Adults"), min_value=0, max_value=MAX_PLACES, initial=2)
    party_kids = forms.IntegerField(label=_("Children"), min_value=0, max_value=MAX_PLACES, initial=0)
    slots = forms.IntegerField(label=_("Slots in a row"), min_value=1, max_value=MAX_SLOTS, initial=1)
    special_requests = LinesField(
        label=_("Special requests"), required=False, max_length=MAX_NOTES, widget=forms.Textarea(attrs={"rows": 3})
    )
    total_due_cents = AmountField(label=_("Total"))
    deposit_due_cents = AmountField(label=_("Deposit"))
    source = LineField(label=_("Source"), required=False, max_length=MAX_SOURCE)
    external_ref = LineField(label=_("External reference"), required=False, max_length=MAX_REFERENCE)

    def __init__(self, *args: Any, station: Station, **options: Any) -> None:
        super().__init__(*args, **options)
        for field in self.fields.values():
            if isinstance(field, AmountField):
                field.station = station

    def party(self) -> dict[str, Any]:
        """The cleaned data, as arguments of a service."""
        names = PartyForm.base_fields
        data = {name: self.cleaned_data[name] for name in names if name in self.cleaned_data}
        if "special_requests" in data:
            data["special_requests"] = data["special_requests"] or None
        return data


MORE_FIELDS: Final = (
    *("email", "slots", "party_kids", "total_due_cents", "deposit_due_cents", "source", "external_ref", "status"),
)


class NewBookingForm(RedisplayMixin, PartyForm, ContactForm, KnownContactForm):
    """A new booking at a station, with the slots of a day to choose from."""

    # Slots that are not offered are valid choices, too: the service says what is wrong with them.

    party_sizes = PARTY_SIZES
    focuses_party = False
    date = IsoDateField(label=_("Date"))
    slot = forms.TypedChoiceField(label=_("Slot"), coerce=time.fromisoformat, widget=SlotSelect)
    party_adults = forms.IntegerField(
        label=_("Guests"), min_value=0, max_value=MAX_PLACES, initial=2, widget=PartySizeInput
    )
    special_requests = LinesField(
        label=_("Special requests"), required=False, max_length=MAX_NOTES, widget=forms.Textarea(attrs={"rows": 2})
    )
    known_overlap = UUIDsField(required=False)
    warns_of_overlaps = forms.BooleanField(required=False, initial=True, widget=forms.HiddenInput)
    status = forms.TypedChoiceField(
        label=_("Status"),
        coerce=Status,
        choices=[(one.value, one.label) for one in NEW],
        initial=Status.CONFIRMED,
    )

    def __init__(
        self, *args: Any, offer: SlotOffer, station: Station, initial: Mapping[str, Any] | None = None, **options: Any
    ) -> None:
        preselected = f"{offer.preselected:%H:%M}" if offer.preselected else ""
        start = {"date": offer.day, "slot": preselected, **(initial or {})}
        super().__init__(*args, station=station, initial=start, **options)
        slot = self.fields["slot"]
        slot.choices = slot_choices(offer.cells, station.country)  # type: ignore[attr-defined]
        offered = slot_choices(offer.bookable, station.country)
        if self["slot"].value() not in dict(offered):
            offered.insert(0, ("", _no_slot(station, offer)))
        slot.widget.choices = offered
        slot.widget.disabled_values = {f"{cell.slot.start:%H:%M}" for cell in offer.bookable if not cell.parties_left}

    def set_focus(self, *, knows_customer: bool) -> None:
        """Mark the first field that has to be filled in."""
        if not self["slot"].value():
            self.fields["date"].widget.attrs["autofocus"] = True
        elif not knows_customer:
            name = "name" if self["phone"].value() else "phone"
            self.fields[name].widget.attrs["autofocus"] = True
        else:
            self.focuses_party = True

    def known_overlaps(self) -> set[UUID] | None:
        """The customer's other bookings at that time that the form has shown; None if a program sent it, which shows none."""
        return set(self.cleaned_data["known_overlap"]) if self.cleaned_data["warns_of_overlaps"] else None

    def other_size(self) -> Any:
        """The number of guests if no chip has it."""
        size = self["party_adults"].value()
        return "" if size is None or str(size) in map(str, self.party_sizes) else size

    def contact_fields(self) -> list[forms.BoundField]:
        return [self["phone"], self["name"]]

    def known_contact_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in KnownContactForm.service_names.values()]

    def more_fields(self) -> list[forms.BoundField]:
        """Fields that few bookings need, besides the email."""
        return [self[name] for name in MORE_FIELDS if name != "email"]

    def opens_more(self) -> bool:
        """Whether one of these fields has an error or a value."""
        return any(self[name].errors or self._is_given(name) for name in MORE_FIELDS)

    def _is_given(self, name: str) -> bool:
        default = self.fields[name].initial
        return self.fields[name].has_changed(default, self[name].value())


class EditBookingForm(RedisplayMixin, PartyForm):
    """The fields of a booking that can be edited."""

    version = forms.IntegerField(min_value=1, max_value=10**9, widget=forms.HiddenInput)

    def __init__(self, *args: Any, booking: Booking, **options: Any) -> None:
        initial = {name: getattr(booking, name) for name in [*PartyForm.base_fields, "version"]}
        super().__init__(*args, station=booking.station, **{"initial": initial, **options})

    def edits(self) -> dict[str, Any]:
        """Only the fields changed on the form, for others may have values that it cannot show exactly."""
        return {name: value for name, value in self.party().items() if name in self.changed_data}


def _no_slot(station: Station, offer: SlotOffer) -> str:
    """The label of the empty choice."""
    if not station.is_active:
        return str(_("This station takes no new bookings."))
    return str(_("Choose a slot") if offer.preselected else _("No free slots on this day. Choose another date."))


def slot_choices(cells: Sequence[SlotAvailability], country: str) -> list[tuple[str, str]]:
    """The slots of a day each with what is free or why it is closed."""
    return [
        (f"{cell.slot.start:%H:%M}", f"{formats.format_time(cell.slot.start, country)} · {describe_availability(cell)}")
        for cell in cells
    ]


class ClosingForm(RedisplayMixin, forms.Form):
    """The hours of a day to close: from the start of a slot to the end of the same or a later one."""

    first = forms.TypedChoiceField(label=_("From"), coerce=time.fromisoformat)
    last = forms.TypedChoiceField(label=_("To"), coerce=time.fromisoformat)
    """The start of the last slot; its label is the slot's end."""
    reason = LineField(label=_("Reason"), required=False, max_length=200)

    def __init__(self, *args: Any, slots: Sequence[Slot], station: Station, **options: Any) -> None:
        starts = [f"{slot.start:%H:%M}" for slot in slots]
        initial = {"first": starts[0], "last": starts[-1]} if starts else {}
        super().__init__(*args, **{"initial": initial, **options})
        self._starts = [slot.start for slot in slots]
        if not self.is_bound:
            self.fields["reason"].widget.attrs["autofocus"] = True
        for name, labels in (
            ("first", [formats.format_time(slot.start, station.country) for slot in slots]),
            (
                "last",
                [
                    formats.format_end(slot.date, slot.ends_at.astimezone(station.zone), station.country)
                    for slot in slots
                ],
            ),
        ):
            self.fields[name].choices = [*zip(starts, labels, strict=True)]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if {"first", "last"} <= data.keys() and not self._chosen():
            self.add_error("last", _("The end is before the start."))
        return data

    def _chosen(self) -> list[time]:
        first, last = (self._starts.index(self.cleaned_data[name]) for name in ("first", "last"))
        return self._starts[first : last + 1]

    def starts(self) -> list[time] | None:
        """The starts of the slots to close; None for the whole day."""
        chosen = self._chosen()
        return None if chosen == self._starts else chosen


class FeedForm(RedisplayMixin, forms.Form):
    """The calendar of a new feed. Details are only offered to users who may see them."""

    station = forms.ModelChoiceField(
        Station.objects.none(), label=_("Station"), required=False, empty_label=_("All my stations")
    )
    details = forms.BooleanField(label=_("With names, phone numbers, email and special requests"), required=False)

    def __init__(self, *args: Any, person: User, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["station"].queryset = Station.objects.visible_to(person)  # type: ignore[attr-defined]
        if not person.has_perm(roles.PII):
            del self.fields["details"]
